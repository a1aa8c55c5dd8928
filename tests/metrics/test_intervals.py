"""Intervals cover what they promise, and say so when they cannot."""

import numpy as np
import pytest
import torch
from statsmodels.stats.proportion import proportion_confint

from polyrec.metrics.intervals import interval, percentiles, resampled, resampled_whole, wilson
from polyrec.metrics.intervals.auc import auc_interval, delong, delong_logit, newcombe
from polyrec.metrics.intervals.bootstrap import weights
from polyrec.types import Scored

QUICK, SLOW = 500, 2000
RUNS = [pytest.param(QUICK), pytest.param(SLOW, marks=pytest.mark.slow)]


def recall_like(draw, requests):
    """Mostly 0, some thirds, halves and ones: what recall with 1-3 wanted items looks like."""
    wanted = draw.integers(1, 4, requests)
    return torch.from_numpy(draw.binomial(wanted, 0.15) / wanted)


def share(covers):
    return sum(covers) / len(covers)


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("requests", [100, 400, 1000])
def test_the_score_interval_of_a_mean_covers_the_truth(runs, requests):
    draw = np.random.default_rng(1)
    got = [interval(recall_like(draw, requests), "score") for _ in range(runs)]
    low = 0.925 if requests == 100 else 0.93
    assert low <= share([one.low <= 0.15 <= one.high for one in got]) <= 0.97


@pytest.mark.parametrize("runs", RUNS)
def test_the_bootstrap_of_a_mean_covers_the_truth(runs):
    draw = np.random.default_rng(2)
    x = torch.stack([recall_like(draw, 400) for _ in range(runs)], 1)
    draws = resampled(x, torch.ones_like(x))
    low, high = draws.quantile(torch.tensor([0.025, 0.975]).double(), dim=0)
    # one set of weights serves all columns; the columns are independent data
    assert 0.93 <= float(((low <= 0.15) & (high >= 0.15)).double().mean()) <= 0.97


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize(("positives", "negatives"), [(11, 89), (50, 500), (300, 3000)])
def test_the_interval_of_an_auc_covers_the_truth(runs, positives, negatives):
    from scipy.stats import norm

    draw = np.random.default_rng(3)
    truth = float(norm.cdf(1.4 / np.sqrt(2)))
    label = torch.cat([torch.ones(positives), torch.zeros(negatives)])
    covers = []
    for _ in range(runs):
        score = torch.from_numpy(draw.normal(size=positives + negatives)) + 1.4 * label
        got = auc_interval(scored(score, label))
        covers.append(got.low <= truth <= got.high)
    assert 0.93 <= share(covers) <= (0.98 if positives < 50 else 0.97)


@pytest.mark.parametrize("runs", RUNS)
def test_pairs_of_one_person_are_covered_only_as_clusters(runs):
    draw = np.random.default_rng(4)
    people = np.repeat(np.arange(100), draw.integers(2, 6, 100))
    alone, together = [], []
    for _ in range(runs):
        chance = draw.beta(1, 1, 100)[people]
        x = torch.from_numpy((draw.random(len(people)) < chance).astype(float))
        for kept, cluster in ((alone, None), (together, torch.from_numpy(people))):
            got = interval(x, cluster=cluster)
            kept.append(got.low <= 0.5 <= got.high)
    assert 0.93 <= share(together) <= 0.97
    assert share(alone) < 0.9


def scored(score, label, people=None):
    key = torch.arange(len(score))
    people = key if people is None else people
    return Scored(key, people, score, label, torch.ones(len(score)), people)


def test_wilson_equals_statsmodels():
    for hits, n in ((0, 5), (8, 11), (5, 5), (163, 350)):
        assert wilson(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"))


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(8, 11, 0.434, 0.903), (163, 350, 0.414, 0.518), (246, 350, 0.653, 0.748)],
)
def test_wilson_gives_the_published_digits(hits, n, low, high):
    assert [round(x, 3) for x in wilson(hits, n)] == [low, high]


def test_outcomes_take_wilson_and_shares_take_the_score_form():
    assert interval(torch.tensor([0.0, 1.0] * 50), range="zero-one").method == "wilson"
    assert interval(torch.tensor([0.5, 1.0] * 50)).method == "score"
    assert interval(torch.tensor([5.0, 1.0] * 50), range="free").method == "boot"


def test_the_score_form_of_outcomes_is_close_to_wilson():
    x = torch.tensor([0.0] * 60 + [1.0] * 40)
    assert interval(x, "score").low == pytest.approx(interval(x, "wilson").low, abs=0.002)


def test_values_without_spread_still_have_an_interval():
    got = interval(torch.zeros(50))
    assert got.low == 0
    assert 0.05 < got.high < 0.11


def test_one_person_or_request_has_no_interval_to_speak_of():
    assert interval(torch.tensor([0.5])).high == 1
    assert np.isnan(interval(torch.tensor([0.5, 0.1]), cluster=torch.tensor([3, 3])).low)


def test_few_hits_are_marked():
    x = torch.zeros(200)
    x[:24] = 1
    assert "few hits" in interval(x).warning
    x[24] = 1
    assert interval(x).warning == ""


def test_few_people_are_marked():
    got = interval(torch.rand(90), cluster=torch.arange(90) % 9)
    assert got.warning == "few clusters"
    assert got.unit == "people"


def test_requests_without_the_metric_are_left_out():
    assert interval(torch.tensor([0.0, torch.nan, 1.0, 0.5])).units == 3


@pytest.mark.parametrize(
    ("values", "method", "message"),
    [
        ([], "auto", "no values"),
        ([float("inf")], "auto", "inf"),
        ([0.5, 1.0], "wilson", "outcomes 0 and 1"),
        ([0.5, 3.0], "score", r"values in \[0, 1\]"),
    ],
)
def test_values_that_do_not_fit_are_an_error(values, method, message):
    with pytest.raises(ValueError, match=message):
        interval(torch.tensor(values), method)


def test_poisson_weights_have_mean_and_variance_one():
    w = weights(50_000, 0, 20, seed=5)
    assert float(w.mean()) == pytest.approx(1, abs=0.005)
    assert float(w.var()) == pytest.approx(1, abs=0.01)


def test_small_data_is_resampled_in_whole_rows():
    assert (weights(100, 0, 30, seed=5).sum(1) == 100).all()


def test_a_resample_is_pure_in_seed_and_number():
    assert torch.equal(weights(1000, 7, 3, 1), weights(1000, 0, 10, 1)[7:])
    assert not torch.equal(weights(1000, 0, 1, 1), weights(1000, 0, 1, 2))


def test_rows_of_a_block_are_uncorrelated():
    w = weights(5000, 0, 64, 0)
    off = torch.corrcoef(w) - torch.eye(64)
    assert float(off.abs().max()) < 0.07


def test_the_bootstrap_spread_is_the_standard_error():
    x = torch.rand(5000, 1, dtype=torch.float64)
    draws = resampled(x, torch.ones_like(x))
    assert float(draws.std()) == pytest.approx(float(x.std()) / 5000**0.5, rel=0.06)


def test_a_whole_statistic_that_is_a_mean_resamples_like_the_mean():
    x = torch.rand(600, dtype=torch.float64)
    cluster = torch.arange(600) // 2
    want = resampled(x[:, None], torch.ones(600, 1).double(), cluster, 200)[:, 0]
    got = resampled_whole(lambda w: (w.double() * x[:, None]).sum(0) / w.sum(0), 600, cluster)
    torch.testing.assert_close(got, want, atol=1e-6, rtol=0)


def test_percentiles_cut_off_five_percent():
    assert percentiles(torch.arange(101.0).double()) == pytest.approx((2.5, 97.5))


def test_a_single_row_of_a_class_has_no_auc_interval():
    got = auc_interval(scored(torch.rand(20), torch.tensor([1.0] + [0.0] * 19)))
    assert np.isnan(got.low)
    assert got.warning == "1 positives, 19 negatives"


def test_a_perfect_auc_has_an_interval_that_ends_at_one():
    low, high = newcombe(1.0, 10, 50)
    assert 0.8 < low < 1
    assert high == 1


def test_delongs_logit_interval_stays_within_zero_and_one():
    draw = torch.Generator().manual_seed(0)
    label = (torch.arange(200) < 60).double()
    got = scored(torch.randn(200, generator=draw) + 4 * label, label)
    low, high = delong_logit(0.995, delong(got))
    assert 0 < low < 0.995 < high < 1


def test_several_rows_of_a_person_are_clustered_in_an_auc():
    label = (torch.arange(200) % 3 == 0).double()
    got = auc_interval(scored(torch.rand(200) + label, label), torch.arange(200) // 4)
    assert (got.method, got.units) == ("cluster", 50)
