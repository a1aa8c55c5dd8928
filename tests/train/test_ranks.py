"""Processes that train together move as one: two parts of a batch are the batch."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from tests.train.toys import ITEMS, LabelStream, Model, PairStream, evaluate, label_loss
from torch import Tensor

from polyrec.losses import sampled_softmax
from polyrec.run import Run
from polyrec.train import (
    Answer,
    Interrupted,
    LazyAdam,
    Options,
    Processes,
    Rank,
    Stage,
    Steps,
    Task,
    fit,
)
from polyrec.types import Draw, Negatives, PairBatch, Progress


@dataclass(frozen=True)
class Shared:
    """One set for the whole batch: the same in every process."""

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        ids = torch.randint(1, ITEMS + 1, (1, 9), generator=progress.generator("shared"))
        row = torch.zeros(len(batch.positives), dtype=torch.int64)
        valid = ids != batch.positives[:, None]
        return Negatives((Draw(ids, row, torch.zeros(1, 1), valid),), torch.zeros(1))


def train(ranks: Processes | None, run: Run | None = None, stop: int = 0) -> Model:
    """A training with two streams; rows in a task's space differ between the parts."""
    model = Model(drop=0.0)
    tasks = [
        Task(PairStream(rows=128), Rank(sampled_softmax, Shared())),
        Task(LabelStream(rows=10), Answer({"click": label_loss, "buy": label_loss})),
    ]
    stage = Stage(
        "s", tasks, Steps(6), judge=Steps(2), select="wave", optim=LazyAdam(), lr=0.02, clip=1.0
    )
    progress = Progress(seed=4) if ranks is None else Progress(seed=4, ranks=ranks)
    options = Options(report=lambda progress, tick: progress.step == stop)
    fit(model, [stage], evaluate, progress, run, options)
    return model


def part(rank: int, folder: Path, stop: int) -> None:
    """One of two processes; each writes what it ends with."""
    dist.init_process_group("gloo", f"file://{folder}/meet{stop}", rank=rank, world_size=2)
    run = Run(folder / "run")
    try:
        model = train(Processes(), run, stop if rank == 0 else 0)
        Run(folder).save(f"rank{rank}", dict(model.state_dict()), {})
    except Interrupted:
        pass
    finally:
        dist.destroy_process_group()


def together(folder: Path, stop: int = 0) -> None:
    context = multiprocessing.get_context("spawn")  # a fork after compiled loops ran would hang
    processes = [context.Process(target=part, args=(rank, folder, stop)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
        assert process.exitcode == 0


def ends(folder: Path) -> list[dict[str, Tensor]]:
    return [Run(folder).load(f"rank{rank}")[0] for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> Model:
    return train(None)


def test_two_halves_of_a_batch_move_as_the_batch(alone: Model, tmp_path: Path) -> None:
    Run.create(tmp_path / "run")
    together(tmp_path)
    first, second = ends(tmp_path)
    for name, wanted in alone.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], wanted, atol=2e-6)


def test_processes_stop_after_the_same_step_and_resume_together(
    alone: Model, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run")
    together(tmp_path, stop=3)  # only the first process is asked to stop
    assert run.meta("last")["step"] == 3
    together(tmp_path)
    first, second = ends(tmp_path)
    for name, wanted in alone.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], wanted, atol=2e-6)
