"""Every similarity keeps its inner-product form; temperature and scale have their limits."""

import pytest
import torch

from polyrec import index
from polyrec.nn import SIMILARITIES, Cosine, Dot

EVERY = [*((name, make()) for name, make in SIMILARITIES.items()), ("learned", Dot("learned"))]
every = pytest.mark.parametrize("similarity", [s for _, s in EVERY], ids=[n for n, _ in EVERY])


@every
def test_scores_have_a_row_a_query_and_a_column_an_item(similarity):
    assert similarity(torch.randn(5, 2, 8), torch.randn(5, 3, 8)).shape == (5, 2, 3)
    assert similarity(torch.randn(1, 4, 8), torch.randn(1, 3, 8)).shape == (1, 4, 3)


@every
def test_vectors_reproduce_the_score(similarity):
    torch.manual_seed(2)
    query, item = 3 * torch.randn(50, 64), 3 * torch.randn(400, 64)
    direct = similarity(query, item)
    by_vectors = similarity.as_vectors(query=query) @ similarity.as_vectors(item=item).T
    assert (direct - by_vectors).abs().max() <= 1e-5 * max(1.0, direct.abs().max().item())


@every
def test_the_index_finds_the_same_fifty(similarity):
    torch.manual_seed(3)
    query, item = torch.randn(20, 16), torch.randn(301, 16)
    item[0] = 0
    with torch.no_grad():
        direct = similarity(query, item[1:]).sort(dim=1, descending=True).indices[:, :50] + 1
        vectors = similarity.as_vectors(query=query)[:, None], similarity.as_vectors(item=item)
        assert torch.equal(index.top(*vectors, 50)[0], direct)


@every
def test_a_zero_vector_has_a_finite_gradient(similarity):
    query = torch.zeros(1, 1, 4, requires_grad=True)
    similarity(query, torch.randn(1, 3, 4)).sum().backward()
    assert query.grad.isfinite().all()


@every
def test_as_vectors_takes_one_side(similarity):
    with pytest.raises(ValueError, match="one side"):
        similarity.as_vectors()
    with pytest.raises(ValueError, match="one side"):
        similarity.as_vectors(torch.ones(2), torch.ones(2))


@pytest.mark.parametrize("tau", [0.0, -1.0, 0.004, float("nan")])
def test_a_temperature_too_low_is_an_error(tau):
    with pytest.raises(ValueError, match="temperature"):
        Cosine(tau)


def test_cosine_is_bounded_by_one_over_tau():
    scores = Cosine(0.1)(torch.randn(9, 5), torch.randn(9, 5))
    assert scores.abs().max() <= 10 + 1e-4


def test_a_learned_scale_starts_at_one_and_learns():
    similarity = Dot("learned")
    query, item = torch.randn(2, 3), torch.randn(4, 3)
    similarity(query, item).sum().backward()
    assert torch.equal(similarity(query, item), Dot()(query, item))
    assert similarity.scale.grad.item() == pytest.approx((query @ item.T).sum().item(), rel=1e-5)


def test_an_unknown_scale_is_an_error():
    with pytest.raises(ValueError, match="one, learned"):
        Dot("twice")
