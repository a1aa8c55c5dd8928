"""The whole ablation: ask, estimate, trim, run, decide, write."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from polyrec.data import Split
from polyrec.evaluate import Report
from polyrec.experiment.ablation import book, scheme, telling
from polyrec.experiment.ablation.arms import Arm, Bench, bench, composed
from polyrec.experiment.ablation.book import Book
from polyrec.experiment.ablation.decide import Ruling, Trial, decide
from polyrec.experiment.ablation.question import Ask, Question, question
from polyrec.experiment.ablation.scheme import Scheme
from polyrec.experiment.ablation.trainings.measure import best_on_valid, better, measured, report
from polyrec.experiment.ablation.trainings.shelf import Shelf
from polyrec.experiment.ablation.trainings.work import Done, Task, carry_out
from polyrec.experiment.watching import Quiet, Watch
from polyrec.report.ablation import write_ablation
from polyrec.train import Interrupted

PROCESS = 4.0  # seconds until a process of its own begins to work


@dataclass
class Bureau:
    """What all trainings of one ablation share."""

    ask: Ask
    shelf: Shelf
    book: Book
    scheme: Scheme
    watch: Watch
    left: int  # tasks
    ended: int = field(default=0)

    def finish(self, done: Done) -> None:
        """A training ended."""
        self.ended += 1
        self.book.note(done)
        self.watch.line(f"  {self.ended} of {self.left}: {done.task}: {_outcome(done)}")

    def work(self, tasks: Sequence[Task]) -> list[Done]:
        """Carries out what is not there yet."""
        return carry_out(tasks, self.shelf, self.ask.jobs, self.watch, self.finish)


def ablate(ask: Ask, watch: Watch = Quiet()) -> dict[str, Any]:
    """Each change of a recipe against its anchor: what to keep, what to drop, what is undecided.

    Returns what `ablation.json` holds; beside it lie `ablation.md`, `ablation.html` and the runs.
    The same call again goes on where it stopped.

    Raises:
        KeyError, ValueError, FileNotFoundError, MemoryError: the question cannot be asked, or the
            budget is too small for any of it.
        Interrupted: somebody asked to stop; all runs are saved.
    """
    q = question(ask)
    began = time.monotonic()
    split = _split(q)
    start = time.monotonic() - began + (PROCESS if ask.jobs > 1 else 0.0)
    benches = tuple(bench(q, anchor, split, start, watch) for anchor in q.anchors)
    _something_left(benches)
    _all_read(q, benches)
    shelf = Shelf.scan(ask.out, q.name, split)
    ledger = Book(ask.out, book.asked(q, ask))
    chosen = _scheme(ask, Scheme(benches, ask.seeds), shelf, ledger)
    left = scheme.cost(chosen, shelf)
    ledger.estimates += tuple(scheme.told(chosen, left, ask.jobs)) if left.tasks else ()
    for line in telling.before(q, chosen, split, left, ask.jobs):
        watch.line(line)
    if ask.until == "plan":
        return {"scheme": ledger.scheme, "trainings": left.trainings, "seconds": left.seconds}
    ledger.write()
    bureau = Bureau(ask, shelf, ledger, chosen, watch, left.tasks)
    return _worked(q, bureau, split)


def _worked(q: Question, bureau: Bureau, split: Split) -> dict[str, Any]:
    """Everything after the estimate."""
    chosen, watch = bureau.scheme, bureau.watch
    try:
        trials = [_trials(one, bureau) for one in chosen.benches]
    except KeyboardInterrupt as stop:
        said = str(stop).partition(";")[0] or "interrupted"
        raise Interrupted(f"{said}; the same `polyrec ablate` command goes on") from stop
    paths = [path for group in trials for trial in group for path in trial.paths]
    reports = {path: report(path) for path in paths}
    rulings = [decide(b, t, reports) for b, t in zip(chosen.benches, trials, strict=True)]
    page = telling.page(q, chosen, rulings, _beside(chosen, rulings, reports), split,
                        bureau.ask.out)  # fmt: skip
    page = dataclasses.replace(page, estimate=bureau.book.estimates, trims=chosen.trims)
    for line in telling.after(page):
        watch.line(line)
    bureau.book.result = telling.as_json(page)
    bureau.book.write()
    watch.line(f"  page: {write_ablation(page, bureau.ask.out)}")
    return bureau.book.to_json()


def _split(q: Question) -> Split:
    first = q.anchors[0]
    return q.of.data(composed(q.of, first.variant, {**first.settings, **q.base}))


def _all_read(q: Question, benches: Sequence[Bench]) -> None:
    """What is set by hand must be read by some run."""
    read = {name for one in benches for arm in one.arms for name in arm.settings}
    unread = [f"{name}={value}" for name, value in q.base.items() if name not in read]
    if unread:
        raise ValueError(
            f"{', '.join(unread)}: no run of this ablation reads it; leave it out, or add the "
            "change that does"
        )


def _something_left(benches: Sequence[Bench]) -> None:
    if not any(one.changes for one in benches):
        reasons = [f"{name}: {why}" for one in benches for name, why in one.skipped]
        raise ValueError(f"nothing left to try ({'; '.join(dict.fromkeys(reasons))})")


def _scheme(ask: Ask, whole: Scheme, shelf: Shelf, ledger: Book) -> Scheme:
    """Within the budget; an interrupted ablation keeps to what it was trimmed to."""
    before = book.as_before(whole, ledger.asked, ask.out)
    if before is not None:
        chosen, ledger.estimates = before
    else:
        hours = ask.hours
        chosen = whole if hours is None else scheme.trim(whole, hours, shelf, ask.jobs)
    ledger.scheme = chosen.state()
    return chosen


def _trials(one: Bench, bureau: Bureau) -> list[Trial]:
    """All runs of an anchor and its changes: learning rates first, then the seeds that count."""
    share, device = bureau.scheme.share, bureau.ask.device
    searches = [
        Task(arm, rate, arm.config.seed, "search", share, device)
        for arm in one.arms
        if len(arm.rates) > 1
        for rate in arm.rates
    ]
    searched = bureau.work(searches)
    rates = {arm.name: _rated([d for d in searched if d.task.arm is arm]) for arm in one.arms}
    lost = {arm.name: _failures(searched, arm) for arm in one.arms if len(arm.rates) > 1}
    counted = bureau.work([
        Task(arm, _best(arm, rates[arm.name]), arm.config.seed + number, "count", device=device)
        for arm in one.arms
        if rates[arm.name] or not lost.get(arm.name)
        for number in range(bureau.scheme.seeds)
    ])  # fmt: skip
    return [_trial(arm, rates[arm.name], counted, lost.get(arm.name, ())) for arm in one.arms]


def _rated(searched: Sequence[Done]) -> dict[float, float]:
    """Learning rate -> the best that it reached on validation."""
    found = {}
    for done in searched:
        if done.path is not None and done.task.rate is not None:
            value = best_on_valid(done.path, done.task.arm.config.select_by)
            if value is not None:
                found[done.task.rate] = value
    return found


def _best(arm: Arm, rates: dict[float, float]) -> float | None:
    """The learning rate to use: the best on validation, the smaller of two equals."""
    if rates:
        return max(sorted(rates), key=lambda rate: better(arm.config.select_by, rates[rate]))
    return arm.rates[0] if arm.rates else None


def _failures(done: Sequence[Done], arm: Arm) -> tuple[str, ...]:
    return tuple(
        f"lr={one.task.rate:g}: {one.reason}"
        for one in done
        if one.task.arm is arm and one.path is None
    )


def _trial(
    arm: Arm, rates: dict[float, float], counted: Sequence[Done], lost: tuple[str, ...]
) -> Trial:
    own = [done for done in counted if done.task.arm is arm]
    paths = tuple(done.path for done in own if done.path is not None)
    failures = tuple(f"seed {d.task.seed}: {d.reason}" for d in own if d.path is None)
    if not own:  # no learning rate worked
        return Trial(arm, None, rates, (), (), lost)
    spans = tuple(measured(path) for path in paths)
    return Trial(arm, _best(arm, rates), rates, paths, spans, failures)


def _beside(
    chosen: Scheme, rulings: Sequence[Sequence[Ruling]], reports: dict[Any, Report]
) -> list[tuple[str, Any]]:
    """Every later anchor against the first."""
    pairs = list(zip(chosen.benches, [group[0].trial for group in rulings], strict=True))
    return [telling.pair(other, pairs[0], reports) for other in pairs[1:]]


def _outcome(done: Done) -> str:
    if done.path is None:
        return f"failed: {done.reason}"
    metric = done.task.arm.config.select_by
    value = best_on_valid(done.path, metric)
    told = "" if value is None else f"{metric.removeprefix('-')} {value:.4f} on validation, "
    return f"{told}{measured(done.path).seconds:.0f} s"
