"""A residual-quantised autoencoder: semantic ids in a space that is learnt.

Letters: B rows, d width of the vectors, W width of the code space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from polyrec.nn.quantize.codes import Codes, encode
from polyrec.nn.quantize.kmeans import BLOCK, kmeans, nearest

Through = Literal["straight", "rotation"]
ROWS = 16_384  # vectors that start codebooks, or that say which codes are dead
JITTER = 0.01  # of the residuals' spread: what tells spare codes from the centre they start at


@dataclass(frozen=True)
class Quantised:
    """What a code space says of some vectors z, and at what cost."""

    ids: Tensor  # [B, levels], 1..size
    total: Tensor  # [B, W], the sum of the named codebook rows
    left: Tensor  # [B, W], z - total
    codebook: Tensor  # [B], sum over levels of |sg(r) - e|^2
    commitment: Tensor  # [B], sum over levels of |r - sg(e)|^2


@dataclass(frozen=True)
class Parts:
    """The terms of each row's loss."""

    reconstruction: Tensor  # [B], |x - x'|^2
    codebook: Tensor  # [B]
    commitment: Tensor  # [B], beta not applied
    ids: Tensor  # [B, levels]


class RQVAE(nn.Module):
    """An autoencoder whose middle is a sum of codebook rows, one a level.

    Use it where the vectors' own space wastes codes (many directions that say nothing of the
    item); otherwise `residual_kmeans` is as good and needs no training. It must be started before
    the first step (`start`, a Solve stage): codebooks at random collapse.
    Source: Zeghidour et al. 2021 for the quantiser; TIGER, Rajput et al. 2023, section 3.1. As
    there, no moving averages. Unlike open ports, r_{l+1} = r_l - sg(e_l): else deeper levels pull
    on earlier codebooks.

    Args:
        widths: hidden layers and, last, W; ReLU between layers, none on the outputs.
        beta: weight of the commitment term.
        through: how the gradient passes the choice; "rotation" (Fifty et al. 2025) keeps the angle
            between gradient and codebook row, a known cure for collapse.

    Raises:
        ValueError: a number is out of range.
    """

    ready: Tensor

    def __init__(
        self,
        dim: int,
        widths: Sequence[int] = (512, 256, 128, 32),
        levels: int = 3,
        size: int = 256,
        beta: float = 0.25,
        through: Through = "straight",
    ) -> None:
        super().__init__()
        if min(dim, levels, size, len(widths), *widths) < 1 or beta < 0:
            raise ValueError(
                f"dim={dim}, widths={[*widths]}, levels={levels}, size={size}, beta={beta}: need "
                "one width, everything at least 1 and beta at least 0"
            )
        if through not in THROUGH:
            raise ValueError(f"no way {through!r} through; there are: {', '.join(THROUGH)}")
        self.beta, self.through = beta, through
        self.encoder = perceptron((dim, *widths))
        self.decoder = perceptron((*reversed(widths), dim))
        self.codebook = nn.Parameter(torch.randn(levels, size, widths[-1]) * 0.05)
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))

    def prepare(self) -> Self:
        """Nothing to do once."""
        return self

    def quantise(self, z: Tensor) -> Quantised:
        """[B, W]: the nearest row of each level's codebook to what is left of z."""
        left, ids, total = z, [], torch.zeros_like(z)
        codebook, commitment = z.new_zeros(len(z)), z.new_zeros(len(z))
        for book in self.codebook:
            picked = nearest(left, book)
            row = F.embedding(picked, book)
            codebook = codebook + (left.detach() - row).square().sum(1)
            commitment = commitment + (left - row.detach()).square().sum(1)
            left, total = left - row.detach(), total + row
            ids.append(picked + 1)
        return Quantised(torch.stack(ids, 1), total, left.detach(), codebook, commitment)

    def forward(self, x: Tensor) -> Parts:
        """[B, d] -> the terms of the loss, [B] each.

        Raises:
            ValueError: the codebooks were never started.
        """
        if not bool(self.ready):
            raise ValueError(
                "the codebooks of this RQVAE were never started: put "
                "Solve('codebooks', ...) with `start` before its stage"
            )
        z = self.encoder(x)
        found = self.quantise(z)
        rebuilt = self.decoder(THROUGH[self.through](z, found.total))
        error = (x - rebuilt).square().sum(1)
        return Parts(error, found.codebook, found.commitment, found.ids)

    @torch.no_grad()
    def start(self, x: Tensor, generator: Generator) -> None:
        """Sets every codebook to the k-means centres of its level's residuals: once, at first.

        x [n + 1, d]; up to 16,384 of its vectors are used. Spare codes of a level with fewer
        distinct residuals start beside a centre.
        """
        left = self._latent(x, generator)
        for book in self.codebook:
            found = kmeans(left, len(book), generator)
            spare = torch.randint(0, len(found), (len(book) - len(found),), generator=generator)
            around = torch.randn(len(spare), left.shape[1], generator=generator).to(left)
            near = found[spare.to(left.device)] + around * (JITTER * left.std(correction=0))
            book.copy_(torch.cat([found, near]))
            left = left - book[nearest(left, book)]
        self.ready.fill_(True)

    @torch.no_grad()
    def restart(self, x: Tensor, generator: Generator) -> Mapping[str, float]:
        """Moves codes that no vector takes to residuals of random vectors, level by level.

        x [n + 1, d]; up to 16,384 of its vectors decide. The codes' optimiser moments stay.
        Returns how many codes of each level were dead.
        """
        left, dead = self._latent(x, generator), {}
        for level, book in enumerate(self.codebook, 1):
            counts = torch.bincount(nearest(left, book), minlength=len(book))
            idle = (counts == 0).nonzero()[:, 0][: len(left)]
            drawn = torch.randperm(len(left), generator=generator)[: len(idle)].to(left.device)
            book[idle] = left[drawn]
            left = left - book[nearest(left, book)]
            dead[f"dead_{level}"] = float((counts == 0).sum())
        return dead

    @torch.no_grad()
    def codes(self, x: Tensor) -> Codes:
        """The codes of vectors [n + 1, d]; row 0 and rows that are all zero get none."""
        levels, size = self.codebook.shape[:2]
        ids = torch.zeros(len(x), levels, dtype=torch.int64, device=self.codebook.device)
        books = self.codebook.detach().clone()
        for first in range(0, len(x), BLOCK):
            rows = x[first : first + BLOCK].to(books)
            found = encode(self.encoder(rows), books, [size] * levels)[0]
            ids[first : first + BLOCK] = found * rows.any(1)[:, None]
        ids[0] = 0
        return Codes(ids, books, (size,) * levels, self.decoder)

    def _latent(self, x: Tensor, generator: Generator) -> Tensor:
        """[m, W]: z of up to 16,384 vectors, drawn where there are more."""
        rows = x.any(1).nonzero()[:, 0]
        rows = rows[rows > 0]
        if not len(rows):
            raise ValueError(f"none of {len(x) - 1} items has a vector: all rows are zero")
        drawn = rows[torch.randperm(len(rows), generator=generator)[:ROWS].to(rows.device)]
        z: Tensor = self.encoder(x[drawn].to(self.codebook))
        return z


def perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them and none on the output, which may so be negative."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def straight(z: Tensor, total: Tensor) -> Tensor:
    """The chosen sum; its gradient passes to z as it is (van den Oord et al. 2017)."""
    return z + (total - z).detach()


def rotated(z: Tensor, total: Tensor) -> Tensor:
    """The chosen sum; its gradient is turned and scaled as z must be to become it.

    R z |q| / |z| with R the rotation from z to q, both constants. Source: Fifty et al. 2025, eq. 4.
    """
    length = z.detach().norm(dim=1, keepdim=True).clamp(min=1e-8)
    e = z.detach() / length
    q = F.normalize(total.detach(), dim=1)
    between = F.normalize(e + q, dim=1)
    turned = z - 2 * (z * between).sum(1, keepdim=True) * between
    turned = turned + 2 * (z * e).sum(1, keepdim=True) * q
    found: Tensor = turned * (total.detach().norm(dim=1, keepdim=True) / length)
    return found


THROUGH: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "straight": straight,
    "rotation": rotated,
}
