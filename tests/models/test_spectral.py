"""Filters of the spectrum equal dense linear algebra on a log of 50 items."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from polyrec.data.events import Events
from polyrec.models.closed_form import Filter, SpectralCF, bspm, gf_cf, turbo_cf
from polyrec.types import Ragged, Requests

ITEMS, PEOPLE = 50, 40


def events():
    """400 events, repeats among them; items 49 and 50 are chosen by nobody."""
    rng = np.random.default_rng(2)
    actor = np.sort(rng.integers(1, PEOPLE + 1, 400)).astype(np.int32)
    target = (1 + (ITEMS - 2) * rng.random(400) ** 2).astype(np.int32)
    start = np.zeros(PEOPLE + 2, np.int64)
    np.cumsum(np.bincount(actor, minlength=PEOPLE + 1), out=start[1:])
    return Events(actor, target, np.arange(400), np.zeros(400, np.int8), start)


LOG = events()
SEEN = np.zeros((PEOPLE + 1, ITEMS + 1))
SEEN[LOG.actor, LOG.target] = 1


def power(degree, exponent):
    return np.where(degree > 0, np.maximum(degree, 1) ** exponent, 0)


def scaled(alpha=0.5):
    people, items = SEEN.sum(1), SEEN.sum(0)
    return power(people, -alpha)[:, None] * SEEN * power(items, alpha - 1)


def solved(how):
    model = SpectralCF(ITEMS, PEOPLE, 400, how)
    model.solve(LOG)
    return model


def ask(*rows):
    return Requests(torch.zeros(len(rows), dtype=torch.int64), Ragged.of(rows))


HISTORIES = [[3, 5, 3], [1], [50, 2], []]


def histories():
    r = np.zeros((len(HISTORIES), ITEMS + 1))
    for row, history in enumerate(HISTORIES):
        r[row, history] = 1
    return r


def ideal(rank):
    _, _, right = np.linalg.svd(scaled())
    vectors, items = right[:rank].T, SEEN.sum(0)
    return power(items, -0.5)[:, None] * (vectors @ vectors.T) * power(items, 0.5)


def answers(how):
    return solved(how).scores(ask(*HISTORIES)).numpy()


def test_gf_cf_is_its_formula():
    s = scaled().T @ scaled()
    expected = histories() @ (s + 0.3 * ideal(8))
    assert np.abs(answers(gf_cf(8, 0.3)) - expected).max() < 1e-5


@pytest.mark.parametrize("merge", ["early", "late"])
def test_bspm_by_rk4_is_one_step_of_the_solver(merge):
    s = scaled().T @ scaled()
    blurred, low = histories() @ s, 0.2 * histories() @ ideal(8)
    y = blurred + low if merge == "early" else blurred
    h, slope = 2.5, lambda y: -y @ s
    k1 = slope(y)
    k2 = slope(y + h / 2 * k1)
    k3 = slope(y + h / 2 * k2)
    k4 = slope(y + h * k3)
    sharp = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    expected = sharp if merge == "early" else sharp + low
    how = bspm(2.5, low_pass=Filter(rank=8, beta=0.2, merge=merge))
    assert np.abs(answers(how) - expected).max() < 1e-5


@pytest.mark.parametrize("scheme", ["euler", "rk4"])
def test_many_steps_of_sharpening_are_the_exponential(scheme):
    s = scaled().T @ scaled()
    how = bspm(1.0, 40, scheme, Filter(rank=0, beta=0.0))
    exact = histories() @ s @ expm(-s)
    apart = np.abs(answers(how) - exact).max()
    assert apart < (0.02 if scheme == "euler" else 2e-5)


def test_the_exponential_is_what_an_ode_solver_finds():
    s = scaled().T @ scaled()
    start = (histories() @ s)[0]
    found = solve_ivp(lambda _, y: -s @ y, (0, 1), start, rtol=1e-9, atol=1e-12).y[:, -1]
    assert np.abs(found - start @ expm(-s)).max() < 1e-6


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("alpha", "entry"), [(0.5, 1.0), (0.6, 1.0), (0.6, 0.7)])
def test_turbo_cf_is_its_polynomial(order, alpha, entry):
    p = (scaled(alpha).T @ scaled(alpha)) ** entry
    forms = {
        1: p,
        2: 2 * p - p @ p,
        3: p + 0.01 * (-p @ p @ p + 10 * p @ p - 29 * p),
    }
    expected = histories() @ forms[order]
    assert np.abs(answers(turbo_cf(order, alpha, entry)) - expected).max() < 1e-4


def test_a_random_subspace_of_all_columns_is_exact():
    exact, random = (answers(gf_cf(30, 0.3, svd)) for svd in ("exact", "randomised"))
    assert np.abs(exact - random).max() < 1e-3


def test_items_that_nobody_chose_score_0_and_are_finite():
    scores = answers(bspm(low_pass=Filter(rank=8, beta=0.2)))
    assert np.isfinite(scores).all()
    assert (scores[:, 49:] == 0).all()


def test_an_empty_history_scores_nothing():
    assert (answers(gf_cf(8))[3] == 0).all()


def test_the_same_log_gives_the_same_bytes():
    assert torch.equal(solved(gf_cf(8)).vectors, solved(gf_cf(8)).vectors)


def test_scores_do_not_depend_on_threads():
    model, found = solved(bspm(low_pass=Filter(rank=8, beta=0.2))), []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        found.append(model.scores(ask(*HISTORIES)))
    torch.set_num_threads(1)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_vectors_beyond_the_budget_are_refused_with_the_bytes():
    with pytest.raises(ValueError, match=r"bytes.*budget"):
        SpectralCF(10_000_000, 1_000_000, 10, gf_cf(256))


def test_a_power_of_entries_beyond_the_budget_is_refused():
    model = SpectralCF(ITEMS, PEOPLE, 400, turbo_cf(1, 0.5, 0.7), budget_mb=0)
    model.solve(LOG)
    with pytest.raises(ValueError, match="pairs of items"):
        model.prepare()


def test_a_rank_that_the_graph_cannot_give_is_told():
    with pytest.warns(UserWarning, match="rank=60: 50 items and 40 people give at most 39 vectors"):
        model = solved(gf_cf(60))
    assert model.vectors.shape == (ITEMS + 1, 39)


@pytest.mark.parametrize(
    "settings", [{"alpha": 0.6}, {"power": 0.7}, {"rank": -1}, {"alpha": 2}, {"blur": ()}]
)
def test_settings_that_contradict_each_other_are_refused(settings):
    with pytest.raises(ValueError):
        Filter(**settings)
