"""Unseen negatives: never a known positive, and every other item equally likely."""

from types import SimpleNamespace

import torch
from scipy.stats import chisquare

from polyrec.negatives import Unseen
from polyrec.types import Progress, Ragged, Requests

ITEMS = 20
KNOWN = Ragged.of([[], [1, 2, 20, 2], [7], [], list(range(1, 21))])


def batch(actors, positive=1):
    rows = len(actors)
    requests = Requests(torch.tensor(actors), Ragged.of([[]] * rows))
    positives = torch.full((rows,), positive)
    return SimpleNamespace(requests=requests, positives=positives, weight=torch.ones(rows))


def drawn(actor, count=40_000):
    found = Unseen(ITEMS, KNOWN, count).sample(batch([actor]), Progress(seed=3)).draws[0]
    return found


def test_a_known_positive_is_never_drawn_and_the_others_equally_often():
    for actor, known in ((1, {1, 2, 20}), (2, {7}), (3, set())):
        counts = torch.bincount(drawn(actor).ids[0], minlength=ITEMS + 1)
        free = [item for item in range(1, ITEMS + 1) if item not in known]
        assert counts[list(known) or [0]].sum() == 0
        assert chisquare(counts[free].numpy()).pvalue > 1e-4


def test_log_q_is_the_chance_among_the_unknown():
    draw = drawn(1, count=5)
    assert torch.allclose(draw.log_q, torch.tensor(5 / 17).log())


def test_who_knows_everything_meets_nobody():
    assert not drawn(4, count=5).valid.any()


def test_an_actor_beyond_the_log_knows_nothing():
    ids = Unseen(ITEMS, KNOWN, 9_000).sample(batch([99]), Progress()).draws[0].ids
    assert set(ids[0].tolist()) == set(range(1, ITEMS + 1))


def test_rows_draw_their_own():
    ids = Unseen(ITEMS, KNOWN, 50).sample(batch([2, 2]), Progress()).draws[0].ids
    assert not torch.equal(ids[0], ids[1])
