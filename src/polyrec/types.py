"""The values and protocols that rooms exchange: requests in, scores and lists out.

Nothing here computes a model; everything here is what models, losses, samplers, the training
loop and the judges agree on. Values are frozen; `Progress`, which the loop advances, is not.

Letters: R requests, B rows of a batch, N negatives, K interests, D width, M distinct items,
G sets of negatives, n real items. Id 0 means "nothing" in every vocabulary; real ids are 1..n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from polyrec.progress import Alone, Progress, Ranks, derived_seed
from polyrec.requests import Ragged, Requests, Side

T = TypeVar("T")
NOTHING = 0

__all__ = [
    "NOTHING",
    "Alone",
    "Answers",
    "Draw",
    "Encoded",
    "LabelBatch",
    "LabelLoss",
    "Losses",
    "Metric",
    "Negatives",
    "Objective",
    "PairBatch",
    "Predictor",
    "Progress",
    "Ragged",
    "Ranked",
    "Ranker",
    "RankingLoss",
    "Ranks",
    "Recommender",
    "Requests",
    "Retriever",
    "Sampler",
    "Schedule",
    "Scored",
    "Scorer",
    "Scores",
    "Side",
    "Similarity",
    "Stream",
    "TopK",
    "Whole",
    "derived_seed",
]


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
    log_q: Tensor  # broadcasts to [G, N]; of one shared set also [B, N], where rows differ
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
