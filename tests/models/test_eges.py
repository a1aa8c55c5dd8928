"""EGES, GES and BGE: equal to DeepWalk without sides, true gradients, missing values inert."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from polyrec.data import Bag, Dense, Sparse, Table
from polyrec.data.keys import text
from polyrec.data.vocab import Vocab
from polyrec.graph import DeepWalks, Graph, Interactions
from polyrec.graph.builders import session
from polyrec.models.embedding import (
    EGES,
    NodeVectors,
    Sides,
    Training,
    Word2Vec,
    bge,
    ges,
    sides_of,
)
from polyrec.models.embedding.eges import EGES_TRAINING, EGES_WALKS, Fuse
from polyrec.types import Progress

ITEMS = 12
FUSES: tuple[Fuse, ...] = ("weighted", "mean", "sum", "concat")


def sides(items: int = ITEMS, seed: int = 0) -> Sides:
    """A brand out of 3 and a shop out of 2; some are missing."""
    rng = np.random.default_rng(seed)
    brand, shop = rng.integers(0, 4, items + 1), rng.integers(0, 3, items + 1)
    rows = np.stack([brand, np.where(shop > 0, shop + 3, 0)], 1)
    rows[0] = 0
    return Sides(rows.astype(np.int64), ("brand", "shop"), 5)


def graph(items: int = ITEMS, seed: int = 0) -> Graph:
    """Sessions over all items but the last, which nobody meets."""
    rng = np.random.default_rng(seed)
    log = Interactions.arrange(
        np.repeat(np.arange(20), 6), rng.integers(0, items - 1, 120), (20, items)
    )
    return session(log, None)[0]


def solved(of: Sides, fusion: Fuse = "weighted", seed: int = 1, dim: int = 8) -> EGES:
    model = EGES(of, dim, fusion, how=replace(EGES_TRAINING, lr=0.1))
    model.solve(graph(len(of.rows) - 1), Progress(seed=seed))
    return model


def test_bge_is_deepwalk_with_negatives_on_the_graph_of_sessions() -> None:
    how = replace(EGES_TRAINING, shards=1)
    plain = NodeVectors(Word2Vec(ITEMS, 16, how), EGES_WALKS)
    plain.solve(graph(), Progress(seed=3))
    base = bge(ITEMS, 16)
    base.solve(graph(), Progress(seed=3))
    assert torch.equal(base.cold, plain.words.cold)
    warm = ~base.cold
    warm[0] = False
    ids = torch.arange(ITEMS + 1)
    torch.testing.assert_close(base.vectors(ids)[warm], plain.words.input[warm])
    torch.testing.assert_close(base.output, plain.words.output)


def test_without_sides_every_fusion_is_bge() -> None:
    found = [solved(Sides.none(ITEMS), fusion).table for fusion in FUSES]
    for other in found[1:]:
        torch.testing.assert_close(found[0], other)


@pytest.mark.parametrize("fusion", FUSES)
def test_the_same_seed_gives_the_same_bytes_and_another_others(fusion: Fuse) -> None:
    first, again, other = (solved(sides(), fusion, seed).table for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("fusion", FUSES)
def test_a_column_of_missing_values_changes_nothing(fusion: Fuse) -> None:
    of = sides()
    empty = np.concatenate([of.rows, np.zeros((ITEMS + 1, 1), np.int64)], 1)
    more = Sides(empty, (*of.names, "nothing"), of.size)
    ids = torch.arange(ITEMS + 1)
    plain, padded = solved(of, fusion).vectors(ids), solved(more, fusion).vectors(ids)
    torch.testing.assert_close(plain, padded[:, : plain.shape[1]])
    assert bool((padded[:, plain.shape[1] :] == 0).all())


def test_logits_are_each_items_own_and_side_rows_are_shared() -> None:
    model = solved(sides())
    assert model.attention.shape == (ITEMS + 1, 3)
    assert model.table.shape == (1 + ITEMS + 5, 8)
    assert model.vectors(torch.arange(6).view(2, 3)).shape == (2, 3, 8)
    assert solved(sides(), "concat").vectors(torch.arange(3)).shape == (3, 24)
    assert bool((model.attention[model.rows == 0] == 0).all())
    assert len(model.attention[1:].unique(dim=0)) > 6


def test_ges_is_the_plain_mean_of_an_items_rows() -> None:
    model = ges(sides(), 8)
    model.solve(graph(), Progress(seed=1))
    for item in range(1, ITEMS):
        rows = model.rows[item][model.rows[item] > 0]
        found = model.vectors(torch.tensor(item))
        torch.testing.assert_close(found, model.table[rows].mean(0))
    assert bool((model.attention == 0).all())


@pytest.mark.parametrize("fusion", ["weighted", "mean"])
def test_a_cold_item_is_the_mean_of_its_side_rows(fusion: Fuse) -> None:
    of = sides()
    of.rows[ITEMS] = [2, 5]
    model = solved(of, fusion)
    assert model.cold[1:].tolist() == [False] * (ITEMS - 1) + [True]
    rows = model.table[torch.tensor([2 + ITEMS, 5 + ITEMS])]
    torch.testing.assert_close(model.vectors(torch.tensor(ITEMS)), rows.mean(0))


def test_a_cold_item_of_which_nothing_is_known_is_zero() -> None:
    of = sides()
    of.rows[ITEMS] = 0
    assert bool((solved(of).vectors(torch.tensor([0, ITEMS])) == 0).all())


def test_columns_become_places_and_numbers_are_refused() -> None:
    tags = Bag.of(text(["a", "b", "c", "a"]), np.array([3, 0, 1]))
    columns = {
        "brand": Sparse.of(text(["x", "y", "x"])),
        "tags": tags,
        "price": Dense.of(np.array([1.0, 2.0, 3.0])),
    }
    table = Table(columns, Vocab.build(text(["1", "2", "3"]), "first")[0])
    found = sides_of(table, most=2)
    assert found.names == ("brand", "tags", "tags")
    assert found.cut == 1
    assert found.size == 5
    assert found.rows[2, 1:].tolist() == [0, 0]
    assert found.rows[1, 1] == found.rows[3, 1] > 2
    with pytest.raises(ValueError, match="holds numbers"):
        sides_of(table, ["price"])
    with pytest.raises(KeyError, match="no column"):
        sides_of(table, ["colour"])


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(ValueError, match="skip-gram with negatives"):
        bge(3, how=Training(output="tree", min_count=1))
    with pytest.raises(ValueError, match="without_own"):
        EGES(sides(), without_own=1.0)
    with pytest.raises(ValueError, match="budget"):
        EGES(sides(), 10_000, walks=DeepWalks(budget_mb=1))
    with pytest.raises(ValueError, match="nodes"):
        bge(5).solve(graph(), Progress())
