"""Each similarity is its formula, starts where it says, and takes no more memory than it says."""

import math

import pytest
import torch
import torch.nn.functional as F

from polyrec.nn import (
    MLP,
    SIMILARITIES,
    Bilinear,
    Cosine,
    Dot,
    Fused,
    GatedMultiHead,
    ItemGatedMultiHead,
    MaxMultiHead,
    MultiHead,
    ScaledDot,
)
from polyrec.nn.similarity import blocks

D, H = 8, 2


def some(*shape, seed=2):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stirred(similarity):
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in similarity.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return similarity


def pair_by_pair(score, query, item):
    """[P, N] by a loop, in float64."""
    return torch.stack([torch.stack([score(x, y) for y in item.double()]) for x in query.double()])


def heads_of(similarity, x, y):
    """[H]: the inner product of each head."""
    s = similarity.double()
    return (s.query(x).view(s.heads, -1) * s.item(y).view(s.heads, -1)).sum(-1)


def fused(s, x, y):
    s = s.double()
    cosine = x @ y / x.norm() / y.norm()
    return s.alpha * (x @ y) + s.beta * cosine + s.gamma * (x @ y) / math.sqrt(D)


def item_gate(s, x, y):
    s = s.double()
    return (s.query_gate(x) + s.item_gate(y)).softmax(-1)


def network(s, x, y):
    h = s.double().first(torch.cat([x, y]))
    for layer in s.rest:
        h = layer(F.relu(h))
    return h[0]


FORMULAS = {
    "dot": (lambda: Dot("learned"), lambda s, x, y: s.scale.double() * (x @ y)),
    "cosine": (lambda: Cosine(0.1), lambda s, x, y: x @ y / x.norm() / y.norm() / 0.1),
    "cosine_learned": (
        lambda: Cosine(0.1, "learned"),
        lambda s, x, y: x @ y / x.norm() / y.norm() * s.log_scale.double().exp(),
    ),
    "scaled": (lambda: ScaledDot(), lambda s, x, y: x @ y / math.sqrt(D)),
    "bilinear": (lambda: Bilinear(D), lambda s, x, y: x @ s.map.weight.double() @ y),
    "fused": (lambda: Fused(D), fused),
    "multi_head": (
        lambda: MultiHead(D, H, "all"),
        lambda s, x, y: s.double().weight @ heads_of(s, x, y) + s.bias,
    ),
    "gated": (
        lambda: GatedMultiHead(D, H),
        lambda s, x, y: s.double().gate(x).softmax(-1) @ heads_of(s, x, y),
    ),
    "multi_head_max": (lambda: MaxMultiHead(D, H), lambda s, x, y: heads_of(s, x, y).max()),
    "item_gated": (
        lambda: ItemGatedMultiHead(D, H),
        lambda s, x, y: item_gate(s, x, y) @ heads_of(s, x, y),
    ),
    "mlp": (lambda: MLP(D, (12, 6)), network),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_score_is_its_formula(name):
    make, formula = FORMULAS[name]
    similarity = stirred(make())
    query, item = some(4, D), some(5, D, seed=3)
    found = similarity(query, item)
    expected = pair_by_pair(lambda x, y: formula(similarity, x, y), query, item)
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_every_listed_similarity_has_its_formula_here():
    assert set(SIMILARITIES) <= set(FORMULAS)


@pytest.mark.parametrize(
    "similarity", [Bilinear(D), MultiHead(D), GatedMultiHead(D), ItemGatedMultiHead(D)]
)
def test_maps_and_gates_start_as_the_inner_product(similarity):
    query, item = some(4, D), some(5, D, seed=3)
    assert torch.allclose(similarity(query, item), query @ item.T, atol=1e-5)


def test_a_scaled_dot_ranks_as_a_dot():
    query, item = some(9, D), some(50, D, seed=3)
    assert torch.equal(ScaledDot()(query, item).argsort(), Dot()(query, item).argsort())


def test_without_biases_many_heads_are_one_bilinear_form():
    similarity = stirred(MultiHead(D, H, "none"))
    parts = zip(
        similarity.weight, similarity.query.weight.chunk(H), similarity.item.weight.chunk(H),
        strict=True,
    )  # fmt: skip
    one = Bilinear(D)
    one.map.weight.data = sum(w * q.T @ k for w, q, k in parts).detach()
    query, item = some(9, D), some(50, D, seed=3)
    assert torch.allclose(similarity(query, item), one(query, item), atol=1e-5)


def test_a_bias_on_queries_is_one_bias_an_item():
    similarity = stirred(MultiHead(D, H, "query"))
    query, item = some(9, D), some(50, D, seed=3)
    biased = similarity(query, item)
    with torch.no_grad():
        similarity.query.bias.zero_()
    added = biased - similarity(query, item)
    assert torch.allclose(added, added[:1].expand_as(added), atol=1e-5)
    assert added[0].std() > 0.1


def test_all_biases_add_a_constant_to_each_query():
    similarity = stirred(MultiHead(D, H, "all"))
    query, item = some(9, D), some(50, D, seed=3)
    biased = similarity(query, item)
    with torch.no_grad():
        similarity.item.bias.zero_()
        similarity.bias.zero_()
    added = biased - similarity(query, item)
    assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-5)


def test_gated_heads_are_no_bilinear_form():
    """A bilinear form is linear in x; a query that chooses its heads is not."""
    similarity, item = stirred(GatedMultiHead(D, H)), some(5, D)
    x, z = some(2, D, seed=3)
    together = (
        similarity((x + z)[None], item) - similarity(x[None], item) - similarity(z[None], item)
    )
    assert together.abs().max() > 0.1


def test_the_weight_of_the_fused_dot_is_read_at_once():
    similarity = Fused(16, (0.5, 2.0, 8.0))
    assert similarity.dot_weight == pytest.approx(0.5 + 8 / 4)


def test_fused_vectors_are_twice_as_wide():
    assert Fused(D).as_vectors(item=some(3, D)).shape == (3, 2 * D)


def test_fused_refuses_vectors_of_another_width():
    with pytest.raises(ValueError, match=r"Fused\(8\) met vectors of width 4"):
        Fused(D)(some(3, 4), some(5, 4))


def test_an_mlp_has_the_parameters_of_the_layer_on_both():
    assert sum(p.numel() for p in MLP(128).parameters()) == 256 * 128 + 128 + 128 + 1


def test_cosine_is_bounded_by_one_over_tau():
    scores = Cosine(0.1)(some(9, 5), some(9, 5, seed=3))
    assert scores.abs().max() <= 10 + 1e-4


def test_a_learned_scale_starts_at_one_and_learns():
    similarity = Dot("learned")
    query, item = some(2, 3), some(4, 3, seed=3)
    similarity(query, item).sum().backward()
    assert torch.equal(similarity(query, item), Dot()(query, item))
    assert similarity.scale.grad.item() == pytest.approx((query @ item.T).sum().item(), rel=1e-5)


def pulled(similarity, direction, steps):
    """The temperature after steps that want the scores of a matching pair larger, or smaller."""
    optimiser = torch.optim.SGD(similarity.parameters(), lr=0.1)
    x = torch.ones(1, 3)
    for _ in range(steps):
        optimiser.zero_grad()
        (-direction * similarity(x, x)).sum().backward()
        optimiser.step()
    return similarity.tau


def test_a_learned_temperature_starts_where_it_is_told():
    assert Cosine(0.07, "learned").tau == pytest.approx(0.07)
    assert torch.allclose(
        Cosine(0.07, "learned")(some(2, 3), some(4, 3)),
        Cosine(0.07)(some(2, 3), some(4, 3)),
        rtol=1e-5,
    )


def test_a_learned_temperature_never_falls_below_its_bound():
    similarity = Cosine(0.05, "learned")
    assert pulled(similarity, 1, 20) == 0.005
    assert similarity(torch.ones(1, 3), torch.ones(1, 3)).item() == pytest.approx(200, rel=1e-5)


def test_a_temperature_at_its_bound_can_come_back():
    similarity = Cosine(0.05, "learned")
    pulled(similarity, 1, 20)
    assert pulled(similarity, -1, 1) > 0.005


@pytest.mark.parametrize("tau", [0.0, -1.0, 0.004, float("nan"), float("inf")])
def test_a_temperature_too_low_is_an_error(tau):
    with pytest.raises(ValueError, match="temperature"):
        Cosine(tau)


@pytest.mark.parametrize("kind", [MultiHead, GatedMultiHead, MaxMultiHead, ItemGatedMultiHead])
@pytest.mark.parametrize("heads", [0, -1, 3, 16])
def test_heads_that_do_not_cut_the_width_are_an_error(kind, heads):
    with pytest.raises(ValueError, match=f"heads={heads} does not cut dim=8 .* 1, 2, 4, 8"):
        kind(8, heads)


@pytest.mark.parametrize("kind", [Bilinear, Fused, MLP, *[MultiHead, GatedMultiHead, MaxMultiHead]])
def test_a_width_below_one_is_an_error(kind):
    with pytest.raises(ValueError, match="dim >= 1, got 0"):
        kind(0)


@pytest.mark.parametrize("hidden", [(), (4, 0)])
def test_an_mlp_without_a_layer_is_an_error(hidden):
    with pytest.raises(ValueError, match="at least one layer"):
        MLP(8, hidden)


@pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (lambda: Dot("twice"), "one, learned"),
        (lambda: Cosine(temperature="warm"), "fixed, learned"),
        (lambda: MultiHead(8, biases="some"), "none, query, all"),
    ],
)
def test_an_unknown_choice_is_an_error_that_lists_the_known(make, allowed):
    with pytest.raises(ValueError, match=allowed):
        make()


EXACT = {
    "mlp": lambda: MLP(D),
    "mlp_deep": lambda: MLP(D, (6, 4)),
    "multi_head_max": lambda: MaxMultiHead(D, H),
    "item_gated": lambda: ItemGatedMultiHead(D, H),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize(
    ("query", "item"),
    [((7, D), (23, D)), ((3, 7, D), (3, 23, D)), ((3, 7, D), (1, 23, D)), ((1, 7, D), (3, 23, D)),
     ((3, 7, D), (23, D)), ((23, D), (3, 7, D)), ((40, 1, D), (40, 2, D)),
     ((2, 1, 3, D), (1, 4, 5, D))],
)  # fmt: skip
def test_blocks_give_the_scores_and_gradients_of_the_whole(name, query, item, monkeypatch):
    similarity = stirred(EXACT[name]())
    query, item = some(*query).requires_grad_(), some(*item, seed=3).requires_grad_()
    inputs = (query, item, *similarity.parameters())

    def scored():
        scores = similarity(query, item)
        return scores.detach(), torch.autograd.grad((scores * scores.detach()).sum(), inputs)

    whole, expected = scored()
    monkeypatch.setattr(blocks, "AT_ONCE", 60)
    found, gradients = scored()
    assert torch.allclose(found, whole, atol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-4)


def test_no_block_is_larger_than_stated(monkeypatch):
    monkeypatch.setattr(blocks, "AT_ONCE", 100)
    seen = []

    def score(query, item):
        seen.append(query.shape[-2] * item.shape[-2] * 7)
        return query @ item.mT

    query, item = some(9, D), some(40, D, seed=3)
    assert torch.allclose(blocks.in_blocks(score, query, item, 7), query @ item.T, atol=1e-5)
    assert max(seen) <= 100
