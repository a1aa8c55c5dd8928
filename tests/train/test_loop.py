"""The loop: what happens when, what is kept, what is written down."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from tests.train.toys import LabelRows, LabelStream, Model, evaluate, famo, label_loss, solver
from torch import Tensor, nn

from polyrec.run import Run
from polyrec.train import (
    Answer,
    Epochs,
    Hook,
    Interrupted,
    NonFiniteError,
    Options,
    Patience,
    Solve,
    Stage,
    Steps,
    Task,
    TensorBoard,
    fit,
)
from polyrec.types import Progress

CLICK = Answer({"click": label_loss})


@dataclass(frozen=True)
class Asked(LabelStream):
    """Keeps the places it was asked for."""

    places: list[tuple[int, int]] = field(default_factory=list)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> LabelRows:
        self.places.append((epoch, step))
        return super().batch(seed, epoch, step, part)


def stage(steps: int = 6, **fields: object) -> Stage:
    """A small stage; `fields` replace its own."""
    plain = Stage("s", [Task(LabelStream(), CLICK)], Steps(steps), judge=Steps(2), lr=0.05)
    return replace(plain, **fields)


def judged_by(values: Mapping[int, float]) -> Callable[[nn.Module, Progress], dict[str, float]]:
    """An evaluation that is written down beforehand, by step."""
    return lambda model, progress: {"m": values[progress.step]}


def stop_at(step: int) -> Options:
    return Options(report=lambda progress, tick: progress.step == step)


def test_a_task_counts_epochs_of_its_own_stream() -> None:
    short, long = Asked(steps=2), Asked(steps=5)
    other = Answer({"buy": label_loss})
    tasks = [Task(long, CLICK), Task(short, other)]
    progress = fit(Model(), [stage(7, tasks=tasks, judge=None)], evaluate, Progress())
    assert long.places == [divmod(step, 5) for step in range(7)]
    assert short.places == [divmod(step, 2) for step in range(7)]
    assert progress.epoch == 1


def test_two_tasks_of_one_name_are_refused() -> None:
    twice = [Task(LabelStream(), CLICK), Task(LabelStream(), CLICK)]
    with pytest.raises(ValueError, match="two tasks of stage s are named 'click'"):
        fit(Model(), [stage(tasks=twice)], evaluate, Progress())


def test_the_model_is_prepared_once_a_step() -> None:
    class Counting(Model):
        prepared = 0

        def prepare(self) -> Model:
            self.prepared += 1
            return self

    model = Counting()
    tasks = [Task(LabelStream(), CLICK), Task(LabelStream(), Answer({"buy": label_loss}))]
    fit(model, [stage(5, tasks=tasks, judge=None)], evaluate, Progress())
    assert model.prepared == 5


def test_hooks_run_before_the_step_in_eval_mode_without_gradient() -> None:
    model, seen = Model(), list[tuple[int, bool, bool]]()

    def do(progress: Progress) -> None:
        seen.append((progress.step, model.training, torch.is_grad_enabled()))

    fit(model, [stage(5, hooks=[Hook(Steps(2), do)])], evaluate, Progress())
    assert seen == [(0, False, False), (2, False, False), (4, False, False)]


def test_the_best_weights_return_although_nothing_stopped_early() -> None:
    values = {2: 0.1, 4: 0.9, 6: 0.5}
    kept: dict[int, Tensor] = {}

    def judge(model: nn.Module, progress: Progress) -> dict[str, float]:
        kept[progress.step] = model.state_dict()["table"].clone()
        return {"m": values[progress.step]}

    model = Model()
    fit(model, [stage(select="m")], judge, Progress())
    assert torch.equal(model.table, kept[4])
    assert not torch.equal(model.table, kept[6])


def test_without_select_the_last_weights_stay() -> None:
    model, end = Model(), dict[str, Tensor]()

    def judge(model: nn.Module, progress: Progress) -> dict[str, float]:
        end["table"] = model.state_dict()["table"].clone()
        return {"m": -float(progress.step)}

    fit(model, [stage()], judge, Progress())
    assert torch.equal(model.table, end["table"])


def test_patience_stops_and_says_why(tmp_path: Path) -> None:
    values = {step: 1.0 if step == 4 else 0.0 for step in range(2, 40, 2)}
    run = Run.create(tmp_path / "run")
    patient = stage(40, select="m", stop=Patience("m", 2))
    progress = fit(Model(), [patient], judged_by(values), Progress(), run)
    assert progress.step == 10
    said = "stopped at 10; last improvement 4; 3 evaluations flat"
    assert run.lines("stop")[0]["reason"] == said


def test_a_stage_is_judged_at_its_end_too() -> None:
    progress = fit(Model(), [stage(5)], evaluate, Progress())
    assert [row["step"] for row in progress.metrics] == [2, 4, 5]


def test_a_stage_begins_with_the_best_weights_of_the_one_before() -> None:
    start: dict[str, Tensor] = {}
    model = Model()
    first = stage(select="m")
    look = Hook(Epochs(99), lambda progress: start.update(table=model.table.detach().clone()))
    second = replace(stage(4), name="t", hooks=[look])
    values = {2: 0.9, 4: 0.1, 6: 0.1}
    at_best: dict[str, Tensor] = {}

    def judge(model: nn.Module, progress: Progress) -> dict[str, float]:
        if progress.stage == "s" and progress.step == 2:
            at_best["table"] = model.state_dict()["table"].clone()
        return {"m": values[progress.step]}

    fit(model, [first, second], judge, Progress())
    assert torch.equal(start["table"], at_best["table"])


def test_only_what_the_stage_trains_moves() -> None:
    model, start = Model(), Model()
    fit(model, [stage(trains=["head"])], evaluate, Progress())
    assert torch.equal(model.table, start.table)
    assert not torch.equal(model.head.weight, start.head.weight)
    assert all(weight.requires_grad for weight in model.parameters())


def test_an_unknown_prefix_names_the_nearest() -> None:
    with pytest.raises(KeyError, match=r"'heads'.*head\.weight"):
        fit(Model(), [stage(trains=["heads"])], evaluate, Progress())


def test_a_worse_first_evaluation_after_a_resume_leaves_best_alone(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    judge = judged_by({2: 0.9, 4: 0.2, 6: 0.1})
    with pytest.raises(Interrupted):
        fit(Model(), [stage(select="m")], judge, Progress(), run, stop_at(3))
    before = run.meta("best")
    fit(Model(), [stage(select="m")], judge, Progress(), run)
    assert run.meta("best")["sha256"] == before["sha256"]
    assert run.meta("best")["step"] == 2


def test_fine_tuning_is_recorded_and_keeps_the_moments(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    with pytest.raises(Interrupted):
        fit(Model(), [stage(select="wave")], evaluate, Progress(), run, stop_at(3))
    finer = stage(select="wave", lr=0.001, stop=Patience("wave", 9))
    fit(Model(), [finer], evaluate, Progress(), run)
    line = run.lines("resume")[0]
    assert line["changed"]["stages.0.lr"] == [0.05, 0.001]
    assert "optimiser" in line["restored"]
    assert run.lines("train")[-1]["lr"] == 0.05  # only the first step of each hundred is logged


def test_moments_can_be_reset(tmp_path: Path) -> None:
    ends = []
    for name, options in (("kept", Options()), ("reset", Options(moments="reset"))):
        run, model = Run.create(tmp_path / name), Model()
        with pytest.raises(Interrupted):
            fit(Model(), [stage()], evaluate, Progress(), run, stop_at(3))
        fit(model, [stage()], evaluate, Progress(), run, options)
        ends.append(model.table.detach())
        assert ("optimiser" in run.lines("resume")[0]["restored"]) == (name == "kept")
    assert not torch.equal(*ends)


def test_more_patience_lets_a_stopped_run_go_on(tmp_path: Path) -> None:
    values = {step: 1.0 if step in (2, 8) else 0.0 for step in range(2, 40, 2)}
    run = Run.create(tmp_path / "run")
    impatient = stage(12, select="m", stop=Patience("m", 1))
    assert fit(Model(), [impatient], judged_by(values), Progress(), run).step == 6
    patient = stage(12, select="m", stop=Patience("m", 5))
    assert fit(Model(), [patient], judged_by(values), Progress(), run).step == 12
    assert run.meta("best")["step"] == 2
    assert len(run.lines("eval")) == 6


@pytest.mark.parametrize(
    ("change", "end"),
    [({"lr": 0.001}, 10), ({"clip": 1.0}, 10), ({"judge": Steps(1)}, 6), ({}, 6)],
    ids=["rate", "clip", "judged more often", "nothing"],
)
def test_patience_starts_anew_only_where_what_moves_the_weights_changed(
    tmp_path: Path, change: dict[str, object], end: int
) -> None:
    values = {step: 1.0 if step == 2 else 0.0 for step in range(2, 40)}
    run = Run.create(tmp_path / "run")
    first = stage(40, select="m", stop=Patience("m", 1))
    assert fit(Model(), [first], judged_by(values), Progress(), run).step == 6
    second = replace(first, **change)
    assert fit(Model(), [second], judged_by(values), Progress(), run).step == end
    assert run.meta("best")["step"] == 2


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    run, again = Run.create(tmp_path / "run"), Model()
    fit(Model(), [stage(select="wave")], evaluate, Progress(), run)
    before = run.lines("train"), run.lines("eval"), run.lines("stop"), run.meta("best")["sha256"]
    fit(again, [stage(select="wave")], evaluate, Progress(), run)
    after = run.lines("train"), run.lines("eval"), run.lines("stop"), run.meta("best")["sha256"]
    assert after == before
    assert torch.equal(again.table, run.load("best")[0]["model/table"])


def test_a_checkpoint_of_another_shape_lists_what_differs(tmp_path: Path) -> None:
    run, other = Run.create(tmp_path / "run"), Model()
    fit(Model(), [stage()], evaluate, Progress(), run)
    other.maps = nn.Parameter(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="maps is 3x4x4, stored 2x4x4"):
        fit(other, [stage()], evaluate, Progress(), run)


def test_a_run_of_another_seed_or_stage_is_refused(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    fit(Model(), [stage()], evaluate, Progress(seed=1), run)
    with pytest.raises(ValueError, match="has seed 1, got 2"):
        fit(Model(), [stage()], evaluate, Progress(seed=2), run)
    with pytest.raises(ValueError, match=r"stopped in stage 's'; these are \['t'\]"):
        fit(Model(), [replace(stage(), name="t")], evaluate, Progress(seed=1), run)


def test_stages_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="each with its own name"):
        fit(Model(), [stage(), stage()], evaluate, Progress())


def test_a_loss_that_is_not_finite_stops_with_row_and_logit(tmp_path: Path) -> None:
    run, model = Run.create(tmp_path / "run"), Model()

    def poison(progress: Progress) -> None:
        if progress.step == 4:
            model.table[:] = 3e38
            model.head.weight[:] = 3e38

    broken = stage(6, hooks=[Hook(Steps(1), poison)], select="wave")
    with pytest.raises(NonFiniteError, match=r"step 5 of stage s \(row 0, largest logit"):
        fit(model, [broken], evaluate, Progress(), run)
    assert run.meta("last")["step"] < 5
    assert run.lines("nonfinite")[0]["loss"] == "click"
    assert all(torch.isfinite(tensor).all() for tensor in run.load("last")[0].values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    run, model = Run.create(tmp_path / "run"), Model()

    def poison(progress: Progress) -> None:
        model.maps[:] = torch.nan  # unused by the labels: the loss stays finite

    with pytest.raises(NonFiniteError, match="maps is not finite"):
        fit(model, [stage(hooks=[Hook(Steps(9), poison)])], evaluate, Progress(), run)
    assert not run.has("last")


def test_an_error_of_the_evaluation_stops_the_run() -> None:
    def judge(model: nn.Module, progress: Progress) -> dict[str, float]:
        raise RuntimeError("no requests")

    with pytest.raises(RuntimeError, match="no requests"):
        fit(Model(), [stage()], judge, Progress())


def test_a_training_line_says_what_the_doctor_asks_for(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    toy = famo()
    fit(toy.model, toy.stages, evaluate, Progress(), run, Options(log_every=3))
    line = run.lines("train")[-1]
    assert line["step"] == 6
    assert set(line["loss"]) == {"click", "buy"}
    assert line["weight"]["click"] + line["weight"]["buy"] == pytest.approx(1.0, abs=1e-5)
    assert set(line["gradient"]) == set(line["update_per_weight"]) == {"table", "maps", "head"}
    assert line["gradient"]["maps"] == 0  # what no loss reaches shows
    assert line["update_per_weight"]["head"] > 0
    assert {"seconds", "cpu_seconds", "lr", "epoch", "stage"} <= set(line)


def test_the_loss_of_a_line_is_the_mean_since_the_line_before(tmp_path: Path) -> None:
    run, losses = Run.create(tmp_path / "run"), list[float]()
    options = Options(log_every=4, report=lambda p, _: losses.append(p.losses["click"]))
    fit(Model(), [stage(8)], evaluate, Progress(), run, options)
    lines = run.lines("train")
    assert [line["step"] for line in lines] == [1, 4, 8]
    assert lines[2]["loss"]["click"] == pytest.approx(sum(losses[4:]) / 4)


def test_an_evaluation_line_says_what_was_judged_and_how_long_nothing_was_better(
    tmp_path: Path,
) -> None:
    run = Run.create(tmp_path / "run")
    options = Options(judged={"part": "valid", "requests": 99})
    judge = judged_by({2: 0.5, 4: 0.4, 6: 0.7})
    fit(Model(), [stage(select="m")], judge, Progress(), run, options)
    lines = run.lines("eval")
    assert [line["since_best"] for line in lines] == [0, 1, 0]
    assert [line["saved"] for line in lines] == ["best", None, "best"]
    assert {line["part"] for line in lines} == {"valid"}
    saves = {line["step"]: line["sha256"] for line in run.lines("save") if line["name"] == "best"}
    assert set(saves) == {2, 6}
    assert saves[6] == run.meta("best")["sha256"]


def test_a_report_comes_after_every_step_with_rate_and_time_left() -> None:
    ticks = []
    options = Options(report=lambda progress, tick: ticks.append(tick))
    fit(Model(), [stage(5)], evaluate, Progress(), options=options)
    assert [tick.step for tick in ticks] == [1, 2, 3, 4, 5]
    assert ticks[-1].left == 0
    assert ticks[0].rate > 0
    assert [tick.evaluated is not None for tick in ticks] == [False, True, False, True, True]


def test_every_finished_stage_keeps_a_checkpoint(tmp_path: Path) -> None:
    run, toy = Run.create(tmp_path / "run"), solver()
    fit(toy.model, toy.stages, evaluate, Progress(), run)
    assert run.checkpoints() == ["best", "last", "stages/after", "stages/before", "stages/solve"]


def test_a_solver_alone_is_a_training(tmp_path: Path) -> None:
    run, model = Run.create(tmp_path / "run"), Model()

    def solve(progress: Progress) -> None:
        model.bias = torch.ones(3)

    fit(model, [Solve("fit", solve)], evaluate, Progress(), run)
    assert torch.equal(run.load("best")[0]["model/bias"], torch.ones(3))
    again = Model()
    fit(again, [Solve("fit", solve)], evaluate, Progress(), run)
    assert torch.equal(again.bias, torch.ones(3))


def test_training_leaves_the_caller_s_randomness_alone() -> None:
    model = Model()
    before = torch.get_rng_state()
    fit(model, [stage(3)], evaluate, Progress())
    assert torch.equal(before, torch.get_rng_state())


def test_dropout_does_not_depend_on_the_caller_s_seed() -> None:
    ends = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = Model()
        fit(model, [stage(3)], evaluate, Progress())
        ends.append(model.table.detach())
    assert torch.equal(*ends)


def test_tensorboard_follows_the_log_or_names_the_extra(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    fit(Model(), [stage(4)], evaluate, Progress(), run)
    board = TensorBoard(run, tmp_path / "board")
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ModuleNotFoundError, match=r"polyrec\[tensorboard\]"):
            board.follow()
    else:
        assert board.follow() == len(run.lines())
        assert board.follow() == 0
        assert list((tmp_path / "board").iterdir())


def test_what_was_read_after_the_checkpoint_stays_on_record(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    fit(Model(), [stage(4)], evaluate, Progress(), run)
    run.log("read", {"part": "valid", "step": 4, "purpose": "select"})
    run.log("read", {"part": "test", "step": 4, "purpose": "report"})
    fit(Model(), [stage(6)], evaluate, Progress(), run)
    assert [line["part"] for line in run.lines("read")] == ["test"]
