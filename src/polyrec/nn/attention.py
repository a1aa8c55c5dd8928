"""Blocks that let each event of a row look back at the ones before it.

A block takes packed events [E, D] and which of them ask, and answers for those, [N, D]; none sees
a later event. On a processor attention of short rows is a compiled loop over them as they lie
(`nn.sequences.short`); else it is torch's scaled-dot-product kernel on groups of similar length,
causal, with padding at the right where no event looks.

Letters: E events, N that ask, D width, H heads, C = D / H, r rows of a group, T its longest row, Q
how many ask in a row of it.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.nn.dropout import Dropout
from polyrec.nn.sequences import Asking
from polyrec.nn.sequences.short import apart, attended

Norm = Literal["pre", "original"]
Turning = Literal["none", "rotary"]
GAPS = 32  # classes of time gaps, each twice the one before; the last begins after 68 years


class Attention(nn.Module):
    """Multi-head causal attention. Source: Vaswani et al. 2017, section 3.2.2.

    `rotary` turns queries and keys by their place (Su et al. 2021, RoPE, eq. 15), so that only
    distances count: no table of places is needed and any length is read.
    """

    def __init__(self, dim: int, heads: int, dropout: float, places: Turning = "none") -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads={heads}: need a divisor of dim={dim}")
        if places == "rotary" and (dim // heads) % 2:
            raise ValueError(f"rotary places turn pairs: dim / heads = {dim // heads} must be even")
        self.heads, self.dropout, self.places = heads, dropout, places
        self.query, self.key_value = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, query: Tensor, memory: Tensor, asking: Asking) -> Tensor:
        """[N, D], [E, D] -> [N, D]."""
        asked, told = self.query(query), self.key_value(memory)
        if self.places == "rotary":
            asked, told = self._turned(asked, told, asking)
        if not asked.is_cpu:
            return cast(Tensor, self.out(self._grouped(asked, told, asking)))
        rate = self.dropout if self.training else 0.0
        rows, long = apart(asking)
        seen = attended(asked, told, rows, self.heads, rate)
        if long is not None:
            parts = F.embedding(long.queries, asked), F.embedding(long.events, told)
            beside = torch.cat([seen, self._grouped(*parts, long.asking)])
            place = torch.arange(len(seen))
            place[long.queries] = len(seen) + torch.arange(len(long.queries))
            seen = F.embedding(place, beside)
        return cast(Tensor, self.out(seen))

    def _grouped(self, asked: Tensor, told: Tensor, asking: Asking) -> Tensor:
        """[N, D]: by torch's kernel, rows of similar length together."""
        queries, memory = asking.padded(asked), asking.layout.padded(told)
        parts = zip(queries, memory, map(asking.place, asking.layout.groups), strict=True)
        return asking.packed([self._look(*part) for part in parts])

    def _look(self, query: Tensor, key_value: Tensor, place: Tensor) -> Tensor:
        q, (k, v) = _split(query, self.heads), _split(key_value, 2 * self.heads).chunk(2, 1)
        rate, all_ask = self.dropout if self.training else 0.0, q.shape[2] == k.shape[2]
        mask = None if all_ask else _every(k)[:, :, None] <= place[..., None]
        found = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=rate, is_causal=all_ask)
        return found.transpose(1, 2).flatten(2)

    def _turned(self, asked: Tensor, told: Tensor, asking: Asking) -> tuple[Tensor, Tensor]:
        """Queries and keys turned by their places; values as they are."""
        place = asking.layout.place.to(asked.device)[:, None]
        key, value = told.chunk(2, 1)
        query = _turned(_heads(asked, self.heads), asking.of(place))
        key = _turned(_heads(key, self.heads), place)
        return query.flatten(1), torch.cat([key.flatten(1), value], 1)


class SASRecBlock(nn.Module):
    """Attention, then a feed-forward layer of the same width, each with a residual.

    `original` normalises the query alone and adds to the normalised vectors, as the authors'
    code does; `pre` normalises what enters each half and keeps the stream itself untouched.
    Source: Kang and McAuley 2018, sections III-B to III-C.
    """

    def __init__(
        self, dim: int, heads: int, dropout: float, norm: Norm = "pre", places: Turning = "none"
    ) -> None:
        super().__init__()
        if norm not in ("pre", "original"):
            raise ValueError(f"no norm {norm!r}; there are: pre, original")
        self.norm = norm
        self.before, self.between = nn.LayerNorm(dim, eps=1e-8), nn.LayerNorm(dim, eps=1e-8)
        self.attention = Attention(dim, heads, dropout, places)
        self.feed = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), Dropout(dropout), nn.Linear(dim, dim)
        )
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, asking: Asking) -> Tensor:
        """[E, D] -> [N, D]."""
        if self.norm == "original":
            query = self.before(asking.of(x))
            x = self.between(query + self.attention(query, x, asking))
            return cast(Tensor, x + self.drop(self.feed(x)))
        normed = self.before(x)
        x = asking.of(x) + self.drop(self.attention(asking.of(normed), normed, asking))
        return cast(Tensor, x + self.drop(self.feed(self.between(x))))


class GatedBlock(nn.Module):
    """Attention and a gated feed-forward layer, each let in by a gate that reads the raw stream.

    x <- x + sigma(W1 x) * MHA(LN x); x <- x + sigma(W2 x) * SwiGLU(LN x), inner width 4 D, no bias
    in the feed-forward layer. Source: LiGR (Borisyuk et al. 2025), as in eSASRec (Tikhonovich et
    al. 2025).
    """

    def __init__(self, dim: int, heads: int, dropout: float, places: Turning = "none") -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dropout, places)
        self.gates = nn.ModuleList([nn.Linear(dim, dim), nn.Linear(dim, dim)])
        self.up, self.down = (
            nn.Linear(dim, 8 * dim, bias=False),
            nn.Linear(4 * dim, dim, bias=False),
        )
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, asking: Asking) -> Tensor:
        """[E, D] -> [N, D]."""
        normed = self.before(x)
        seen = self.drop(self.attention(asking.of(normed), normed, asking))
        x = asking.of(x)
        x = x + torch.sigmoid(self.gates[0](x)) * seen
        gate, value = self.up(self.between(x)).chunk(2, 1)
        fed = self.drop(self.down(F.silu(gate) * value))
        return cast(Tensor, x + torch.sigmoid(self.gates[1](x)) * fed)


class HSTUBlock(nn.Module):
    """Attention without a softmax: every earlier event adds as much as it matches, no more.

    [U, V, Q, K] = SiLU(LN(x) W); A = SiLU(Q K' + bias) / events seen; y = x + W_o (LN(A V) * U).
    The bias is a number a head and distance, and one a head and time gap (in powers of two of
    seconds) where the request tells times. Source: Zhai et al. 2024, eq. 1 to 3.
    """

    def __init__(self, dim: int, heads: int, dropout: float, length: int) -> None:
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads={heads}: need a divisor of dim={dim}")
        self.heads, self.length = heads, length
        self.before, self.after = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mix, self.out = nn.Linear(dim, 4 * dim), nn.Linear(dim, dim)
        self.place_bias = nn.Parameter(torch.zeros(heads, length))
        self.gap_bias = nn.Parameter(torch.zeros(heads, GAPS))
        self.drop = Dropout(dropout)

    def forward(self, x: Tensor, asking: Asking) -> Tensor:
        """[E, D] -> [N, D]."""
        all_four = F.silu(self.mix(self.before(x)))
        gate, query, told = torch.split(all_four, [x.shape[1], x.shape[1], 2 * x.shape[1]], 1)
        asked, memory = asking.padded(asking.of(query)), asking.layout.padded(told)
        parts = zip(asked, memory, asking.layout.groups, _gaps(asking), strict=True)
        seen = asking.packed([self._look(q, m, asking.place(g), gap) for q, m, g, gap in parts])
        x, gate = asking.of(x), asking.of(gate)
        return cast(Tensor, x + self.drop(self.out(self.after(seen) * gate)))

    def _look(self, query: Tensor, told: Tensor, place: Tensor, gap: Tensor | None) -> Tensor:
        q, (k, v) = _split(query, self.heads), _split(told, 2 * self.heads).chunk(2, 1)
        back = place[..., None] - _every(k)[:, :, None]  # [r or 1, 1, Q, T]
        bias = self.place_bias[:, back[:, 0].clamp(min=0)].transpose(0, 1)
        if gap is not None:
            bias = bias + self.gap_bias[:, gap].transpose(0, 1)
        weight = F.silu(q @ k.transpose(2, 3) + bias) * (back >= 0)
        return (weight @ v / (place[..., None] + 1)).transpose(1, 2).flatten(2)


def _gaps(asking: Asking) -> list[Tensor | None]:
    """[r, Q, T] of each group: the class of the time between two events."""
    layout = asking.layout
    if layout.time is None:
        return [None] * len(layout.groups)
    time = layout.time[:, None]
    pairs = zip(asking.padded(asking.of(time)), layout.padded(time), strict=True)
    return [_class_of(now - then.transpose(1, 2)) for now, then in pairs]


def _class_of(milliseconds: Tensor) -> Tensor:
    seconds = milliseconds.clamp(min=0).double() / 1000
    return (seconds + 1).log2().long().clamp(max=GAPS - 1)


def _split(x: Tensor, heads: int) -> Tensor:
    """[r, T, heads C] -> [r, heads, T, C]."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _heads(x: Tensor, heads: int) -> Tensor:
    """[N, heads C] -> [N, heads, C]."""
    return x.view(len(x), heads, -1)


def _every(x: Tensor) -> Tensor:
    """[1, 1, T]: places of a group's events, x [r, H, T, C]."""
    return torch.arange(x.shape[2], device=x.device)[None, None]


def _turned(x: Tensor, place: Tensor) -> Tensor:
    """[..., C]: pairs of numbers turned by angles that grow with the place in the row, [...]."""
    half = x.shape[-1] // 2
    speed = 10_000.0 ** (-torch.arange(half, dtype=x.dtype, device=x.device) / half)
    angle = place[..., None].to(x.dtype) * speed
    a, b = torch.split(x, half, -1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
