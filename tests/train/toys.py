"""Four small trainings, one for each thing that resume must not disturb.

`curriculum`: two streams in two stages, a hard cache refreshed by a hook, an adaptive margin.
`solver`: a solver between two stages. `famo`: a balance that needs the losses again after the step.
`windows`: hard windows in a mixture that time decides.
Each is a function so that every training starts from fresh objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.balance import FAMO
from polyrec.losses import sampled_softmax
from polyrec.negatives import Blend, Curriculum, HardCache, HardWindow, Uniform
from polyrec.train import (
    Adam,
    AdaptiveMargin,
    Answer,
    Epochs,
    Hook,
    LazyAdam,
    Patience,
    Rank,
    Solve,
    Stage,
    Steps,
    Task,
    Vary,
    hard_hook,
)
from polyrec.types import (
    Answers,
    Draw,
    Encoded,
    Negatives,
    PairBatch,
    Progress,
    Ragged,
    Requests,
    Scores,
    derived_seed,
)

ITEMS, DIM, INTERESTS = 30, 4, 2


class Dot(nn.Module):
    """The plain product."""

    def forward(self, query: Tensor, item: Tensor) -> Tensor:
        return query @ item.transpose(-1, -2)

    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> Tensor | None:
        return query if item is None else item


class Model(nn.Module):
    """Retriever and ranker in one: a sparse table, a dropout, a head, a buffer to solve for."""

    bias: Tensor

    def __init__(self, drop: float = 0.2) -> None:
        super().__init__()
        self.drop = drop
        generator = torch.Generator().manual_seed(5)
        self.table = nn.Parameter(torch.randn(ITEMS + 1, DIM, generator=generator) * 0.3)
        self.maps = nn.Parameter(torch.randn(INTERESTS, DIM, DIM, generator=generator) * 0.5)
        self.head = nn.Linear(DIM, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.randn(2, DIM, generator=generator))
            self.head.bias.zero_()
        self.similarity = Dot()
        self.register_buffer("bias", torch.zeros(0))

    def prepare(self) -> Model:
        return self

    def items(self, ids: Tensor) -> Tensor:
        return F.embedding(ids, self.table, padding_idx=0, sparse=True)

    def queries(self, requests: Requests) -> Tensor:
        ids = requests.history.padded(4)
        mean = self.items(ids).sum(1) / (ids > 0).sum(1, keepdim=True).clamp(min=1)
        mean = F.dropout(mean, self.drop, self.training)
        return torch.einsum("bd,kde->bke", mean, self.maps)

    def forward(self, requests: Requests, ids: Tensor) -> Encoded:
        return Encoded(self.queries(requests), self.items(ids))

    def logits(self, batch: LabelRows) -> Answers:
        solved = self.bias.sum() if self.bias.numel() else 0.0
        both = self.head(F.dropout(self.items(batch.ids), self.drop, self.training)) + solved
        return Answers({"click": both[:, 0], "buy": both[:, 1]})


@dataclass(frozen=True)
class Pairs:
    """Requests and the item that answered each."""

    requests: Requests
    positives: Tensor
    weight: Tensor


@dataclass(frozen=True)
class LabelRows:
    """Items with two labels."""

    ids: Tensor
    labels: Mapping[str, Tensor]
    weight: Mapping[str, Tensor]


@dataclass(frozen=True)
class PairStream:
    """Histories of three items and a fourth, drawn anew for every place."""

    steps: int = 5
    rows: int = 8

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        generator = torch.Generator().manual_seed(derived_seed(seed, epoch, step))
        ids = torch.randint(1, ITEMS + 1, (self.rows, 4), generator=generator)
        ids = ids[part[0] * self.rows // part[1] : (part[0] + 1) * self.rows // part[1]]
        start = torch.arange(0, 3 * len(ids) + 1, 3)
        requests = Requests(torch.arange(len(ids)), Ragged(ids[:, :3].flatten(), start))
        return Pairs(requests, ids[:, 3], torch.ones(len(ids)))


@dataclass(frozen=True)
class LabelStream:
    """Items whose labels follow from their id; a third of the rows lies outside task `buy`."""

    steps: int = 3
    rows: int = 6

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> LabelRows:
        generator = torch.Generator().manual_seed(derived_seed(seed, epoch, step))
        ids = torch.randint(1, ITEMS + 1, (self.rows,), generator=generator)
        ids = ids[part[0] * self.rows // part[1] : (part[0] + 1) * self.rows // part[1]]
        labels = {"click": (ids % 2).float(), "buy": (ids % 3 == 0).float()}
        weight = {"click": torch.ones(len(ids)), "buy": (ids % 3 < 2).float()}
        return LabelRows(ids, labels, weight)


class BestItems(nn.Module):
    """Draws from the items that the model scored highest a while ago, and from all."""

    hard: Tensor

    def __init__(self, model: Model, count: int = 6) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("hard", torch.zeros(count, dtype=torch.int64))
        self._score = partial(_popular_direction, model)  # a closure, not a sub-module

    def refresh(self, progress: Progress) -> dict[str, float]:
        best = self._score()[1:].argsort(descending=True)[: self.count] + 1
        kept = float(torch.isin(best, self.hard).float().mean())
        self.hard.copy_(best)
        return {"kept": kept}

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives:
        generator = progress.generator("hard")
        rows = len(batch.positives)
        pick = torch.randint(0, self.count, (rows, 3), generator=generator)
        wide = torch.randint(1, ITEMS + 1, (1, 4), generator=generator)
        near = self.hard[pick]
        return Negatives(
            (
                Draw(near, torch.arange(rows), torch.zeros(1, 1), near != batch.positives[:, None]),
                Draw(wide, torch.zeros(rows, dtype=torch.int64), torch.zeros(1, 1),
                     wide != batch.positives[:, None]),
            ),
            torch.zeros(1),
        )  # fmt: skip


def _popular_direction(model: Model) -> Tensor:
    assert not model.training, "hooks run in eval mode"
    assert not torch.is_grad_enabled(), "hooks run without gradient"
    return model.table.detach() @ model.maps.detach().mean(0).sum(1)


def margin(scores: Scores, width: float) -> Tensor:
    """Mean gap loss over what is valid."""
    gap = F.relu(width - scores.pos[:, None] + scores.neg) * scores.valid
    return (gap.mean(1) * scores.weight).sum() / scores.weight.sum()


def label_loss(logit: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy a row."""
    return F.binary_cross_entropy_with_logits(logit, label, reduction="none")


def evaluate(model: nn.Module, progress: Progress) -> dict[str, float]:
    """A number that goes up and down and depends on every weight."""
    assert not model.training
    assert isinstance(model, Model)
    level = model.table.detach().sum() + model.head.weight.detach().sum()
    return {"wave": float(torch.sin(40 * level)), "level": float(level)}


@dataclass
class Toy:
    """A model, its stages, and how many steps they take at most."""

    model: Model
    stages: Sequence[Stage | Solve]


def curriculum() -> Toy:
    """Two streams in two stages; the second with a hard cache and a margin that adapts."""
    model = Model()
    cache = BestItems(model)
    width = AdaptiveMargin("wave", low=0.5, high=2.0, patience=1)
    hard = Vary(lambda p: Rank(partial(margin, width=width(p)), cache))
    labels = Answer({"click": label_loss, "buy": label_loss})
    refresh = Hook(Steps(3), cache.refresh)
    one = Stage(
        "one", [Task(LabelStream(), labels)], Epochs(2), judge=Steps(2), select="wave",
        optim=LazyAdam(), lr=0.05,
    )  # fmt: skip
    two = Stage(
        "two", [Task(PairStream(), hard), Task(LabelStream(), labels)], Steps(9), judge=Steps(2),
        select="wave", stop=Patience("wave", 3), optim=LazyAdam(), lr=0.03, hooks=[refresh],
        keeps={"cache": cache}, clip=0.8,
    )  # fmt: skip
    return Toy(model, [one, two])


def solver() -> Toy:
    """A solver between two stages sizes and fills a buffer that the second one uses."""
    model = Model()

    def solve(progress: Progress) -> None:
        model.bias = model.table.detach()[1:].mean(1) * 0.1

    task = [Task(LabelStream(), Answer({"click": label_loss, "buy": label_loss}))]
    return Toy(
        model,
        [
            Stage("before", task, Steps(4), judge=Steps(2), select="-level", optim=Adam(), lr=0.05),
            Solve("solve", solve),
            Stage("after", task, Steps(4), judge=Steps(3), optim=Adam(weight_decay=0.01), lr=0.02,
                  trains=["head"]),
        ],
    )  # fmt: skip


def famo() -> Toy:
    """A balance that sees the losses of the same batch and draws again after the step."""
    task = Task(LabelStream(rows=12), Answer({"click": label_loss, "buy": label_loss}))
    stage = Stage(
        "joint", [task], Steps(7), judge=Steps(2), select="wave", lr=0.05,
        balance=FAMO(("click", "buy")),
    )  # fmt: skip
    return Toy(Model(), [stage])


def windows() -> Toy:
    """Hard windows searched every third step, in a mixture whose ratios move with the steps."""
    model = Model()
    known = Ragged.of([[], *([1 + a, 9 + a, 17 + a] for a in range(8))])
    cache = HardCache(ITEMS, known, ranks=(2, 12))
    mixture = Curriculum(
        (HardWindow(cache, 1), Uniform(ITEMS, 1)),
        Blend((0.25, 0.75), (0.75, 0.25), over=6, by="step"),
        8,
    )
    actors = torch.arange(1, 9)
    search = hard_hook(
        cache, model, lambda: [(actors, Requests(actors, known.select(actors)))], Steps(3)
    )
    stage = Stage(
        "hard", [Task(PairStream(), Rank(sampled_softmax, mixture))], Steps(8), judge=Steps(3),
        select="wave", optim=LazyAdam(), lr=0.05, hooks=[search], keeps={"hard": cache},
    )  # fmt: skip
    return Toy(model, [stage])


TOYS: dict[str, Callable[[], Toy]] = {
    "curriculum": curriculum,
    "solver": solver,
    "famo": famo,
    "windows": windows,
}
