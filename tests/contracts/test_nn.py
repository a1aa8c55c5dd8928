"""Every similarity keeps its promises: shapes, vectors, gradients, what is saved and refused."""

import inspect

import pytest
import torch

from polyrec import index
from polyrec.nn import MLP, SIMILARITIES, Cosine, Dot, MultiHead

SETTINGS = {
    "dot_learned": lambda dim: Dot("learned"),
    "cosine_learned": lambda dim: Cosine(temperature="learned"),
    "multi_head_unbiased": lambda dim: MultiHead(dim, 2, "none"),
    "multi_head_all": lambda dim: MultiHead(dim, 2, "all"),
    "mlp_deep": lambda dim: MLP(dim, (12, 6)),
}
EVERY = {**SIMILARITIES, **SETTINGS}
EXACT = {"multi_head_max", "item_gated", "mlp", "mlp_deep"}
every = pytest.mark.parametrize("name", EVERY)
indexed = pytest.mark.parametrize("name", [name for name in EVERY if name not in EXACT])
exact = pytest.mark.parametrize("name", sorted(EXACT))


def trained(name, dim):
    """A similarity whose parameters have left their start, where many are alike."""
    torch.manual_seed(7)
    similarity = EVERY[name](dim)
    with torch.no_grad():
        for parameter in similarity.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return similarity


def some(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@every
def test_scores_have_a_row_a_query_and_a_column_an_item(name):
    similarity = trained(name, 8)
    assert similarity(some(5, 2, 8), some(5, 3, 8)).shape == (5, 2, 3)
    assert similarity(some(1, 4, 8), some(1, 3, 8)).shape == (1, 4, 3)
    assert similarity(some(4, 8), some(3, 8)).shape == (4, 3)


@every
def test_no_query_or_no_item_is_no_score(name):
    similarity = trained(name, 8)
    assert similarity(some(5, 0, 8), some(5, 3, 8)).shape == (5, 0, 3)
    assert similarity(some(5, 2, 8), some(1, 0, 8)).shape == (5, 2, 0)


@every
@pytest.mark.parametrize("sets", [(6, 1), (1, 6), (6, 6)])
def test_a_pair_scores_the_same_in_every_set(name, sets):
    similarity = trained(name, 8)
    query, item = some(sets[0], 2, 8), some(sets[1], 3, 8, seed=3)
    alone = [similarity(query[s % sets[0]], item[s % sets[1]]) for s in range(6)]
    assert torch.allclose(similarity(query, item), torch.stack(alone), atol=1e-4)


@indexed
def test_vectors_reproduce_the_score(name):
    similarity = trained(name, 64)
    query, item = 3 * some(50, 64), 3 * some(400, 64, seed=3)
    direct = similarity(query, item)
    by_vectors = similarity.as_vectors(query=query) @ similarity.as_vectors(item=item).T
    constant = getattr(similarity, "bias", None)  # the only part of a score that vectors leave out
    error = (direct - by_vectors - (0 if constant is None else constant)).abs().max()
    assert error <= 1e-5 * max(1.0, direct.abs().max().item())


@indexed
def test_the_index_finds_the_same_fifty(name):
    similarity = trained(name, 16)
    query, item = some(20, 16), some(301, 16, seed=3)
    item[0] = 0
    with torch.no_grad():
        direct = similarity(query, item[1:]).sort(dim=1, descending=True).indices[:, :50] + 1
        vectors = similarity.as_vectors(query=query)[:, None], similarity.as_vectors(item=item)
        assert torch.equal(index.top(*vectors, 50)[0], direct)


@exact
def test_what_has_no_vectors_says_so(name):
    similarity = trained(name, 8)
    assert similarity.as_vectors(query=some(2, 8)) is None
    assert similarity.as_vectors(item=some(2, 8)) is None


@every
def test_a_zero_vector_has_a_finite_gradient(name):
    similarity = trained(name, 4)
    query, item = torch.zeros(1, 1, 4, requires_grad=True), torch.zeros(1, 3, 4, requires_grad=True)
    similarity(query, some(1, 3, 4)).sum().backward()
    similarity(some(1, 1, 4), item).sum().backward()
    assert query.grad.isfinite().all()
    assert item.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in similarity.parameters())


@every
def test_gradients_equal_finite_differences(name):
    similarity = trained(name, 4).double()
    sides = [some(*shape).double().requires_grad_() for shape in [(2, 2, 4), (2, 3, 4)]]
    assert torch.autograd.gradcheck(
        lambda q, i, *_: similarity(q, i), (*sides, *similarity.parameters())
    )


@every
def test_as_vectors_takes_one_side(name):
    similarity = trained(name, 4)
    with pytest.raises(ValueError, match="one side"):
        similarity.as_vectors()
    with pytest.raises(ValueError, match="one side"):
        similarity.as_vectors(torch.ones(4), torch.ones(4))


@every
def test_every_parameter_changes_some_score(name):
    similarity = trained(name, 8)
    query, item = some(30, 8), some(40, 8, seed=3)
    before = similarity(query, item)
    for parameter in similarity.parameters():
        for place in range(parameter.numel()):
            with torch.no_grad():
                parameter.view(-1)[place] += 0.5
                assert not torch.equal(similarity(query, item), before)
                parameter.view(-1)[place] -= 0.5


@every
def test_a_gradient_reaches_every_parameter_from_the_start(name):
    torch.manual_seed(7)
    similarity = EVERY[name](8)
    target = some(40, 30, seed=4)
    query = some(40, 8).requires_grad_()
    ((similarity(query, some(30, 8, seed=3)) - target) ** 2).sum().backward()
    assert (query.grad != 0).all()
    for parameter in similarity.parameters():
        assert (parameter.grad != 0).all()


@every
def test_the_state_dict_is_all_its_memory(name):
    similarity, other = trained(name, 8), EVERY[name](8)
    other.load_state_dict(similarity.state_dict())
    query, item = some(3, 8), some(5, 8, seed=3)
    assert torch.equal(other(query, item), similarity(query, item))


@every
def test_a_score_does_not_depend_on_training_mode(name):
    similarity = trained(name, 8)
    query, item = some(3, 8), some(5, 8, seed=3)
    assert torch.equal(similarity.train()(query, item), similarity.eval()(query, item))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_listed_similarity_is_made_from_a_width(name):
    assert next(iter(inspect.signature(SIMILARITIES[name]).parameters)) == "dim"
    assert isinstance(SIMILARITIES[name](8), torch.nn.Module)
