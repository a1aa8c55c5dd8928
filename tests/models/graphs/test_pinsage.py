"""PinSAGE as a retriever: neighbours by visits, a curriculum of negatives, new items at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from polyrec.graph import Relation
from polyrec.losses import margin
from polyrec.models.graphs.harder import HarderEachEpoch, hard_window
from polyrec.models.graphs.pinsage import PinSAGERetriever, around, asked, important, roomy
from polyrec.train import PICKS, Adam, Epochs, Rank, Stage, Task, fit
from polyrec.types import Progress, Ragged, Requests

ITEMS, HOLDERS = 60, 90


def held(items: int = ITEMS) -> Relation:
    """People who hold items of their own kind, and now and then another."""
    draw = np.random.default_rng(0)
    person, item = np.arange(HOLDERS)[:, None] % 4, np.arange(items) % 4
    matrix = csr_matrix((draw.random((HOLDERS, items)) < np.where(person == item, 0.4, 0.03)) * 1.0)
    return Relation(
        ("user", "held", "item"), matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int32), items,
    )  # fmt: skip


def features(items: int = ITEMS) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(items + 1, 8, generator=draw)
    x[1:] += 2 * torch.eye(8)[torch.arange(items) % 4]
    return x


def made(**given) -> PinSAGERetriever:
    torch.manual_seed(0)
    return PinSAGERetriever(important(held(), 8), features(), dim=16, **given)


@dataclass(frozen=True)
class Pairs:
    requests: Requests
    positives: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Related:
    """A held item asks, another item of the same holder answers."""

    steps: int = 4

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Pairs:
        draw = np.random.default_rng((seed % 1_000, epoch, step))
        relation, rows = held(), draw.integers(0, HOLDERS, 64)
        pairs = [
            draw.choice(relation.indices[relation.indptr[r] : relation.indptr[r + 1]] + 1, 2)
            for r in rows
        ]
        both = torch.from_numpy(np.array(pairs)).long()
        history = Ragged(both[:, 0], torch.arange(65))
        return Pairs(Requests(torch.arange(64), history), both[:, 1], torch.ones(64))


def test_weights_are_shares_of_visits() -> None:
    adjacency = important(held(), 8)
    assert adjacency.degree[0] == 0
    assert torch.allclose(adjacency.dense().sum(1)[1:], torch.ones(ITEMS))
    assert int(adjacency.degree.max()) == 8


def test_reading_what_some_items_need_gives_what_reading_all_gives() -> None:
    model = made().eval()
    whole = model.vectors(torch.arange(ITEMS + 1))
    ids = torch.tensor([31, 4, 60])
    blocks, nodes = around(model.adjacency, ids, 2)
    assert len(nodes) <= ITEMS
    assert len(torch.unique(nodes)) == len(nodes)
    assert [block.rows for block in blocks][-1] == 3
    assert torch.allclose(model.vectors(ids), whole[ids], atol=1e-6)


def test_a_prepared_model_answers_as_the_model_itself() -> None:
    model = made().eval()
    requests = Requests(torch.arange(3), Ragged.of([[3, 9], [], [7]]))
    view = model.prepare()
    assert torch.allclose(view.queries(requests), model.queries(requests), atol=1e-6)
    ids = torch.tensor([[1, 2], [2, 60]])
    assert torch.allclose(view.items(ids), model.items(ids), atol=1e-6)
    told = model(requests, torch.tensor([5, 1]))
    assert torch.allclose(told.queries, model.queries(requests), atol=1e-6)
    assert (model.queries(requests)[1] == 0).all()


@pytest.mark.parametrize("ask", ["last", "mean"])
def test_a_query_is_the_last_item_or_the_mean(ask: str) -> None:
    requests = Requests(torch.arange(2), Ragged.of([[3, 9], [7]]))
    vectors = torch.tensor([[1.0], [3.0], [5.0]])
    wanted = [3.0, 5.0] if ask == "last" else [2.0, 5.0]
    assert asked(requests, vectors, ask).flatten().tolist() == wanted


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_epoch_e_brings_e_minus_1_hard_negatives(epoch: int) -> None:
    window = hard_window(held(), (10, 25), kept=6)
    sampler = HarderEachEpoch(ITEMS, window, shared=20)
    batch = Related().batch(0, 0, 0)
    drawn = sampler.sample(batch, Progress(seed=1, epoch=epoch - 1)).draws
    assert drawn[0].ids.shape == (1, 20)
    assert len(drawn) == (1 if epoch == 1 else 2)
    if epoch > 1:
        assert drawn[1].ids.shape == (64, epoch - 1)
        for query, ids in zip(batch.requests.history.values.tolist(), drawn[1].ids, strict=True):
            assert set(ids.tolist()) <= set(window[query].tolist())
        assert not (drawn[1].valid & (drawn[1].ids == batch.positives[:, None])).any()


def test_ranks_beyond_the_catalogue_are_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"60 items.*\(3, 7\)"):
        hard_window(held())


def test_training_brings_items_of_one_kind_together() -> None:
    model = made()
    sampler = HarderEachEpoch(ITEMS, hard_window(held(), (15, 30)), shared=50)
    objective = Rank(partial(margin, width=0.5), sampler, PICKS["first"])
    stage = Stage("train", [Task(Related(), objective)], Epochs(12), lr=0.01, optim=Adam())
    fit(model, [stage], lambda m, p: {}, Progress(seed=1))
    z = model.prepare().items(torch.arange(1, ITEMS + 1)).detach()
    scores = z @ z.t()
    scores.fill_diagonal_(-torch.inf)
    kind = torch.arange(ITEMS) % 4
    best = scores.argsort(1, descending=True)[:, :5]
    assert float((kind[best] == kind[:, None]).float().mean()) > 0.8


def test_new_items_have_vectors_with_the_same_weights() -> None:
    model = made().eval()
    newer = model.on(important(held(70), 8), features(70))
    assert newer.items(torch.tensor([70])).shape == (1, 16)
    assert model.inductive == "features"


def test_a_table_of_ids_refuses_a_newer_graph_with_the_remedy() -> None:
    model = PinSAGERetriever(important(held(), 8), None, dim=16)
    assert model.inductive == "none"
    with pytest.raises(ValueError, match="cold_start"):
        model.on(important(held(70), 8), features(70))


def test_weights_bring_their_graph_into_a_model_that_knew_none() -> None:
    graph = roomy(important(held(), 8), ITEMS, 12)
    torch.manual_seed(0)
    one = PinSAGERetriever(graph, features(), dim=16)
    two = PinSAGERetriever(roomy(None, ITEMS, 12), features(), dim=16)
    two.load_state_dict(one.state_dict())
    ids = torch.arange(ITEMS + 1)
    assert torch.equal(one.vectors(ids), two.vectors(ids))
    assert torch.equal(one.adjacency.dense(), important(held(), 8).dense())
