"""Training with semantic ids: an autoencoder that makes them, and guessing them beside ranking."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from polyrec.data import Dense, Labelled, Labels, Rows, Table, Vocab
from polyrec.nn.quantize import RQVAE, CodeHead
from polyrec.train import Pick, nearest
from polyrec.train.optim import AdamW
from polyrec.train.schedule import Constant, Epochs, Span, WarmUp
from polyrec.train.stage import Hook, Solve, Stage, Task
from polyrec.types import Losses, Objective, PairBatch, Progress, Retriever, Schedule

VECTOR = "vector"


def item_rows(vectors: Tensor, keys: Vocab, batch_size: int) -> Rows:
    """A stream of items with their vectors [n + 1, d], each once an epoch; zero rows are left out.

    Raises:
        ValueError: no item has a vector.
    """
    there = vectors.any(1)
    there[0] = False
    table = Table({VECTOR: Dense(vectors.numpy())}, keys)
    return Rows(Labelled(table, {}), there.nonzero()[:, 0].numpy(), batch_size)


@dataclass(frozen=True)
class Reconstruct:
    """The loss of an `RQVAE`: |x - x'|^2, its codebooks' term, and beta times the commitment.

    Sums over the width, the mean over rows, noted apart as `rqvae/...`. Goes with `item_rows`.
    `part`: where the autoencoder stands in the model; "" = it is the model.
    """

    part: str = ""
    column: str = VECTOR
    name: str = "rqvae"

    def __call__(self, model: nn.Module, batch: Labels, progress: Progress) -> Losses:
        rqvae = cast(RQVAE, model.get_submodule(self.part))
        x = cast(Tensor, batch.features[self.column]).to(rqvae.codebook)
        terms = rqvae(x)
        found = {
            "reconstruction": terms.reconstruction.mean(),
            "codebook": terms.codebook.mean(),
            "commitment": rqvae.beta * terms.commitment.mean(),
        }
        for name, value in found.items():
            progress.note(f"{self.name}/{name}", value.detach())
        progress.note(f"{self.name}/unique", partial(_unique, terms.ids))
        share = progress.ranks.share(torch.ones(len(x)))
        return Losses({self.name: torch.stack([*found.values()]).sum() * share})


def rqvae_stages(
    model: RQVAE, vectors: Tensor, keys: Vocab, length: Span, batch_size: int = 640, part: str = ""
) -> list[Solve | Stage]:
    """An autoencoder's two stages: its codebooks start by k-means, then it is trained.

    Dead codes move before every epoch but the first. AdamW at .001 as in an open implementation of
    TIGER; expect 20,000 steps and more for a large catalogue. `dataclasses.replace` changes the
    rest. Take `model.codes(vectors)` afterwards.
    """

    def start(progress: Progress) -> None:
        model.start(vectors, progress.generator("codebooks"))

    def restart(progress: Progress) -> dict[str, float]:
        return dict(model.restart(vectors, progress.generator("dead codes")))

    task = Task(item_rows(vectors, keys, batch_size), Reconstruct(part))
    hooks = [Hook(Epochs(1), restart, "dead codes")]
    trains = [part] if part else None
    train = Stage("rqvae", [task], length, 0.001, optim=AdamW(), trains=trains, hooks=hooks)
    return [Solve("codebooks", start), train]


@dataclass(frozen=True)
class WithCodes:
    """A ranking objective, and beside it the positive's codes guessed from the row's query.

    The head (a `CodeHead` of the model) says each level's code by itself; the cross-entropy, over
    levels and the rows whose positive has codes, is added with a small weight that warms up. It
    pulls queries of similar items together; it is no retriever of its own. With several interests
    the one that `pick` takes for the target guesses.

    Raises:
        ValueError: the objective hands over no queries.
        KeyError: the model has no such head.
    """

    rank: Objective
    weight: Schedule[float] = WarmUp(1_000, Constant(0.02))
    head: str = "code_head"
    pick: Pick = nearest
    name: str = "codes"

    def __call__(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Losses:
        losses = self.rank(model, batch, progress)
        head, weight = self._head(model), self.weight(progress)
        progress.note(f"{self.name}/weight", weight)
        has = head.known(batch.positives)
        rows = has * batch.weight.to(has.device)
        total, share = rows.sum(), progress.ranks.share(rows)
        progress.note(f"{self.name}/rows", has.float().mean())
        if not bool(total > 0):
            return losses
        query = self._query(model, losses, batch)
        value = (rows * head.loss(query, batch.positives)).sum() / total
        progress.note(f"{self.name}/loss", value.detach())
        extra = {**losses.extra, self.name: weight * value * share}
        return Losses(losses.values, losses.meet, extra)

    def logits(self, model: nn.Module, batch: PairBatch, progress: Progress) -> Tensor | None:
        """Those of the ranking objective, for the report of a failed step."""
        seen = getattr(self.rank, "logits", None)
        return None if seen is None else cast(Tensor, seen(model, batch, progress))

    def _query(self, model: nn.Module, losses: Losses, batch: PairBatch) -> Tensor:
        """[B, D]: the interest that answers each row."""
        if not losses.meet or losses.meet[0].ndim != 3:
            raise ValueError(
                "WithCodes needs the queries [B, K, D] first in the model's Encoded.meet"
            )
        queries = losses.meet[0]
        if queries.shape[1] == 1:
            return queries[:, 0]
        retriever: Any = model
        with torch.no_grad():
            target = cast(Retriever, retriever).items(batch.positives)
            chosen = self.pick(retriever, queries.detach(), target)
        return queries.gather(1, chosen[:, None, None].expand(-1, 1, queries.shape[2]))[:, 0]

    def _head(self, model: nn.Module) -> CodeHead:
        found = dict(model.named_modules()).get(self.head)
        if not isinstance(found, CodeHead):
            held = [name for name, part in model.named_modules() if isinstance(part, CodeHead)]
            raise KeyError(f"the model has no code head {self.head!r}; it has {held}: add CodeHead")
        return found


def _unique(ids: Tensor) -> float:
    """Distinct tuples of a batch over its rows."""
    return len(torch.unique(ids, dim=0)) / len(ids)
