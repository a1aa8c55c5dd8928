"""Attention of short rows: torch's own, its gradient, and nothing but the row decides."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from polyrec.kernels.rows.attention import Rows
from polyrec.nn.attention import Attention
from polyrec.nn.sequences import Each, lay
from polyrec.nn.sequences.layout import MIDDLE
from polyrec.nn.sequences.short import attended
from polyrec.types import Ragged, Requests

HEADS, DIM = 2, 6
LENGTHS = np.array([3, 1, 6, 9])


def whole() -> Rows:
    first = np.cumsum(LENGTHS) - LENGTHS
    return Rows(first, LENGTHS, first, LENGTHS)


def ends() -> Rows:
    one = np.ones_like(LENGTHS)
    return Rows(np.cumsum(LENGTHS) - LENGTHS, LENGTHS, np.arange(len(LENGTHS)), one)


def sides(rows: Rows) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    query = torch.randn(int(rows.asking.sum()), DIM, generator=draw, dtype=torch.float64)
    told = torch.randn(int(rows.events.sum()), 2 * DIM, generator=draw, dtype=torch.float64)
    return query.requires_grad_(), told.requires_grad_()


def by_torch(query: Tensor, told: Tensor, rows: Rows) -> Tensor:
    parts = []
    for first, events, at, asking in zip(*(one.tolist() for one in rows), strict=True):
        q = query[at : at + asking].view(asking, HEADS, -1).transpose(0, 1)
        k, v = told[first : first + events].view(events, 2 * HEADS, -1).transpose(0, 1).chunk(2)
        place = torch.arange(events - asking, events)
        seen = torch.arange(events) <= place[:, None]
        found = F.scaled_dot_product_attention(q, k, v, seen)
        parts.append(found.transpose(0, 1).flatten(1))
    return torch.cat(parts)


@pytest.mark.parametrize("rows", [whole(), ends()], ids=["every event", "the last alone"])
def test_it_is_torchs_attention_and_gradient(rows: Rows) -> None:
    query, told = sides(rows)
    found, theirs = attended(query, told, rows, HEADS, 0.0), by_torch(query, told, rows)
    assert torch.allclose(found, theirs, atol=1e-12)
    weight = torch.randn(found.shape, dtype=torch.float64)
    ours = torch.autograd.grad((found * weight).sum(), (query, told))
    same = torch.autograd.grad((theirs * weight).sum(), (query, told))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, same, strict=True))


def test_with_dropped_weights_its_gradient_is_that_of_what_it_computed() -> None:
    rows = whole()
    query, told = sides(rows)

    def again(query: Tensor, told: Tensor) -> Tensor:
        torch.manual_seed(3)
        return attended(query, told, rows, HEADS, 0.4)

    assert not torch.allclose(again(query, told), attended(query, told, rows, HEADS, 0.0))
    assert torch.autograd.gradcheck(again, (query, told))


def test_dropping_leaves_the_mean() -> None:
    rows = whole()
    query, told = (side.detach() for side in sides(rows))
    torch.manual_seed(1)
    mean = sum(attended(query, told, rows, HEADS, 0.3) for _ in range(4000)) / 4000
    assert torch.allclose(mean, attended(query, told, rows, HEADS, 0.0), atol=0.1)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="compiled loops have one thread")
@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_the_number_of_threads_changes_no_byte(rate: float) -> None:
    rows, found, before = whole(), [], numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            torch.manual_seed(3)
            query, told = sides(rows)
            out = attended(query, told, rows, HEADS, rate)
            found.append((out, *torch.autograd.grad(out.square().sum(), (query, told))))
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("places", ["none", "rotary"])
def test_a_long_row_beside_leaves_a_short_one_alone_and_is_right_itself(places: str) -> None:
    torch.manual_seed(1)
    attention = Attention(8, 2, 0.0, places).eval()  # type: ignore[arg-type]
    ids = [torch.randint(1, 90, (n,)).tolist() for n in (5, MIDDLE + 9, 3, MIDDLE + 2)]
    vectors = torch.randn(90, 8)

    def answers(rows: list[list[int]]) -> list[Tensor]:
        requests = Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))
        asking = Each(lay(requests, 200, torch.device("cpu")))
        x = vectors[asking.layout.ids]
        return list(torch.split(attention(x, x, asking), [len(row) for row in rows]))

    together = answers(ids)
    for row, found in zip(ids, together, strict=True):
        assert torch.allclose(answers([row])[0], found, atol=1e-6)
    head = answers([ids[1][:MIDDLE]])[0]  # the compiled loop and torch's kernel on one row
    assert torch.allclose(head, together[1][:MIDDLE], atol=1e-5)
