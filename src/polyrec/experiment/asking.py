"""Asking finished runs: judge them again, hold them against each other, have them recommend."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyrec import evaluate
from polyrec.data import Facts
from polyrec.evaluate import Report
from polyrec.experiment.stored import Stored, stored, values
from polyrec.experiment.watching import Quiet, Watch
from polyrec.metrics import RANKING, SYSTEM, Catalogue
from polyrec.metrics import dialect as dialect_of
from polyrec.recipes import chosen, near, reasons
from polyrec.recipes import parts as retrieval
from polyrec.recommend import WHY
from polyrec.types import Ragged, Requests


@dataclass(frozen=True)
class Verdict:
    """How to judge a stored run again; empty fields mean as stored."""

    k: tuple[int, ...] = ()
    dialects: tuple[str, ...] = ("polyrec",)
    metrics: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    candidates: str = "full"
    part: str = "test"
    again: bool = False


@dataclass(frozen=True)
class Wish:
    """What to ask of a recommender: a history by external ids, and how to answer."""

    history: tuple[str, ...]
    k: int = 10
    exclude_seen: bool = False
    diversity: float | None = None  # None: as the run was measured
    user: str = ""  # who asks, for runs that read what is known of people


def judge(path: Path, how: Verdict, watch: Watch = Quiet()) -> dict[str, Any]:
    """Figures of a stored run at other lengths, in other formulas or slices.

    Stored lists answer where they are long enough; else the model is asked anew.
    """
    if how.part not in ("valid", "test"):
        raise ValueError(f"--part {how.part!r}: must be valid or test")
    told = stored(path)
    held = evaluate.load(values(told.run, how.part))
    facts = told.facts()
    longest = held.evidence.lists.ids.shape[1]
    if how.again or max(how.k, default=0) > longest:
        held = _asked_anew(told, how, held.evidence.base.checkpoint)
    _refuse_unknown(held, how)
    known = {**RANKING, **SYSTEM}
    names = tuple(n for n in dict.fromkeys(v.split("@")[0] for v in held.values) if n in known)
    ks = how.k or tuple(sorted({int(name.split("@")[1]) for name in held.values if "@" in name}))
    catalogue = Catalogue(
        facts.items, facts.counts, retrieval.categories(facts, getattr(told.config, "category", ""))
    )
    found: dict[str, Any] = {}
    for dialect in how.dialects:
        asked = how.metrics or _spoken(names, dialect, watch)
        one = evaluate.rejudge(held, asked, ks, dialect, catalogue)
        found |= _told(one, how, dialect if len(how.dialects) > 1 else "", watch)
    return {"run": str(path), "part": how.part, "metrics": found}


def recommend(path: Path, wish: Wish, watch: Watch = Quiet()) -> dict[str, Any]:
    """The k best items for a history, by the ids of the log; a bare history gets popular ones.

    What was left out when the run was measured is left out here too.

    Raises:
        ValueError: the history names items that the run does not know, or k exceeds them all.
    """
    told = stored(path)
    config = told.config
    if wish.diversity is not None:
        _takes(config, "diversity")
        told = dataclasses.replace(
            told, config=dataclasses.replace(config, diversity=wish.diversity)
        )
    rec, facts = told.recommender()
    ids = _known(facts, wish.history, path)
    if wish.k > facts.items:
        raise ValueError(f"--k {wish.k}: the run knows {facts.items:,} items; ask for fewer")
    history = Ragged.of([ids])
    requests = Requests(actor=_person(facts, wish.user, path), history=history)
    if wish.user and "actor" not in _asks(rec):
        warnings.warn(
            f"--user {wish.user}: this run reads nothing of people, so the list is anybody's with "
            "this history",
            stacklevel=2,
        )
    if lacking := _lacking(rec, wish):
        watch.line(
            f"(judged with {', '.join(lacking)} of each event or person, answered without: lists "
            "may differ from the measured ones)"
        )
    seen = history if wish.exclude_seen or getattr(config, "exclude", "none") == "history" else None
    answer = rec.recommend(requests, wish.k, exclude=seen)
    listed = [
        {"id": facts.vocabs["target"].key(item), "score": score}
        for item, score in zip(answer.ids[0].tolist(), answer.scores[0].tolist(), strict=True)
        if item
    ]
    why = WHY[int(answer.why[0])]
    if int(answer.why[0]):
        watch.line(f"({why})")
    width = max((len(str(entry["id"])) for entry in listed), default=2)
    for place, entry in enumerate(listed, 1):
        watch.line(f"{place:>3}  {entry['id']:<{width}}  {entry['score']:.4f}")
    return {"items": listed, "why": why}


def _takes(config: Any, key: str) -> None:
    """Passes if the run's recipe has that setting.

    Raises:
        ValueError: it has not.
    """
    if key not in reasons(type(config)):
        raise ValueError(f"--{key}: lists of this recipe have no such setting; leave it out")


def _person(facts: Facts, key: str, path: Path) -> Tensor:
    """[1]: the id of the person, 0 for nobody.

    Raises:
        KeyError: the run knows nobody of that name.
    """
    if not key:
        return torch.zeros(1, dtype=torch.int64)
    found = torch.from_numpy(facts.vocabs["actor"].ids([key]).astype("int64"))
    if int(found[0]) == 0:
        raise KeyError(
            f"--user {key}: {path} knows no such person or node; give an id as it stands in the "
            "data, or leave --user out"
        )
    return found


def _asks(rec: object) -> tuple[str, ...]:
    held = getattr(rec, "model", getattr(rec, "scorer", None))
    found: tuple[str, ...] = getattr(getattr(held, "of", held), "asks", ())
    return found


def _lacking(rec: object, wish: Wish) -> list[str]:
    """What the model reads that a bare history does not tell."""
    return [name for name in _asks(rec) if not (name == "actor" and wish.user)]


def _asked_anew(told: Stored, how: Verdict, checkpoint: str) -> Report:
    """The stored model, asked again on the data of the run."""
    config = told.config
    if how.k:
        _takes(config, "k")
        config = dataclasses.replace(config, k=max(how.k))
    split = told.recipe.data(config)
    if split.test.hash != told.run.read_json("run.json")["data"]["test_hash"]:
        raise ValueError(f"{told.path}: the data changed since the run; restore {config.data!r}")
    model = told.model(split.facts)
    plan = told.recipe.plan(config, split, model)
    told.run.log("read", {"part": how.part, "purpose": "judge again"})
    rec = told.recipe.serve(config, model, split.facts)
    return plan.judge(rec, how.part, checkpoint)


def _refuse_unknown(held: Report, how: Verdict) -> None:
    """What cannot be answered is said before anything is printed."""
    for dialect in how.dialects:
        dialect_of(dialect)
    for slicing in how.slices:
        chosen({**held.slices, "none": {}}, slicing, "slicing")
    _drawn(how.candidates)


def _spoken(names: tuple[str, ...], dialect: str, watch: Watch) -> tuple[str, ...]:
    """Those of the stored metrics that the dialect has; says which it has not."""
    spoken = dialect_of(dialect)
    lacking = [name for name in names if name in RANKING and name not in spoken.formulas]
    if lacking:
        watch.line(f"{dialect} has no {', '.join(lacking)}: left out")
    return tuple(name for name in names if name not in lacking)


def _drawn(candidates: str) -> int:
    """M of uM; 0 for full."""
    if candidates == "full":
        return 0
    if not (candidates.startswith("u") and candidates[1:].isdigit() and int(candidates[1:])):
        raise ValueError(f"--candidates {candidates!r}: full, or uM such as u100 (uniform)")
    return int(candidates[1:])


def _told(one: Report, how: Verdict, dialect: str, watch: Watch) -> dict[str, Any]:
    """Prints one judged report and returns its values by name."""
    watch.line(evaluate.table(one, dialect))
    told = dict(one.values)
    if how.candidates != "full":
        told = _sampled(one, how.candidates)
        for name, value in told.items():
            watch.line(f"{name}  {value.value:.4f} [{value.low:.4f}, {value.high:.4f}]")
    for slicing in how.slices:
        known = chosen({**one.slices, "none": {}}, slicing, "slicing")
        for metric in told if known else ():
            watch.line(_slice_lines(one, slicing, metric))
    prefix = f"{dialect}:" if dialect else ""
    return {prefix + name: value.to_json() for name, value in told.items()}


def _sampled(one: Report, candidates: str) -> dict[str, evaluate.Value]:
    """Expected values among uniformly drawn candidates, from full ranks."""
    pairs = [name.split("@") for name in one.values if "@" in name]
    found: dict[str, evaluate.Value] = {}
    for k in sorted({int(k) for name, k in pairs if name in RANKING}):
        names = [name for name, at in pairs if int(at) == k and name in ("hit_rate", "ndcg")]
        found |= evaluate.sampled(one, names, k, _drawn(candidates))
    return found


def _slice_lines(one: Report, slicing: str, metric: str) -> str:
    kept = {slicing: one.slices[slicing]}
    return evaluate.slice_table(dataclasses.replace(one, slices=kept), metric)


def _known(facts: Facts, history: Sequence[str], path: Path) -> list[int]:
    """Ids of external keys."""
    vocab = facts.vocabs["target"]
    ids = [int(i) for i in vocab.ids(history)]
    unknown = [key for key, found in zip(history, ids, strict=True) if not found]
    if unknown:
        hint = near(unknown[0], [vocab.key(i) for i in range(1, min(facts.items, 50_000) + 1)])
        raise ValueError(
            f"{len(unknown)} of {len(history)} items are not in the run's catalogue of "
            f"{facts.items:,}, first {unknown[0]!r}{hint}; use ids as they stand in the log"
        )
    return ids
