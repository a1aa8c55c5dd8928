"""Whether codes are any good: how many are in use, how evenly, who shares, what is lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from polyrec.nn.quantize.codes import Codes
from polyrec.nn.quantize.kmeans import BLOCK


@dataclass(frozen=True)
class Utilisation:
    """What a set of codes costs and uses. A collapse shows as usage and perplexity far below size.

    Perplexity is e to the entropy of a level's codes: the number of codes that, used evenly, would
    be as informative.
    """

    items: int  # with codes
    without: int  # real items without a vector, and so without codes
    size: int
    unique: float  # distinct tuples / items
    collision: float  # share of the items whose tuple another item has too
    largest: int  # items of the commonest tuple
    usage: tuple[float, ...]  # a level: share of `size` that some item has
    perplexity: tuple[float, ...]  # a level
    error: float  # mean squared distance of a vector from what its codes say
    unexplained: float  # that, over the mean squared distance from the mean vector

    def __str__(self) -> str:
        levels = ", ".join(
            f"{used:.0%} of {self.size} (perplexity {even:.0f})"
            for used, even in zip(self.usage, self.perplexity, strict=True)
        )
        return (
            f"{self.items:,} items with codes, {self.without:,} without; {self.unique:.1%} unique "
            f"tuples, {self.collision:.1%} of the items share theirs (at most {self.largest}); "
            f"levels use {levels}; {self.unexplained:.1%} of the variance is lost"
        )

    def as_json(self) -> dict[str, int | float | list[float]]:
        """JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def notes(self) -> dict[str, float]:
        """One number a name, for a run's log: `codes/unique`, `codes/perplexity_1`, ..."""
        found = {
            f"codes/{name}": float(value)
            for name, value in asdict(self).items()
            if not isinstance(value, tuple)
        }
        for level, (used, even) in enumerate(zip(self.usage, self.perplexity, strict=True), 1):
            found |= {f"codes/usage_{level}": used, f"codes/perplexity_{level}": even}
        return found


@torch.no_grad()
def utilisation(codes: Codes, x: Tensor) -> Utilisation:
    """The report of codes for the vectors [n + 1, d] they were made of.

    Raises:
        ValueError: no item has codes, or there are other than n + 1 vectors.
    """
    if len(x) != len(codes.ids) or not bool(codes.coded.any()):
        raise ValueError(
            f"{len(x)} vectors for {len(codes.ids)} rows of codes, {int(codes.coded.sum())} items "
            "have some: need as many vectors as rows, row 0 among them, and one item with codes"
        )
    rows = codes.coded.nonzero()[:, 0]
    counts = torch.unique(codes.ids[rows], dim=0, return_counts=True)[1]
    error, variance = _apart(codes, x, rows)
    held = [torch.bincount(codes.ids[rows, level] - 1) for level in range(codes.levels)]
    return Utilisation(
        items=len(rows),
        without=len(codes.ids) - 1 - len(rows),
        size=codes.size,
        unique=len(counts) / len(rows),
        collision=float(counts[counts > 1].sum()) / len(rows),
        largest=int(counts.max()),
        usage=tuple(float((level > 0).sum()) / codes.size for level in held),
        perplexity=tuple(perplexity(level) for level in held),
        error=error,
        unexplained=error / variance if variance > 0 else 0.0,
    )


def perplexity(counts: Tensor) -> float:
    """e to the entropy of a distribution given as counts.

    >>> perplexity(torch.tensor([5, 5, 0, 5, 5]))
    4.0
    """
    share = counts.double() / counts.sum()
    return round(float(torch.special.entr(share).sum().exp()), 6)


def _apart(codes: Codes, x: Tensor, rows: Tensor) -> tuple[float, float]:
    """Mean squared distance from what the codes say, and from the mean."""
    middle, lost, total = x[rows.to(x.device)].mean(0), 0.0, 0.0
    for part in torch.split(rows, BLOCK):
        held = x[part.to(x.device)]
        rebuilt = codes.rebuilt(part).to(held)
        lost += float((held - rebuilt).square().sum(dtype=torch.float64))
        total += float((held - middle).square().sum(dtype=torch.float64))
    return lost / len(rows), total / len(rows)
