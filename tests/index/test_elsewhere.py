"""The search for other devices gives the processor's lists; it runs on any, so also here."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polyrec.index import blocks, top
from polyrec.index.elsewhere import top_elsewhere
from polyrec.types import Ragged

FOUND = torch.accelerator.current_accelerator(check_available=True)


def elsewhere(queries, items, k, exclude=None, among=None, mb=512):
    bans = blocks.bans(exclude, len(queries))
    return top_elsewhere(queries, items, k, bans, blocks.allowed(among, len(items) - 1), mb)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lists_equal_the_processors_through_ties_bans_and_limits(data: st.DataObject) -> None:
    n, people, k = (data.draw(st.integers(1, top_of)) for top_of in (40, 6, 45))
    draw = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    queries = torch.randint(-1, 2, (people, 2, 3), generator=draw).float()
    items = torch.randint(-1, 2, (n + 1, 3), generator=draw).float()
    rows = [data.draw(st.lists(st.integers(0, n), max_size=5)) for _ in range(people)]
    exclude = Ragged.of(rows) if data.draw(st.booleans()) else None
    among = torch.arange(1, n + 1, 2) if data.draw(st.booleans()) else None
    ids, scores = top(queries, items, k, exclude, among)
    found, values = elsewhere(queries, items, k, exclude, among)
    assert found.tolist() == ids.tolist()
    assert torch.equal(values, scores)


def test_the_size_of_a_block_changes_nothing() -> None:
    draw = torch.Generator().manual_seed(1)
    queries, items = torch.randn(50, 1, 8, generator=draw), torch.randn(3001, 8, generator=draw)
    small, large = elsewhere(queries, items, 10, mb=1), elsewhere(queries, items, 10)
    assert torch.equal(small[0], large[0])


@pytest.mark.skipif(FOUND is None, reason="no accelerator here")
def test_lists_from_an_accelerator_lie_on_the_processor() -> None:
    draw = torch.Generator().manual_seed(1)
    queries, items = torch.randn(50, 3, 8, generator=draw), torch.randn(3001, 8, generator=draw)
    ids, scores = top(queries.to(FOUND), items.to(FOUND), 10)
    wanted, values = top(queries, items, 10)
    assert (ids == wanted).float().mean() > 0.99  # scores that differ in their last bits may swap
    torch.testing.assert_close(scores, values, rtol=1e-4, atol=1e-5)
