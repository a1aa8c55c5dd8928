"""Interests equal a slow, literal reading of their definitions, and their gradients are exact."""

import math

import pytest
import torch

from polyrec.nn import Interests, MindRouting, Routing, SelfAttention, pack, routing_penalty
from polyrec.nn.routing import agreement, position_mapped, routed, routed_plainly
from polyrec.types import Ragged, Requests

ROWS = [[3, 1, 4], [1], [5, 9, 2, 6, 5, 3], [], [5, 8, 9, 7]]
LENGTH, DIM, K = 6, 5, 3
SETTING = Interests(count=K, length=LENGTH)


def requests(rows):
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


def packed_rows(rows=ROWS):
    return pack(requests(rows), LENGTH, torch.device("cpu"))


def table():
    return torch.randn(10, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def squash(s):
    square = sum(x * x for x in s)
    return [square / (1 + square) * x / math.sqrt(square + 1e-9) for x in s]


def softmax(b):
    largest = max(b)
    powers = [math.exp(x - largest) for x in b]
    return [p / sum(powers) for p in powers]


def routed_by_hand(u, b):
    """u[t][k] vectors and b[t][k] logits of one row, in plain Python floats."""
    for turn in range(3):
        c = [softmax(row) for row in b]
        s = [
            [sum(c[t][k] * u[t][k][d] for t in range(len(u))) for d in range(DIM)] for k in range(K)
        ]
        v = [squash(row) for row in s]
        if turn < 2:
            b = [
                [b[t][k] + sum(x * y for x, y in zip(u[t][k], v[k], strict=True)) for k in range(K)]
                for t in range(len(u))
            ]
    return v


def test_dr_equals_a_loop_in_double_precision():
    torch.manual_seed(1)
    routing, vectors, packed = Routing(DIM, SETTING, "tf1").double(), table(), packed_rows()
    found, _ = routing(vectors[packed.ids], packed)
    maps = routing.maps.view(LENGTH, DIM, K, DIM)
    for row, ids in enumerate(ROWS):
        u = [[(vectors[i] @ maps[t, :, k]).tolist() for k in range(K)] for t, i in enumerate(ids)]
        by_hand = torch.tensor(routed_by_hand(u, [[0.0] * K for _ in ids]), dtype=torch.float64)
        assert (found[row] - by_hand).abs().max() < 1e-6


def test_mind_equals_a_loop_in_double_precision():
    torch.manual_seed(1)
    routing, vectors, packed = MindRouting(DIM, SETTING).double().eval(), table(), packed_rows()
    found, _ = routing(vectors[packed.ids], packed)
    for row, ids in enumerate(ROWS):
        u = [[routing.map(vectors[i]).tolist()] * K for i in ids]
        begin = [routing.start[t].tolist() for t in range(len(ids))]
        by_hand = torch.tensor(routed_by_hand(u, begin), dtype=torch.float64)
        assert (found[row] - by_hand).abs().max() < 1e-6


def test_sa_equals_a_loop_in_double_precision():
    torch.manual_seed(1)
    attend, vectors, packed = SelfAttention(DIM, SETTING).double(), table(), packed_rows()
    found, _ = attend(vectors[packed.ids], packed)
    for row, ids in enumerate(ROWS):
        expected = torch.zeros(K, DIM, dtype=torch.float64)
        if ids:
            logits = torch.stack(
                [
                    attend.outer(torch.tanh(attend.inner(vectors[i] + attend.places[t])))
                    for t, i in enumerate(ids)
                ]
            )
            for k in range(K):
                share = softmax(logits[:, k].tolist())
                expected[k] = sum(a * vectors[i] for a, i in zip(share, ids, strict=True))
        assert (found[row] - expected).abs().max() < 1e-6


def routing_case(dtype=torch.float64, adapt="fixed"):
    torch.manual_seed(5)
    packed = packed_rows()
    u = torch.randn(len(packed.ids), K, DIM, dtype=dtype, requires_grad=True)
    logits = torch.randn(len(packed.ids), K, dtype=dtype)
    return u, logits, packed, Interests(K, LENGTH, adapt).active(packed)


@pytest.mark.parametrize("adapt", ["fixed", "log2"])
def test_the_closed_form_gradient_is_that_of_the_plain_form(adapt):
    u, logits, packed, active = routing_case(adapt=adapt)
    weight = torch.randn(len(ROWS), K, DIM, dtype=torch.float64)
    gradients = []
    for form in (routed, routed_plainly):
        (form(u, logits, packed, active)[0] * weight).sum().backward()
        gradients.append(u.grad)
        u.grad = None
    assert (gradients[0] - gradients[1]).abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_compiled_form_equals_the_plain_one(dtype):
    case = routing_case(dtype)
    for fast, plain in zip(routed(*case), routed_plainly(*case), strict=True):
        assert (fast - plain).abs().max() < 1e-5


def test_position_maps_have_the_gradient_of_separate_products():
    packed = packed_rows()
    h = torch.randn(len(packed.ids), DIM, dtype=torch.float64, requires_grad=True)
    maps = torch.randn(LENGTH + 1, DIM, 4, dtype=torch.float64, requires_grad=True)
    plain = (h[:, None] @ maps[packed.place])[:, 0]
    assert (position_mapped(h, maps, packed) - plain).abs().max() < 1e-12
    assert torch.autograd.gradcheck(lambda *x: position_mapped(*x, packed), (h, maps))


def test_shares_sum_to_one_over_interests_for_each_event():
    u, logits, packed, active = routing_case()
    _, agreed = routed(u, logits, packed, active)
    assert torch.allclose(
        agreement(u, logits, agreed, packed, active).sum(1), torch.ones(14).double()
    )


def test_capsules_are_shorter_than_one():
    u, *rest = routing_case()
    assert (routed(100 * u, *rest)[0].norm(dim=-1) < 1).all()


def test_mind_interests_differ_from_the_first_forward_on():
    torch.manual_seed(1)
    packed = packed_rows()
    found, _ = MindRouting(DIM, SETTING)(torch.randn(len(packed.ids), DIM), packed)
    rows = [0, 2, 4]  # with one event every capsule points along it
    cosine = torch.cosine_similarity(found[rows, :, None], found[rows, None], dim=-1)
    apart = ~torch.eye(K, dtype=torch.bool)
    assert (cosine[:, apart] < 0.999).all()


def test_mind_draws_in_training_from_the_default_generator_and_nowhere_else():
    packed, routing = packed_rows(), MindRouting(DIM, SETTING)
    h = torch.randn(len(packed.ids), DIM)
    torch.manual_seed(1)
    first = routing(h, packed)[0]
    assert not torch.equal(first, routing(h, packed)[0])
    torch.manual_seed(1)
    assert torch.equal(first, routing(h, packed)[0])
    routing.eval()
    state = torch.get_rng_state()
    assert torch.equal(routing(h, packed)[0], routing(h, packed)[0])
    assert torch.equal(state, torch.get_rng_state())


def test_mind_starts_within_two_deviations_and_never_at_zero():
    start = MindRouting(4, Interests(8, 500)).start
    assert start.abs().max() <= 2
    assert (start != 0).all()
    assert start.std().item() == pytest.approx(0.88, abs=0.03)


def test_two_mind_modules_start_alike():
    assert torch.equal(MindRouting(4, SETTING).start, MindRouting(4, SETTING).start)


def test_the_relu_layer_leaves_no_negative_value():
    packed = packed_rows()
    routing = MindRouting(DIM, SETTING, "relu")
    assert (routing(torch.randn(len(packed.ids), DIM), packed)[0] >= 0).all()


def test_permuting_the_history_changes_sa():
    torch.manual_seed(1)
    attend, vectors = SelfAttention(DIM, SETTING).double(), table()
    torch.nn.init.normal_(attend.places, std=0.1)
    ahead, back = packed_rows([[1, 2, 3, 4]]), packed_rows([[4, 3, 2, 1]])
    change = attend(vectors[ahead.ids], ahead)[0] - attend(vectors[back.ids], back)[0]
    assert change.abs().max() > 1e-4


def test_log2_gives_short_histories_fewer_interests_that_repeat_the_first():
    setting = Interests(K, LENGTH, "log2")
    packed = packed_rows()
    active = packed.by_row(setting.active(packed)).tolist()
    assert active == [1, 1, 2, 1, 2]
    for make in (
        Routing(DIM, setting, "tf1"),
        MindRouting(DIM, setting),
        SelfAttention(DIM, setting),
    ):
        found, _ = make(torch.randn(len(packed.ids), DIM), packed)
        assert torch.equal(found[0, 1], found[0, 0])
        assert not torch.equal(found[2, 1], found[2, 0])
        assert torch.equal(found[2, 2], found[2, 0])


def test_the_penalty_is_its_formula():
    packed = packed_rows()
    attention = torch.rand(len(packed.ids), K, dtype=torch.float64)
    expected = 0.0
    for row in range(len(ROWS)):
        a = attention[packed.row == row].T
        if a.shape[1]:
            c = a - a.mean(1, keepdim=True)
            expected += ((c @ c.T).diagonal() / DIM).square().sum() / len(ROWS)
    assert routing_penalty(attention, packed, DIM).item() == pytest.approx(float(expected))


def test_the_penalty_does_not_grow_with_the_batch():
    torch.manual_seed(1)
    attend, vectors = SelfAttention(DIM, Interests(K, LENGTH, rr_weight=1.0)).double(), table()
    once, twice = packed_rows(), packed_rows([*ROWS, *ROWS])
    penalties = [attend(vectors[p.ids], p)[1]["routing"].item() for p in (once, twice)]
    assert penalties[0] == pytest.approx(penalties[1])


@pytest.mark.parametrize("make", [Routing, MindRouting, SelfAttention])
def test_the_penalty_reaches_the_extractors_weights(make):
    torch.manual_seed(1)
    setting = Interests(K, LENGTH, rr_weight=2.0)
    module = make(DIM, setting, "tf1") if make is Routing else make(DIM, setting)
    packed = packed_rows()
    module(torch.randn(len(packed.ids), DIM), packed)[1]["routing"].backward()
    weight = next(iter(module.parameters()))
    assert weight.grad.abs().max() > 0


def test_the_penalty_belongs_to_training_alone():
    module, packed = SelfAttention(DIM, Interests(K, LENGTH, rr_weight=2.0)).eval(), packed_rows()
    assert module(torch.randn(len(packed.ids), DIM), packed)[1] == {}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"count": 0}, "count >= 1"),
        ({"length": 0}, "length >= 1"),
        ({"rr_weight": -1.0}, "rr_weight"),
        ({"adapt": "log3"}, "fixed, log2"),
    ],
)
def test_settings_out_of_range_are_errors(wrong, says):
    with pytest.raises(ValueError, match=says):
        Interests(**wrong)


def test_a_width_that_cannot_meet_the_items_is_an_error():
    with pytest.raises(ValueError, match="hidden 7 and dim 5"):
        Routing(5, Interests(hidden=7), "small")
