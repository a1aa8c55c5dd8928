"""Cold start: each strategy by hand, what falls back and to what, what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from polyrec.data import Bag, Dense, Sparse, Table
from polyrec.data.keys import text
from polyrec.data.vocab import Vocab
from polyrec.models.embedding import (
    EGES,
    CategoryMean,
    Clusters,
    Computed,
    Inductive,
    ItemVectors,
    KnnMean,
    SideMean,
    Sides,
    Tree,
    Warm,
    bge,
    cold_start,
    extended,
    side_features,
)
from polyrec.models.embedding.cold import OVERALL

# items 1..4 are warm, 5..7 cold
VECTORS = torch.tensor([[0, 0], [1, 0], [3, 0], [0, 2], [0, 6], [9, 9], [9, 9], [9, 9]]).float()
WARM = torch.tensor([0, 1, 1, 1, 1, 0, 0, 0]).bool()
KNOWN = Warm(VECTORS, WARM)
COLD = torch.tensor([5, 6, 7])


def test_a_category_answers_from_the_finest_level_up_and_then_everybody() -> None:
    path = torch.tensor([[0, 0], [1, 1], [1, 1], [1, 2], [2, 3], [1, 1], [1, 4], [0, 0]])
    found = cold_start(CategoryMean(path), KNOWN, COLD)
    wanted = torch.tensor([[2, 0], [4 / 3, 2 / 3], [1, 2]])
    torch.testing.assert_close(found.vectors, wanted)
    told = [found.source(row) for row in range(3)]
    assert told == ["mean of its category", "mean of the category 1 above", OVERALL]


def test_neighbours_answer_by_distance_within_the_filter() -> None:
    place = torch.tensor([0, 0, 1, 2, 3, 2.2, 100, 0.1])[:, None]
    same = torch.tensor([0, 1, 1, 1, 2, 1, 1, 3])[:, None]
    found = cold_start(KnnMean(place, k=2, same=same, within=5), KNOWN, COLD)
    assert found.vectors[0].tolist() == [1.5, 1]  # items 3 and 2
    assert [found.source(row) for row in (1, 2)] == [OVERALL, OVERALL]
    assert cold_start(KnnMean(place, k=1), KNOWN, COLD).vectors[1].tolist() == [0, 6]


def test_geography_is_measured_in_kilometres() -> None:
    paris, london, rome, far = [48.8566, 2.3522], [51.5074, -0.1278], [41.9028, 12.4964], [0, 180]
    at = torch.tensor([[0, 0], paris, london, rome, far, paris, paris, paris])
    for within, source in ((340.0, OVERALL), (350.0, "mean of its 1 nearest warm items")):
        warm = Warm(VECTORS, torch.tensor([0, 0, 1, 1, 1, 0, 0, 0]).bool())
        found = cold_start(KnnMean(at, 1, "haversine", within=within), warm, COLD)
        assert found.source(0) == source  # 343.6 km


def test_side_rows_answer_and_values_never_met_do_not() -> None:
    sides = Sides(np.array([[0], [1], [1], [2], [2], [1], [3], [0]]), ("brand",), 3)
    found = cold_start(SideMean.of_values(sides, KNOWN), KNOWN, COLD)
    assert found.vectors[0].tolist() == [2, 0]
    assert [found.source(row) for row in (1, 2)] == [OVERALL, OVERALL]


def test_the_side_mean_of_eges_is_its_own_answer_for_cold_items() -> None:
    sides = Sides(np.array([[0], [1], [1], [2], [2], [1], [2], [0]]), ("brand",), 2)
    model = EGES(sides, 2)
    model.table.copy_(torch.arange(20).view(10, 2))
    model.learnt[[1, 2, 3, 4, 8, 9]] = True
    found = cold_start(SideMean.of(model), KNOWN, COLD)
    assert torch.equal(found.vectors[:2], model.vectors(COLD)[:2])
    assert found.source(2) == OVERALL
    with pytest.raises(ValueError, match="side_mean"):
        SideMean.of(bge(7, 2))


def test_what_a_model_computes_lies_in_the_space_of_the_warm() -> None:
    found = cold_start(Computed(lambda ids: ids[:, None] * torch.ones(1, 2)), KNOWN, COLD)
    assert found.vectors[0].tolist() == [5, 5]
    with pytest.raises(ValueError, match="forward gave"):
        cold_start(Computed(lambda ids: torch.zeros(len(ids), 3)), KNOWN, COLD)


@pytest.mark.parametrize("kind", ["clusters", "tree"])
def test_classic_models_answer_by_features(kind: str) -> None:
    pytest.importorskip("sklearn")
    x = torch.tensor([0, 1, 1.1, 8, 8.1, 1.05, 8.05, 0.9])[:, None]
    strategy = Clusters(x, 2) if kind == "clusters" else Tree(x, leaf=2)
    found = cold_start(strategy, KNOWN, COLD)
    assert found.vectors.tolist() == [[2, 0], [0, 4], [2, 0]]


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.tree", "sklearn.cluster"):  # some other test may have them
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"polyrec\[sklearn\]"):
        cold_start(Tree(torch.zeros(8, 1)), KNOWN, COLD)


def test_what_cannot_be_placed_is_refused() -> None:
    path = torch.zeros(8, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="fit the model"):
        cold_start(CategoryMean(path), Warm(VECTORS, torch.zeros(8, dtype=torch.bool)), COLD)
    with pytest.raises(ValueError, match="allowed 1 to 7"):
        cold_start(CategoryMean(path), KNOWN, torch.tensor([8]))
    for bad in ({"k": 0}, {"within": 0.0}, {"distance": "haversine"}):
        with pytest.raises(ValueError, match=r"knn_mean|haversine"):
            KnnMean(torch.zeros(8, 1), **bad)


def test_placed_items_join_the_warm() -> None:
    found = extended(KNOWN, cold_start(CategoryMean(torch.zeros(8, 1).long()), KNOWN, COLD), COLD)
    assert found[5:].tolist() == [[1, 2]] * 3
    assert torch.equal(found[:5], VECTORS[:5])


def test_features_are_categories_and_standardised_numbers() -> None:
    columns = {
        "brand": Sparse.of(text(["x", "y", "x"])),
        "tags": Bag.of(text(["a", "b", "a"]), np.array([2, 0, 1])),
        "price": Dense.of(np.array([1.0, 2.0, 3.0])),
    }
    table = Table(columns, Vocab.build(text(["1", "2", "3"]), "first")[0])
    x = side_features(table)
    assert x.shape == (4, 5)
    assert bool((x[0] == 0).all())
    assert x[1:, 4].tolist() == [-1, 0, 1]
    assert x[1, 2:4].norm() == pytest.approx(1)
    with pytest.raises(ValueError, match="budget"):
        side_features(table, budget_mb=0)
    with pytest.raises(KeyError, match="no column"):
        side_features(table, ["colour"])


def test_a_table_of_vectors_refuses_what_is_not_finite() -> None:
    model = ItemVectors(7, 2, torch.nn.Identity())
    model.fill(VECTORS, WARM)
    assert bool((model.items(COLD) == 0).all())
    with pytest.raises(ValueError, match="NaN"):
        model.fill(VECTORS * torch.nan, WARM)
    with pytest.raises(ValueError, match="shape"):
        model.fill(VECTORS[:3], WARM)


def test_a_layer_over_features_and_neighbours_finds_a_linear_truth() -> None:
    """Vectors that are linear in the features are told of a new item, whoever is near."""
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(41, 3, generator=draw)
    vectors = features @ torch.randn(3, 4, generator=draw)
    warm = torch.arange(41) > 5
    warm[0] = False
    cold = torch.arange(1, 6)
    known = Warm(vectors * warm[:, None], warm)
    found = cold_start(Inductive(features, k=3, ridge=1e-6), known, cold)
    torch.testing.assert_close(found.vectors, vectors[cold], atol=1e-3, rtol=1e-3)
    assert found.source(0) == "computed from its features and neighbours"


def test_a_layer_reads_neighbours_where_features_alone_do_not_say() -> None:
    """Two groups of items whose order inside a group is noise: the group's vector comes back."""
    draw = torch.Generator().manual_seed(0)
    angle = torch.rand(61, generator=draw) * 0.2 + torch.arange(61) % 3 * 2.0
    features = torch.stack([angle.cos(), angle.sin()], 1)
    vectors = torch.eye(3)[torch.arange(61) % 3]
    warm = torch.arange(61) > 6
    cold = torch.arange(1, 7)
    found = cold_start(Inductive(features, k=5, ridge=0.01), Warm(vectors, warm), cold)
    assert found.vectors.argmax(1).tolist() == [1, 2, 0, 1, 2, 0]
    assert (found.vectors - vectors[cold]).abs().max() < 0.1


def test_a_layer_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="k >= 1"):
        Inductive(VECTORS, k=0)
    with pytest.raises(ValueError, match="budget"):
        cold_start(Inductive(torch.ones(8, 600), budget_mb=1), KNOWN, COLD)


def test_a_placed_item_is_not_built_upon() -> None:
    model = ItemVectors(7, 2, torch.nn.Identity())
    model.fill(VECTORS, WARM)
    model.place(COLD, torch.ones(3, 2))
    assert torch.equal(Warm.of(model).warm, WARM)
    assert model.warm[COLD].all()
    with pytest.raises(ValueError, match="learnt"):
        model.place(torch.tensor([1]), torch.ones(1, 2))
