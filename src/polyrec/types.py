"""The values and protocols that rooms exchange: requests in, scores and lists out.

Nothing here computes a model; everything here is what models, losses, samplers, the training
loop and the judges agree on. Values are frozen; `Progress`, which the loop advances, is not.

Letters: R requests, B rows of a batch, N negatives, K interests, D width, M distinct items,
G sets of negatives, n real items. Id 0 means "nothing" in every vocabulary; real ids are 1..n.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self, TypeVar, runtime_checkable

import torch
from torch import Generator, Tensor, nn

T = TypeVar("T")
Side = Literal["left", "right"]
NOTHING = 0


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length, packed: row r is `values[start[r]:start[r + 1]]`.

    >>> Ragged.of([[5, 6, 7], [], [8]]).padded(2).tolist()
    [[6, 7], [0, 0], [8, 0]]
    """

    values: Tensor  # [sum]
    start: Tensor  # [R + 1], int64, start[0] = 0

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Packs Python lists: for tests, the CLI and single requests."""
        lengths = torch.tensor([0, *(len(row) for row in rows)], dtype=torch.int64)
        flat = [value for row in rows for value in row]
        return cls(torch.tensor(flat, dtype=torch.int64), lengths.cumsum(0))

    def __len__(self) -> int:
        return self.start.numel() - 1

    @property
    def lengths(self) -> Tensor:
        """[R]: number of values of each row."""
        return self.start[1:] - self.start[:-1]

    @property
    def row(self) -> Tensor:
        """[sum]: the row that each value belongs to."""
        return torch.repeat_interleave(torch.arange(len(self)), self.lengths)

    def padded(self, length: int, side: Side = "right") -> Tensor:
        """[R, length]: the last `length` values of each row, 0 elsewhere.

        `side` names where the zeros go; with "right" position 0 is the oldest kept value.
        """
        kept = self.lengths.clamp(max=length)
        place = torch.arange(length)
        if side == "left":
            place = place - (length - kept)[:, None]
        else:
            place = place.expand(len(self), length)
        real = (place >= 0) & (place < kept[:, None])
        if self.values.numel() == 0:
            return torch.zeros(len(self), length, dtype=self.values.dtype)
        at = torch.where(real, (self.start[1:] - kept)[:, None] + place, 0)
        return self.values[at] * real

    def last(self, count: int) -> Ragged:
        """The last `count` values of each row."""
        kept = self.lengths.clamp(max=count)
        return self._ranges(self.start[1:] - kept, kept)

    def select(self, rows: Tensor) -> Ragged:
        """[len(rows)]: the named rows, in that order."""
        return self._ranges(self.start[:-1][rows], self.lengths[rows])

    def _ranges(self, first: Tensor, lengths: Tensor) -> Ragged:
        start = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        shift = torch.repeat_interleave(first - start[:-1], lengths)
        return Ragged(self.values[torch.arange(int(start[-1])) + shift], start)


@dataclass(frozen=True)
class Requests:
    """All that may be known when somebody asks, and no answers.

    `asked` names places in `history.values` after which a question is put (sequence training
    asks after every event); None asks once a row, after its last event. So R is `len(self)`.
    """

    actor: Tensor  # [S], id of the person, 0 = unknown
    history: Ragged  # [S], item ids, oldest first
    time: Tensor | None = None  # [S], milliseconds when asked
    aligned: Mapping[str, Tensor] = field(
        default_factory=dict
    )  # name -> [sum], beside history.values
    context: Mapping[str, Tensor] = field(default_factory=dict)  # name -> [S]
    asked: Tensor | None = None  # [R], indices into history.values

    def __len__(self) -> int:
        return len(self.history) if self.asked is None else self.asked.numel()

    def select(self, rows: Tensor) -> Requests:
        """The named rows; only for requests that ask once a row."""
        assert self.asked is None, "select() is for requests that ask once a row"
        places = Ragged(torch.arange(self.history.values.numel()), self.history.start).select(rows)
        return Requests(
            actor=self.actor[rows],
            history=Ragged(self.history.values[places.values], places.start),
            time=None if self.time is None else self.time[rows],
            aligned={name: column[places.values] for name, column in self.aligned.items()},
            context={name: column[rows] for name, column in self.context.items()},
        )


class PairBatch(Protocol):
    """Requests and the item that answered each."""

    @property
    def requests(self) -> Requests: ...
    @property
    def positives(self) -> Tensor: ...  # [B], item ids
    @property
    def weight(self) -> Tensor: ...  # [B]


class LabelBatch(Protocol):
    """Rows with labels; weight 0 = the row lies outside the task's space."""

    @property
    def labels(self) -> Mapping[str, Tensor]: ...  # task -> [B] or [B, C]
    @property
    def weight(self) -> Mapping[str, Tensor]: ...  # task -> [B]


@dataclass(frozen=True)
class Draw:
    """One source's negatives: sets of ids, and which set each row of the batch meets.

    G = 1: one set shared by the batch; G = B: each row its own. `log_q` is ln of the expected
    number of times the id is in its set (a constant shift cancels in every softmax).
    """

    ids: Tensor  # [G, N]
    row: Tensor  # [B], the set that row b meets
    log_q: Tensor  # broadcasts to [G, N]
    valid: Tensor  # bool, broadcasts to [B, N]; False = never enters the loss


@dataclass(frozen=True)
class Negatives:
    """What a sampler returns: one draw, or several for a mixture."""

    draws: tuple[Draw, ...]
    pos_log_q: Tensor  # broadcasts to [B], on the same scale as the draws' log_q


@dataclass(frozen=True)
class Scores:
    """What a ranking loss sees: similarities (temperature applied, log_q not subtracted)."""

    pos: Tensor  # [B]
    neg: Tensor  # [B, N]
    pos_log_q: Tensor  # broadcasts to [B]
    neg_log_q: Tensor  # broadcasts to [B, N]
    valid: Tensor  # bool, broadcasts to [B, N]
    weight: Tensor  # [B]


@dataclass(frozen=True)
class Encoded:
    """A retriever's answer in training: both sides at once."""

    queries: Tensor  # [B, K, D]
    items: Tensor  # [M, D], in the order of the ids asked
    meet: tuple[Tensor, ...] = ()  # tensors where the tasks part
    extra: Mapping[str, Tensor] = field(default_factory=dict)  # own weighted loss terms, scalars


@dataclass(frozen=True)
class Answers:
    """A ranker's answer: logits for each task."""

    logits: Mapping[str, Tensor]  # task -> [B] or [B, C]
    meet: tuple[Tensor, ...] = ()
    extra: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Losses:
    """One step's losses. A task without a valid row is absent; `extra` is added, never balanced."""

    values: Mapping[str, Tensor]  # task -> scalar
    meet: tuple[Tensor, ...] = ()
    extra: Mapping[str, Tensor] = field(default_factory=dict)


class Ranks(Protocol):
    """The processes that train together."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    def gather(self, x: Tensor) -> Tensor: ...  # [B, ...] -> [size * B, ...]
    def mean(self, grads: Sequence[Tensor]) -> None: ...  # averages in place
    def share(self, weight: Tensor) -> float: ...  # this rank's part of the total, times size


@dataclass(frozen=True)
class Alone:
    """One process: identities and 1."""

    rank: int = 0
    size: int = 1

    def gather(self, x: Tensor) -> Tensor:
        return x

    def mean(self, grads: Sequence[Tensor]) -> None:
        return None

    def share(self, weight: Tensor) -> float:
        return 1.0


def derived_seed(*parts: object) -> int:
    """A 63-bit seed, pure in its parts and the same on every machine and in every process."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@dataclass
class Progress:
    """Where training stands. Whatever varies in training is a pure function of it.

    `epoch` and `step` count within the stage. `losses` are the latest ones of each task;
    `metrics` holds every evaluation of this run, oldest first, each with "stage", "epoch" and
    "step" beside its values. Everything but `ranks` and `notes` survives JSON.
    """

    seed: int = 0
    stage: str = ""
    epoch: int = 0
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    ranks: Ranks = field(default_factory=Alone)
    notes: dict[str, float] = field(default_factory=dict)

    def seed_of(self, purpose: str) -> int:
        """The seed of one purpose at this step."""
        return derived_seed(self.seed, self.stage, self.step, purpose)

    def generator(self, purpose: str) -> Generator:
        """A fresh generator, pure in (seed, stage, step, purpose)."""
        return torch.Generator().manual_seed(self.seed_of(purpose))

    def note(self, name: str, value: float | Tensor) -> None:
        """Leaves a number for the log of this step: a weight, a fill rate, a share."""
        self.notes[name] = float(value)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON values."""
        return {
            "seed": self.seed,
            "stage": self.stage,
            "epoch": self.epoch,
            "step": self.step,
            "losses": dict(self.losses),
            "metrics": [dict(row) for row in self.metrics],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], ranks: Ranks | None = None) -> Progress:
        """The inverse of `state`."""
        return cls(**state, ranks=ranks or Alone())


class Similarity(Protocol):
    """How a query meets an item. Owns scale and temperature.

    `forward`: [*S, P, D], [*S, N, D] -> [*S, P, N].
    """

    def __call__(self, query: Tensor, item: Tensor) -> Tensor: ...
    def as_vectors(self, query: Tensor | None = None, item: Tensor | None = None) -> Tensor | None:
        """One side in inner-product form: [..., D] -> [..., D']; None = exact scoring only."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """A model whose answer is found by similarity: item2vec ... ComiRec ... PinSAGE."""

    @property
    def similarity(self) -> Similarity: ...
    def prepare(self) -> Retriever: ...  # does once what no batch changes; most return self
    def queries(self, requests: Requests) -> Tensor: ...  # [R, K, D]
    def items(self, ids: Tensor) -> Tensor: ...  # [*S] -> [*S, D]; an index asks in blocks
    def __call__(self, requests: Requests, ids: Tensor) -> Encoded: ...  # ids [M], distinct


@runtime_checkable
class Scorer(Protocol):
    """A model that scores the whole catalogue for a block of requests (closed forms)."""

    def prepare(self) -> Scorer: ...
    def scores(self, requests: Requests) -> Tensor: ...  # [R, n + 1], column 0 is ignored


@runtime_checkable
class Ranker(Protocol):
    """A model whose answer is a logit for each row and task."""

    def prepare(self) -> Ranker: ...
    def logits(self, batch: Any) -> Answers: ...


RankingLoss = Callable[[Scores], Tensor]  # -> scalar
LabelLoss = Callable[[Tensor, Tensor], Tensor]  # logits, labels -> [B]


class Sampler(Protocol):
    """Draws what the positives are held against."""

    def sample(self, batch: PairBatch, progress: Progress) -> Negatives: ...


class Schedule(Protocol[T]):  # type: ignore[misc]  # a return type is covariant by use
    """Whatever varies in training: a pure function of progress."""

    def __call__(self, progress: Progress, /) -> T: ...


class Objective(Protocol):
    """From a model and a batch to losses."""

    def __call__(self, model: nn.Module, batch: Any, progress: Progress) -> Losses: ...


class Stream(Protocol):
    """Batches by random access: same arguments, same batch; nothing to save, nothing to skip."""

    @property
    def steps(self) -> int: ...  # in an epoch; constant

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Any: ...


@dataclass(frozen=True)
class TopK:
    """A recommender's lists, best first. Id 0 fills what could not be filled."""

    ids: Tensor  # [R, k]
    scores: Tensor  # [R, k]
    why: Tensor  # [R]: 0 = the model answered, 1 = no usable history, 2.. = the recommender's own


class Recommender(Protocol):
    """What is measured and what is served."""

    def recommend(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,  # [R], ids never to return to that row
        among: Tensor | None = None,  # [A], the only ids allowed
    ) -> TopK: ...

    def score(self, requests: Requests, ids: Tensor) -> Tensor: ...  # [R, M] -> [R, M]


class Predictor(Protocol):
    """Label probabilities for rows."""

    def predict(self, rows: Any) -> Mapping[str, Tensor]: ...


@dataclass(frozen=True)
class Ranked:
    """Lists held against what was wanted. All a ranking metric may see.

    `wanted` counts distinct wanted items; `listed` counts the truth list with its repeats (two
    published dialects divide by it).
    """

    key: Tensor  # [R], the request
    cluster: Tensor  # [R], the unit of independence (the person)
    ids: Tensor  # [R, k], 0 = not filled
    truth_at: Tensor  # [R, k]: 0 = miss, else 1-based place in the request's ordered truth
    wanted: Tensor  # [R]
    listed: Tensor  # [R]

    @property
    def hit(self) -> Tensor:
        """[R, k], bool."""
        return self.truth_at > 0


@dataclass(frozen=True)
class Scored:
    """Scores held against labels of one task. All a label metric may see."""

    key: Tensor  # [R]
    cluster: Tensor  # [R]
    score: Tensor  # [R]
    label: Tensor  # [R]
    weight: Tensor  # [R]
    group: Tensor  # [R]


Metric = Callable[[Ranked], Tensor]  # -> [R]; means, intervals, slices and tests come later
Whole = Callable[[Ranked | Scored, Tensor], float]  # with row weights, for the bootstrap
