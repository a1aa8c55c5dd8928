"""Every model of the catalogue keeps the promises of its kind."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from polyrec.data.events import Events
from polyrec.graph import Relation
from polyrec.models import MODELS, Reading
from polyrec.models.closed_form import gf_cf
from polyrec.models.graphs.collaborative import Sizes
from polyrec.nn import Dot, Interests
from polyrec.recommend import Retrieve, Score
from polyrec.types import Encoded, Ragged, Requests, Retriever, Scorer

ITEMS, DIM, LENGTH = 40, 16, 6
WITH_INTERESTS = ("mind", "dr", "sa")
SCORERS = ("popular", "item_knn", "rp3beta", "slim", "ease", "ials", "spectral")
# these know people, not order
GRAPHS = ("mf", "lightgcn", "sgl", "simgcl", "xsimgcl", "ultragcn", "simplex")
SEQUENCES = ("sasrec", "ligr", "hstu", "gru_sequence")
RETRIEVERS = tuple(name for name in MODELS if name not in SCORERS)
READERS = tuple(name for name in RETRIEVERS if name not in GRAPHS)
every = pytest.mark.parametrize("name", MODELS)
retrievers = pytest.mark.parametrize("name", RETRIEVERS)
readers = pytest.mark.parametrize("name", READERS)
scorers = pytest.mark.parametrize("name", SCORERS)
routed = pytest.mark.parametrize("name", ["dr", "sa"])


def make(name, length=LENGTH, count=4, init="small", **rest):
    torch.manual_seed(7)
    if name in GRAPHS:
        model = MODELS[name](Sizes(30, ITEMS, len(events())), DIM)
        model.connect(graph())
        return model
    if name == "spectral":
        return MODELS[name](ITEMS, 30, len(events()), gf_cf(8))
    if name in SCORERS:
        return MODELS[name](ITEMS)
    if name in WITH_INTERESTS:
        return MODELS[name](ITEMS, DIM, Interests(count, length), init, **rest)
    if name in SEQUENCES:  # counted from the row's beginning, a place is the same in each prefix
        reading = Reading(length, heads=2, dropout=0.0, places="first")
        return MODELS[name](ITEMS, DIM, reading, init, **rest)
    return MODELS[name](ITEMS, DIM, length, init, **rest)


def ready(name):
    """A model that answers: solved, or with its start."""
    model = make(name)
    if name in SCORERS:
        model.solve(events())
    return model.eval()


def events():
    rng = np.random.default_rng(3)
    lengths = rng.integers(3, 9, 30)
    actor = np.repeat(np.arange(1, 31), lengths).astype(np.int32)
    size = len(actor)
    start = np.zeros(32, np.int64)
    np.cumsum(np.bincount(actor, minlength=31), out=start[1:])
    target = rng.integers(1, ITEMS + 1, size).astype(np.int32)
    return Events(actor, target, np.arange(size), np.zeros(size, np.int8), start)


def graph():
    """The log as who chose what."""
    log = events()
    pairs = np.unique(np.stack([log.actor, log.target], 1), axis=0) - 1
    counts = np.bincount(pairs[:, 0], minlength=30)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Relation(("person", "chose", "item"), indptr, pairs[:, 1].astype(np.int32), ITEMS)


def requests(rows, asked=None):
    places = None if asked is None else torch.tensor(asked)
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows), asked=places)


def some(rows=9, seed=1):
    rng = np.random.default_rng(seed)
    return requests([rng.integers(1, ITEMS + 1, n).tolist() for n in rng.integers(1, 9, rows)])


def answer(model, asked):
    with torch.no_grad():
        return model.queries(asked) if isinstance(model, Retriever) else model.scores(asked)


@every
def test_a_model_is_a_retriever_or_a_scorer(name):
    assert isinstance(make(name), Scorer if name in SCORERS else Retriever)


@every
def test_the_first_line_of_its_docstring_says_what_it_is(name):
    assert len(MODELS[name].__doc__.splitlines()[0]) > 20


@retrievers
def test_shapes_are_requests_interests_width(name):
    model, asked = make(name), some()
    interests = 4 if name in WITH_INTERESTS else 1
    assert model.queries(asked).shape == (9, interests, DIM)
    assert model.items(torch.zeros(2, 3, dtype=torch.int64)).shape == (2, 3, DIM)
    encoded = model(asked, torch.arange(5))
    assert isinstance(encoded, Encoded)
    assert encoded.items.shape == (5, DIM)
    assert encoded.queries.shape == (9, interests, DIM)


@scorers
def test_scores_cover_the_catalogue(name):
    assert ready(name).scores(some()).shape == (9, ITEMS + 1)


@pytest.mark.parametrize("name", WITH_INTERESTS)
def test_one_interest_is_allowed(name):
    assert make(name, count=1).queries(some()).shape == (9, 1, DIM)


@every
def test_padding_in_the_history_is_inert(name):
    model = ready(name)
    plain, padded = requests([[3, 5], [7, 2, 9]]), requests([[0, 3, 0, 5, 0], [7, 2, 9, 0, 0]])
    assert torch.equal(answer(model, plain), answer(model, padded))


@retrievers
def test_a_longer_row_beside_it_changes_nothing(name):
    model = ready(name)
    alone, beside = requests([[3, 5]]), requests([[3, 5], list(range(1, 9))])
    assert torch.allclose(answer(model, alone)[0], answer(model, beside)[0], atol=1e-6)


@pytest.mark.parametrize("name", ["youtube_dnn", "gru4rec"])
def test_a_longer_window_than_the_history_changes_nothing(name):
    asked = requests([[3, 5, 8]])
    found = [answer(make(name, length=length).eval(), asked) for length in (3, 50)]
    assert torch.allclose(*found, atol=1e-6)


@readers
def test_only_the_last_events_count(name):
    model = ready(name)
    recent = list(range(1, LENGTH + 1))
    assert torch.allclose(
        answer(model, requests([recent])), answer(model, requests([[30, 31, *recent]])), atol=1e-6
    )


@every
def test_the_order_of_the_batch_is_irrelevant(name):
    model, asked, order = ready(name), some(), torch.randperm(9)
    shuffled = answer(model, asked.select(order))
    assert torch.allclose(answer(model, asked)[order], shuffled, atol=1e-6)


@every
def test_a_row_alone_answers_as_in_its_batch(name):
    model, asked = ready(name), some()
    alone = torch.cat([answer(model, asked.select(torch.tensor([row]))) for row in range(9)])
    assert torch.allclose(answer(model, asked), alone, atol=1e-6)


@retrievers
def test_an_empty_history_gives_the_zero_vector(name):
    for model in (make(name), make(name).eval()):
        found = model.queries(requests([[], [1, 2], [0, 0]]))
        assert found[0].abs().max() == 0
        assert found[2].abs().max() == 0
        assert found[1].abs().max() > 0
        assert model.queries(requests([[], []])).abs().max() == 0


@retrievers
def test_asking_after_each_event_is_asking_each_prefix(name):
    model = ready(name)
    prefixes = requests([[4], [4, 8], [4, 8, 6], [1]])
    asked = requests([[4, 8, 6], [], [1]], asked=[0, 1, 2, 3])
    assert torch.allclose(answer(model, prefixes), answer(model, asked), atol=1e-6)


@every
def test_a_state_dict_is_the_whole_memory(name):
    model, asked = ready(name), some()
    other = make(name)
    for tensor in other.state_dict().values():
        tensor.fill_(0)
    other.load_state_dict(model.state_dict())
    assert torch.equal(answer(model, asked), answer(other.eval(), asked))


@every
def test_two_identical_requests_get_identical_lists(name):
    model = ready(name)
    recommender = Score(model) if name in SCORERS else Retrieve(model, ITEMS)
    first, second = (recommender.recommend(some(), 10) for _ in range(2))
    assert torch.equal(first.ids, second.ids)
    assert torch.equal(first.scores, second.scores)


@every
def test_id_zero_is_never_recommended(name):
    model = ready(name)
    recommender = Score(model) if name in SCORERS else Retrieve(model, ITEMS)
    assert (recommender.recommend(some(), ITEMS).ids > 0).all()


@readers
def test_row_zero_stays_zero_through_training(name):
    model = make(name)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    encoded = model(requests([[1, 0, 2], [3]]), torch.tensor([0, 1, 5]))
    (encoded.queries.sum() + encoded.items.sum()).backward()
    optimiser.step()
    assert model.table.weight[0].abs().max() == 0


@pytest.mark.parametrize("name", GRAPHS)
def test_nobody_and_nothing_stay_zero_through_training(name):
    model = make(name)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    encoded = model(requests([[1, 0, 2], [3]]), torch.tensor([0, 1, 5]))
    people = model(Requests(torch.tensor([3, 4]), Ragged.of([[1], [2]])), torch.tensor([0, 2]))
    sum(part.sum() for e in (encoded, people) for part in (e.queries, e.items)).backward()
    optimiser.step()
    tables = [p for p in model.parameters() if p.shape[0] > ITEMS or p.shape[0] == 31]
    assert tables
    assert all(table[0].abs().max() == 0 for table in tables)
    if hasattr(model, "offset"):
        assert model.weight[model.offset].abs().max() == 0


@pytest.mark.parametrize("name", GRAPHS)
def test_twenty_edges_can_be_learnt_by_heart(name):
    model = make(name)
    people = Requests(torch.arange(1, 21), Ragged.of([[i] for i in range(1, 21)]))
    targets, every_item = torch.randperm(20) + 21, torch.arange(ITEMS + 1)
    optimiser = torch.optim.Adagrad(model.parameters(), lr=0.3)
    for _ in range(300):
        encoded = model(people, every_item)
        scores = model.similarity(encoded.queries, encoded.items[None])[:, 0, 1:]
        F.cross_entropy(10 * scores, targets - 1).backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.no_grad():
        encoded = model.train()(people, every_item)
        scores = model.similarity(encoded.queries, encoded.items[None])[:, 0, 1:]
    assert (scores.argmax(1) + 1 == targets).float().mean() >= 0.9


@readers
@pytest.mark.parametrize("init", ["small", "tf1"])
def test_twenty_pairs_can_be_learnt_by_heart(name, init):
    model = make(name, init=init, similarity=Dot("learned"))
    asked = requests([[1 + i, 1 + (3 * i + 1) % 20, 1 + (7 * i + 5) % 20] for i in range(20)])
    targets, every_item = torch.randperm(20) + 21, torch.arange(ITEMS + 1)
    dense = [p for p in model.parameters() if p is not model.table.weight]
    optimisers = [
        torch.optim.Adam(dense, lr=0.02), torch.optim.SparseAdam([model.table.weight], lr=0.02),
    ]  # fmt: skip
    for _ in range(200):
        encoded = model(asked, every_item)
        scores = model.similarity(encoded.queries, encoded.items[None])[..., 1:]
        nearest = scores.gather(2, (targets - 1)[:, None, None].expand(-1, scores.shape[1], 1))
        chosen = scores[torch.arange(20), nearest[..., 0].argmax(1)]
        F.cross_entropy(10 * chosen, targets - 1).backward()
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
    lists = Retrieve(model, ITEMS).recommend(asked, 3, exclude=asked.history).ids
    assert (lists == targets[:, None]).any(1).float().mean() >= 0.95


@pytest.mark.parametrize("name", WITH_INTERESTS)
def test_only_the_interest_that_answers_gets_a_gradient(name):
    model, asked = make(name), some()
    encoded = model(asked, torch.arange(ITEMS + 1))
    encoded.queries.retain_grad()
    targets = torch.arange(1, 10)
    nearest = model.similarity(encoded.queries, encoded.items[targets][:, None])[..., 0].argmax(1)
    chosen = encoded.queries[torch.arange(9), nearest]
    F.cross_entropy(chosen @ encoded.items.T, targets).backward()
    touched = encoded.queries.grad.abs().amax(2) > 0
    assert torch.equal(touched, F.one_hot(nearest, 4).bool())


@routed
@pytest.mark.parametrize("init", ["small", "tf1"])
def test_other_targets_are_answered_by_other_interests(name, init):
    torch.manual_seed(11)
    model = MODELS[name](1_000, 64, Interests(4, 20), init)
    rng = np.random.default_rng(5)
    asked = requests([rng.integers(1, 1_001, n).tolist() for n in rng.integers(8, 21, 128)])
    targets = torch.randperm(1_000)[:128] + 1

    def nearest(ids):
        return model.similarity(model.queries(asked), model.items(ids)[:, None])[..., 0].argmax(1)

    assert (nearest(targets) != nearest(targets.roll(1))).float().mean() > 0.5
