"""Graph models equal dense linear algebra, answer from bare histories, and keep their promises."""

import copy

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from polyrec.graph import Relation
from polyrec.models.graphs.collaborative import (
    SGL,
    Factors,
    LightGCN,
    SimGCL,
    SimpleX,
    Sizes,
    UltraGCN,
    XSimGCL,
)
from polyrec.models.graphs.collaborative.spectrum import spectral_start
from polyrec.negatives import Unseen
from polyrec.nn.propagate import Edges, inverse_power, propagate, propagate_rows
from polyrec.recommend import Retrieve
from polyrec.train import (
    PICKS,
    DegreeWeighted,
    Rank,
    Weights,
    WithContrast,
    WithDecay,
    load_weights,
)
from polyrec.types import Progress, Ragged, Requests

PEOPLE, ITEMS, DIM = 12, 15, 6
PROPAGATING = (LightGCN, SGL, SimGCL, XSimGCL)
EVERY = (*PROPAGATING, UltraGCN, SimpleX)
every = pytest.mark.parametrize("kind", EVERY)


def chosen(seed=0, share=0.3):
    """[U, n], 0/1; the last person and the last item have nothing."""
    seen = np.random.default_rng(seed).random((PEOPLE, ITEMS)) < share
    seen[-1], seen[:, -1] = False, False
    seen[:-1, 0] = True
    return seen


SEEN = chosen()


def relation(seen=SEEN):
    indptr = np.concatenate([[0], np.cumsum(seen.sum(1))]).astype(np.int64)
    return Relation(("person", "chose", "item"), indptr, np.nonzero(seen)[1].astype("i4"), ITEMS)


def make(kind, seen=SEEN, **settings):
    torch.manual_seed(4)
    made = kind(Sizes(PEOPLE, ITEMS, int(seen.sum())), DIM, **settings)
    made.connect(relation(seen))
    if isinstance(made, SGL):
        made.redraw(Progress(seed=1, stage="train"))
    return made


def everybody():
    """Each person with the history of the graph."""
    rows = [(np.flatnonzero(row) + 1).tolist() for row in SEEN]
    return Requests(torch.arange(1, PEOPLE + 1), Ragged.of(rows))


def adjacency(seen=SEEN):
    """[N, N] dense, over the nodes of the models."""
    size = PEOPLE + ITEMS + 2
    a = np.zeros((size, size))
    a[1 : PEOPLE + 1, PEOPLE + 2 :] = seen
    a += a.T
    return a


def normalised(a):
    degree = a.sum(1)
    root = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0)
    return root[:, None] * a * root


def by_node(model, table=None):
    """[N, D]: a table's rows as `adjacency` numbers the nodes."""
    return (model.weight.detach() if table is None else table)[model.place]


def dense(model, first=0):
    """Mean over layers `first`..L of the dense product."""
    a, e = normalised(adjacency()), by_node(model).double().numpy()
    layers = [e]
    for _ in range(model.layers):
        layers.append(a @ layers[-1])
    return np.mean(layers[first:], axis=0)


def batch(rows=20, seed=3):
    """Edges of the graph as a stream gives them."""
    person, item = np.nonzero(SEEN)
    at = np.random.default_rng(seed).integers(0, len(person), rows)
    requests = Requests(torch.from_numpy(person[at] + 1), Ragged.of([[]] * rows))
    return Pair(requests, torch.from_numpy(item[at] + 1), torch.ones(rows))


class Pair:
    def __init__(self, requests, positives, weight):
        self.requests, self.positives, self.weight = requests, positives, weight


def known():
    return Ragged.of([[], *[(np.flatnonzero(row) + 1).tolist() for row in SEEN]])


def bpr():
    from polyrec.losses import bpr

    return Rank(bpr, Unseen(ITEMS, known()), PICKS["first"], "edge")


def test_nodes_keep_their_start_wherever_the_graph_places_them():
    torch.manual_seed(4)
    free = LightGCN(Sizes(PEOPLE, ITEMS, int(SEEN.sum())), DIM)
    model = make(LightGCN)
    assert not torch.equal(model.place, free.place)
    assert torch.equal(by_node(model), free.weight)
    model.connect(relation(chosen(7)[:, ::-1] & SEEN))
    assert torch.equal(by_node(model), free.weight)
    assert torch.equal(model.place.sort()[0], free.place)
    assert model.place[[0, PEOPLE + 1]].tolist() == [0, PEOPLE + 1]


@pytest.mark.parametrize("connected", [True, False])
def test_a_checkpoint_of_before_has_its_nodes_as_they_came(connected):
    old = LightGCN(Sizes(PEOPLE, ITEMS, int(SEEN.sum())), DIM)
    both = torch.from_numpy(np.nonzero(adjacency())[1].astype("i4"))
    old.begin[1:] = torch.from_numpy(adjacency().sum(1).cumsum())
    old.ends[: len(both)] = both
    stored = {name: part.clone() for name, part in old.state_dict().items() if name != "place"}
    model = make(LightGCN) if connected else LightGCN(old.sizes, DIM)
    load_weights(model, stored)
    found = model.prepare().items(torch.arange(ITEMS + 1)).detach().numpy()
    assert np.abs(found - dense(model)[PEOPLE + 1 :]).max() < 1e-6
    assert torch.equal(model.weight, old.weight)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_lightgcn_is_the_mean_of_dense_layers(layers):
    model = make(LightGCN, layers=layers)
    expected, view = dense(model), model.prepare()
    items = view.items(torch.arange(ITEMS + 1)).detach().numpy()
    assert np.abs(items - expected[PEOPLE + 1 :]).max() < 1e-6
    nodes = view.rows(model.place[: PEOPLE + 1]).detach().numpy()
    assert np.abs(nodes - expected[: PEOPLE + 1]).max() < 1e-6


def test_a_person_with_the_history_of_training_is_the_trained_vector():
    model = make(LightGCN)
    found = model.queries(everybody())[:-1, 0].detach().numpy()
    assert np.abs(found - dense(model)[1:PEOPLE]).max() < 1e-6


def test_an_unknown_person_is_a_node_added_without_a_vector_of_its_own():
    model = make(LightGCN)
    history = [2, 5, 9]
    found = model.queries(Requests(torch.zeros(1, dtype=torch.int64), Ragged.of([history])))
    a, e = normalised(adjacency()), by_node(model).double().numpy()
    below, degree = e + a @ e + a @ a @ e, adjacency().sum(1)
    nodes = np.array(history) + PEOPLE + 1
    expected = (below[nodes] / np.sqrt(3 * degree[nodes])[:, None]).sum(0) / 4
    assert np.abs(found[0, 0].detach().numpy() - expected).max() < 1e-6


def test_gradients_of_lightgcn_are_those_of_the_dense_product():
    model, a = make(LightGCN), torch.from_numpy(normalised(adjacency())).float()
    objective, rows = bpr(), batch()
    objective(model.prepare(), rows, Progress(seed=1, stage="train")).values["edge"].backward()
    e = by_node(model).clone().requires_grad_()
    final = (e + a @ e + a @ a @ e + a @ a @ a @ e) / 4
    negatives = objective.negatives.sample(rows, Progress(seed=1, stage="train")).draws[0]
    u = final[rows.requests.actor]
    i, j = (final[ids + PEOPLE + 1] for ids in (rows.positives, negatives.ids[:, 0]))
    gap = (u * i).sum(1) - (u * j).sum(1)
    torch.nn.functional.softplus(-gap).mean().backward()
    assert torch.allclose(by_node(model, model.weight.grad.to_dense()), e.grad, atol=1e-7)


def test_decay_reaches_the_own_vectors_of_the_batch_alone():
    model, rows = make(LightGCN), batch(6)
    progress = Progress(seed=1, stage="train")
    objective = WithDecay(bpr(), 0.5)
    losses = objective(model.prepare(), rows, progress)
    losses.extra["decay"].backward()
    ids = objective.rank.negatives.sample(rows, progress).draws[0].ids[:, 0]
    expected = torch.zeros_like(model.weight)
    for nodes in (rows.requests.actor, rows.positives + PEOPLE + 1, ids + PEOPLE + 1):
        expected.index_add_(0, nodes, by_node(model)[nodes] * 0.5 / 6)
    assert torch.allclose(by_node(model, model.weight.grad.to_dense()), expected, atol=1e-7)


@pytest.mark.parametrize("kind", [SimGCL, XSimGCL])
def test_without_noise_a_noisy_model_is_lightgcn(kind):
    model, plain = make(kind, noise=0.0, zeroth="kept"), make(LightGCN)
    plain.load_state_dict(model.state_dict())
    nodes = torch.arange(1, PEOPLE + ITEMS + 2)
    expected = plain.prepare().rows(nodes)
    for view in (model.train().prepare(), model.eval().prepare()):
        assert torch.allclose(view.rows(nodes), expected, atol=1e-6)
    first, second = model.train().prepare().pair(nodes)
    assert torch.allclose(first, expected, atol=1e-6)
    if kind is SimGCL:
        assert torch.allclose(second, expected, atol=1e-6)


def test_xsimgcl_contrasts_the_last_vectors_with_its_layer():
    model = make(XSimGCL, noise=0.0, layer=2)
    a, e = normalised(adjacency()), by_node(model).double().numpy()
    nodes = model.place[1:PEOPLE]
    last, early = model.train().prepare().pair(nodes)
    assert np.abs(early.detach().numpy() - (a @ a @ e)[1:PEOPLE]).max() < 1e-6
    assert np.abs(last.detach().numpy() - dense(model, first=1)[1:PEOPLE]).max() < 1e-6


def test_noise_pushes_every_vector_by_its_length_into_its_orthant():
    from polyrec.models.graphs.collaborative.contrast import shaken

    torch.manual_seed(0)
    e = torch.randn(50, 8)
    moved = shaken(e, 0.1) - e
    assert torch.allclose(moved.norm(dim=1), torch.full((50,), 0.1), atol=1e-6)
    assert ((moved * e) >= 0).all()


def test_a_view_of_sgl_lacks_both_directions_of_an_edge_and_counts_what_is_left():
    model = make(SGL, drop=0.4)
    nodes = torch.arange(PEOPLE + ITEMS + 2)
    for number in range(2):
        kept = np.zeros_like(adjacency())
        owner = torch.repeat_interleave(nodes, model.begin.diff().long()).numpy()
        kept[owner, model.seen[number].numpy()] = 1
        kept[:, 0] = 0
        assert np.array_equal(kept, kept.T)
        assert 0.4 < kept.sum() / adjacency().sum() < 0.8
        a, e = normalised(kept), model.weight.detach().double().numpy()
        expected = (e + a @ e + a @ a @ e + a @ a @ a @ e) / 4
        found = model.view(number).rows(nodes).detach().numpy()
        assert np.abs(found - expected).max() < 1e-6
    before = model.seen.clone()
    model.redraw(Progress(seed=1, stage="train"))
    assert torch.equal(before, model.seen)
    model.redraw(Progress(seed=1, stage="train", epoch=1, step=9))
    assert not torch.equal(before, model.seen)


@pytest.mark.parametrize("kind", [SGL, SimGCL, XSimGCL])
def test_a_contrast_learns_and_leaves_nobody_alone(kind):
    model = make(kind).train()
    objective = WithContrast(WithDecay(bpr(), 1e-3), 0.5)
    losses = objective(model.prepare(), batch(), Progress(seed=1, stage="train"))
    torch.stack([*losses.values.values(), *losses.extra.values()]).sum().backward()
    assert set(losses.extra) == {"decay", "contrast"}
    grad = model.weight.grad.to_dense()
    assert torch.isfinite(grad).all()
    assert grad[[0, PEOPLE + 1]].abs().max() == 0


def test_ultragcn_weighs_edges_by_the_degrees_of_their_ends():
    model, rows = make(UltraGCN, neighbours=4), batch(5)
    people, items = (torch.from_numpy(np.concatenate([[0], SEEN.sum(axis)])) for axis in (1, 0))
    with torch.no_grad():
        model.people.weight.mul_(1e4)
        model.table.weight.mul_(1e4)
    objective = DegreeWeighted(bpr(), people, items, Weights(negatives=30.0, items=0.5))
    progress = Progress(seed=1, stage="train")
    losses = objective(model, rows, progress)
    j = objective.rank.negatives.sample(rows, progress).draws[0].ids[:, 0]
    u, i = model.people.weight[rows.requests.actor], model.table.weight[rows.positives]
    d_u, d_i, d_j = people[rows.requests.actor], items[rows.positives], items[j]
    b_i, b_j = ((d_u + 1).sqrt() / d_u / (d + 1).sqrt() for d in (d_i, d_j))
    soft = torch.nn.functional.softplus
    pos = (1e-6 + b_i) * soft(-(u * i).sum(1))
    neg = (1e-6 + b_j) * soft((u * model.table.weight[j]).sum(1))
    assert torch.allclose(losses.values["edge"], (pos + 30 * neg).mean(), atol=1e-6)
    together = SEEN.astype(float).T @ SEEN
    np.fill_diagonal(together, 0)
    g = together.sum(1)
    omega = together / np.maximum(g, 1)[:, None] * np.sqrt((g + 1)[:, None] / (g + 1))
    largest = -np.sort(-omega[3])[:4]
    assert np.allclose(model.near.weight[4].numpy(), largest, atol=1e-6)
    near, weight = model.near.neighbour[rows.positives].long(), model.near.weight[rows.positives]
    told = (weight * soft(-(model.table.weight[near] * u[:, None]).sum(2))).sum(1).mean()
    assert torch.allclose(losses.extra["items"], 0.5 * told, atol=1e-6)


@pytest.mark.parametrize("kind", [Factors, UltraGCN])
def test_a_person_leans_to_his_history_when_asked_and_not_in_training(kind):
    plain, leaning = make(kind), make(kind, lean=0.5)
    requests, ids = everybody(), torch.arange(1, ITEMS + 1)
    own, items = plain.people.weight[1:], plain.table.weight
    mean = torch.stack(
        [
            items[1:][torch.from_numpy(row)].mean(0) if row.any() else torch.zeros(DIM)
            for row in SEEN
        ]
    )
    assert torch.allclose(leaning.queries(requests)[:, 0], own + 0.5 * mean, atol=1e-6)
    assert torch.equal(leaning(requests, ids).queries, plain(requests, ids).queries)
    stranger = Requests(torch.tensor([0, 0, 1]), Ragged.of([[3, 4], [], []]))
    asked = leaning.queries(stranger)[:, 0]
    assert torch.allclose(asked[0], items[3:5].mean(0), atol=1e-6)
    assert not asked[1].any()
    assert torch.equal(asked[2], own[0])
    with pytest.raises(ValueError, match="lean=-1"):
        make(kind, lean=-1.0)


def two_camps():
    """People and items in two halves that never meet; the last person and item have nothing."""
    seen = np.zeros((PEOPLE, ITEMS), bool)
    seen[:5, :7] = seen[5:-1, 7:-1] = True
    seen[np.random.default_rng(1).random(seen.shape) < 0.3] = False
    return seen


def test_a_spectral_start_knows_who_is_near_whom_before_any_step():
    seen = two_camps()
    model = make(UltraGCN, seen, neighbours=4, start="spectral")
    people, items = model.people.weight.detach(), model.table.weight.detach()
    assert not people[0].any()
    assert not items[0].any()
    scores = people @ items.T
    own = torch.zeros_like(scores, dtype=torch.bool)
    own[1:6, 1:8] = own[6:PEOPLE, 8:ITEMS] = True
    other = torch.zeros_like(own)
    other[1:6, 8:ITEMS] = other[6:PEOPLE, 1:8] = True
    assert scores[own].mean() > scores[other].mean() + 1
    assert torch.allclose(scores[1:, -1], torch.tensor(-(2.2**2)))  # never met: low, not 0
    assert torch.isfinite(scores).all()


def test_an_unknown_start_is_refused():
    with pytest.raises(ValueError, match="start='spectrall', use tiny or spectral"):
        make(UltraGCN, neighbours=4, start="spectrall")


@pytest.mark.parametrize("dim", [2, 8])
def test_a_spectral_start_tells_parts_that_never_meet_apart(dim):
    """Singular value 1 comes once a part: which mixture of those pairs is found must not matter."""
    rng, camps = np.random.default_rng(0), ((60, 30), (20, 10))
    seen = np.zeros((81, 41), np.float32)
    person, item = 1, 1
    for people, items in camps:
        seen[person : person + people, item : item + items] = rng.random((people, items)) < 0.3
        person, item = person + people, item + items
    people, items = spectral_start(csr_matrix(seen), dim)
    scores = (people @ items.T)[1:, 1:]
    own = (torch.arange(80) < 60)[:, None] == (torch.arange(40) < 30)
    above = torch.stack([s[o].mean() > s[~o].mean() for s, o in zip(scores, own, strict=True)])
    assert above.double().mean() > 0.95
    assert items[1:, 1:].norm(dim=1).max() < 3.0 * 1.5 + 1e-4


def test_a_spectral_start_is_the_same_each_time_and_fits_any_width():
    seen = two_camps()
    first, again = (make(UltraGCN, seen, neighbours=4, start="spectral") for _ in range(2))
    assert torch.equal(first.table.weight, again.table.weight)
    wide = UltraGCN(Sizes(PEOPLE, ITEMS, int(seen.sum())), 40, 4, "spectral")
    wide.connect(relation(seen))
    assert torch.isfinite(wide.people.weight).all()


def test_simplex_trains_on_the_history_that_it_answers():
    model, asked = make(SimpleX, own=0.3), everybody().select(torch.arange(PEOPLE - 1))
    with torch.no_grad():
        model.mix.weight.normal_()
    encoded = model(asked, torch.arange(ITEMS + 1))
    assert torch.allclose(encoded.queries, model.queries(asked), atol=1e-6)


@every
def test_a_person_without_history_gets_the_popular_items(kind):
    model = make(kind).eval()
    counts = torch.from_numpy(np.concatenate([[0], SEEN.sum(0)]))
    asked = Requests(torch.tensor([PEOPLE, 0]), Ragged.of([[], []]))
    found = Retrieve(model, ITEMS, counts).recommend(asked, 3)
    assert found.why.tolist() == [1, 1]
    assert (found.ids[:, 0] == 1).all()


@every
def test_lonely_nodes_are_finite_and_never_nan(kind):
    model = make(kind).eval()
    view = model.prepare()
    assert torch.isfinite(view.items(torch.arange(ITEMS + 1))).all()
    assert torch.isfinite(view.queries(everybody())).all()


@every
def test_one_edge_less_changes_the_model(kind):
    fewer = SEEN.copy()
    fewer[0, np.flatnonzero(SEEN[0])[1]] = False
    whole, less = make(kind), make(kind)
    less.connect(relation(fewer))
    same = [torch.equal(a, b) for a, b in zip(whole.buffers(), less.buffers(), strict=True)]
    assert not all(same)


@every
def test_a_graph_of_other_sizes_is_refused(kind):
    model = kind(Sizes(PEOPLE + 1, ITEMS, 100), DIM)
    if kind in PROPAGATING:
        with pytest.raises(ValueError, match="same vocabularies"):
            model.connect(relation())
        with pytest.raises(ValueError, match="edges"):
            kind(Sizes(PEOPLE, ITEMS, 3), DIM).connect(relation())


@every
def test_people_beyond_the_vocabulary_are_unknown(kind):
    model = make(kind).eval()
    history = Ragged.of([[2, 3], [2, 3]])
    found = model.queries(Requests(torch.tensor([PEOPLE + 7, 0]), history))
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize("dtype", [torch.float64])
def test_propagation_has_the_gradient_of_its_matrix(dtype):
    model = make(LightGCN)
    edges, x = model.edges(), torch.randn(model.nodes, 3, dtype=dtype, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: propagate(x, edges), x)
    rows = torch.tensor([3, PEOPLE + 3, 3, 0])
    assert torch.autograd.gradcheck(lambda x: propagate_rows(x, edges, rows), x)


def rectangular():
    chose = relation()
    back = chose.reverse()
    ends = [torch.from_numpy(part.indptr.astype(np.int32)) for part in (chose, back)]
    people, items = (inverse_power(start.diff()) for start in ends)
    there = Edges(ends[0], torch.from_numpy(chose.indices), people, items)
    return there, Edges(ends[1], torch.from_numpy(back.indices), items, people)


def test_a_rectangular_product_sends_its_gradient_along_the_reverse():
    there, back = rectangular()
    x = torch.randn(ITEMS, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: propagate(x, there, back), x)


@pytest.mark.parametrize("width", [1, 3, 64, 65])
def test_propagation_equals_scipy(width):
    from scipy.sparse import diags

    there, _ = rectangular()
    x = torch.randn(ITEMS, width)
    expected = (
        diags(there.into.numpy()) @ relation().matrix() @ diags(there.out_of.numpy()) @ x.numpy()
    )
    assert np.abs(propagate(x, there).numpy() - expected).max() < 1e-6


def test_propagation_does_not_depend_on_threads():
    import numba

    model, found = make(LightGCN), []
    x, rows = torch.randn(model.nodes, 64), torch.arange(1, model.nodes)
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        edges = model.edges()
        found.append((propagate(x, edges), propagate_rows(x, edges, rows)))
    torch.set_num_threads(1)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert all(torch.equal(a, b) for other in found for a, b in zip(found[0], other, strict=True))


def test_making_one_layer_changes_no_other():
    model = make(LightGCN)
    before = copy.deepcopy(model.state_dict())
    for kind in EVERY:
        make(kind)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
