"""Comparisons: right when nothing differs, right about how sure, clear when they refuse."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from polyrec.evaluate.report import Value
from polyrec.metrics import Passport
from polyrec.trust import compare, family, holm
from polyrec.trust.significance import mcnemar, repeated_folds, sign_flip, wilcoxon

RUNS = [pytest.param(500), pytest.param(2000, marks=pytest.mark.slow)]


@dataclass(frozen=True)
class Judged:
    """One seed's report, just what a comparison reads."""

    values: dict
    per_request: dict
    key: torch.Tensor
    cluster: torch.Tensor


def judged(x, key=None, cluster=None, **passport):
    x = torch.as_tensor(x).double()
    key = torch.arange(len(x)) if key is None else torch.as_tensor(key)
    cluster = key if cluster is None else torch.as_tensor(cluster)
    birth = Passport("recall", 10, requests=len(x), **passport)
    value = Value(float(x.mean()), 0.0, 1.0, len(x), birth)
    return Judged({"recall@10": value}, {"recall@10": x}, key, cluster)


def side(draw, requests, seeds, request_effect, tau, level=0.2):
    """Seeds of one recipe: a level, an effect of each seed, of each request, and noise."""
    seed_effect = draw.normal(0, tau, (seeds, 1))
    noise = draw.normal(0, 0.1, (seeds, requests))
    return [judged(row) for row in level + seed_effect + request_effect + noise]


def two_way(draw, requests, seeds, tau=0.01, gap=0.0):
    shared = draw.normal(0, 0.2, requests)
    own = draw.normal(0, 0.05, (2, requests))
    a = side(draw, requests, seeds[0], shared + own[0], tau, 0.2 + gap)
    b = side(draw, requests, seeds[1], shared + own[1], tau)
    return compare(a, b, "recall@10")


@pytest.mark.parametrize("runs", RUNS)
@pytest.mark.parametrize("seeds", [(3, 3), (5, 5)])
def test_the_two_way_interval_covers_the_difference_of_recipes(runs, seeds):
    draw = np.random.default_rng(7)
    got = [two_way(draw, 250, seeds, 0.01, 0.01) for _ in range(runs)]
    assert 0.93 <= np.mean([c.low <= 0.01 <= c.high for c in got]) <= 0.97


def test_seeds_that_do_nothing_make_the_interval_no_narrower_than_promised():
    draw = np.random.default_rng(7)
    got = [two_way(draw, 250, (4, 3), 0.0, 0.01) for _ in range(500)]
    assert 0.93 <= np.mean([c.low <= 0.01 <= c.high for c in got]) <= 0.99


@pytest.mark.parametrize("runs", RUNS)
def test_without_a_difference_p_is_uniform_and_five_percent_are_significant(runs):
    draw = np.random.default_rng(8)
    p = [two_way(draw, 200, (4, 4)).p for _ in range(runs)]
    assert kstest(p, "uniform").pvalue > 0.01
    assert 0.03 <= np.mean(np.array(p) < 0.05) <= 0.07


@pytest.mark.parametrize("runs", [pytest.param(300), pytest.param(2000, marks=pytest.mark.slow)])
def test_sign_flips_are_uniform_without_a_difference(runs):
    draw = np.random.default_rng(9)
    p = [sign_flip(torch.from_numpy(draw.standard_t(3, 60)), 1000, i) for i in range(runs)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_a_test_over_requests_alone_would_miss_what_seeds_do():
    draw = np.random.default_rng(10)
    got = [two_way(draw, 2000, (5, 5), 0.01) for _ in range(100)]
    naive = [abs(c.difference) < 1.96 * (c.error**2 * (1 - c.seed_share)) ** 0.5 for c in got]
    assert np.mean(naive) < 0.7
    assert np.mean([c.low <= 0 <= c.high for c in got]) > 0.88


def test_equal_reports_do_not_differ():
    x = torch.rand(50)
    got = compare([judged(x)], [judged(x)], "recall@10")
    assert (got.difference, got.p) == (0, 1)
    assert got.verdict == "not separated: no difference to find"


def test_requests_are_matched_by_key_not_by_place():
    x, order = torch.rand(80), torch.randperm(80, generator=torch.Generator().manual_seed(0))
    got = compare([judged(x)], [judged(x[order], key=order)], "recall@10")
    assert got.difference == 0


def test_a_clear_gain_is_better_and_its_mirror_worse():
    draw = np.random.default_rng(0)
    x = draw.random(400)
    a, b = [judged(np.clip(x + 0.05, 0, 2))], [judged(x + draw.normal(0, 0.1, 400))]
    assert compare(a, b, "recall@10").verdict == "better"
    assert compare(b, a, "recall@10").verdict == "worse"


def test_a_small_difference_within_the_margin_is_equivalent():
    draw = np.random.default_rng(1)
    x = draw.random(4000)
    a, b = [judged(x)], [judged(x + draw.normal(0, 0.02, 4000))]
    assert compare(a, b, "recall@10", margin=0.01).verdict == "equivalent"


def test_not_separated_says_how_many_requests_would_do():
    draw = np.random.default_rng(2)
    x = draw.random(500)
    got = compare([judged(x + 0.004)], [judged(x + draw.normal(0, 0.1, 500))], "recall@10")
    assert got.verdict.startswith("not separated: ")
    assert got.verdict.endswith("more needed")
    more = int(got.verdict.split()[2].replace(",", ""))
    error = got.error * (500 / (500 + more)) ** 0.5
    assert abs(got.difference) / error == pytest.approx(2.8016, rel=0.01)


def test_one_seed_speaks_of_these_checkpoints_only():
    draw = np.random.default_rng(3)
    a = [judged(draw.random(50)) for _ in range(5)]
    got = compare(a[:1], a, "recall@10")
    assert "requests only on a (one seed)" in got.covers
    assert compare(a, a, "recall@10").covers == "requests and seeds"


def test_outcomes_of_one_seed_take_mcnemars_exact_test():
    a, b = torch.zeros(40), torch.zeros(40)
    a[:6] = 1
    got = compare([judged(a)], [judged(b)], "recall@10")
    assert got.test == "exact McNemar"
    assert got.p == pytest.approx(2 * 0.5**6)


def test_mcnemar_with_no_disagreement_is_one():
    assert mcnemar(torch.ones(5), torch.ones(5)) == 1


def test_shares_of_one_seed_take_sign_flips():
    draw = np.random.default_rng(4)
    x = draw.random(60)
    got = compare([judged(x)], [judged(x + draw.normal(0.05, 0.1, 60))], "recall@10")
    assert got.test == "sign flips"
    assert got.p < 0.01


def test_sign_flips_agree_with_every_possible_sign():
    d = torch.tensor([0.3, -0.1, 0.2, 0.5, 0.1, -0.2, 0.4, 0.05])
    signs = torch.tensor([[1 if i >> j & 1 else -1 for j in range(8)] for i in range(256)])
    exact = float(((signs * d).sum(1).abs() >= d.sum() - 1e-9).double().mean())
    assert sign_flip(d) == pytest.approx(exact, abs=0.02)


def test_people_with_several_requests_are_the_units():
    draw = np.random.default_rng(5)
    people = np.repeat(np.arange(50), 4)
    shift = draw.normal(0, 0.1, 50)[people]
    x = draw.random(200)
    a, b = judged(x + shift, cluster=people), judged(x, cluster=people)
    got = compare([a], [b], "recall@10")
    assert got.units == 50
    plain = compare([judged(x + shift)], [judged(x)], "recall@10")
    assert got.error > 1.5 * plain.error


def test_holm_steps_down():
    assert holm([0.001, 0.012, 0.03, 0.04]) == pytest.approx([0.004, 0.036, 0.06, 0.06])
    assert holm([0.04, 0.001, 0.03, 0.012]) == pytest.approx([0.06, 0.004, 0.06, 0.036])
    assert holm([0.9, 0.8]) == [1, 1]


def test_a_family_changes_the_verdicts_it_must():
    draw = np.random.default_rng(6)
    x = draw.random(300)
    one = compare([judged(x + 0.014)], [judged(x + draw.normal(0, 0.1, 300))], "recall@10")
    one = replace(one, p=0.03, low=0.001)
    assert one.verdict == "better"
    assert family([one] * 2)[0].verdict.startswith("not separated")


def test_other_requests_are_an_error_that_counts_and_names_them():
    a, b = judged(torch.rand(10)), judged(torch.rand(10), key=torch.arange(10) + 7)
    b = replace(b, values=a.values)
    message = r"3 in both; missing on one side: 0, 1, 2, \.\.\.; .*--intersect"
    with pytest.raises(ValueError, match=message):
        compare([a], [b], "recall@10")


def test_common_requests_are_compared_on_demand():
    a, b = judged(torch.rand(10)), judged(torch.rand(10), key=torch.arange(10) + 7)
    b = replace(b, values=a.values)
    assert compare([a], [b], "recall@10", requests="intersect").units == 3


def test_reports_without_a_common_request_are_an_error():
    a, b = judged(torch.rand(5)), judged(torch.rand(5), key=torch.arange(5) + 9)
    with pytest.raises(ValueError, match="share no request"):
        compare([a], [b], "recall@10", requests="intersect")


@pytest.mark.parametrize(
    "field",
    [{"dialect": "comirec-paper"}, {"candidates": "u100"}, {"excluded": "history"}, {"part": "v"}],
)
def test_values_that_mean_different_things_are_refused_by_field(field):
    x = torch.rand(10)
    with pytest.raises(ValueError, match=f"{next(iter(field))}: .*judge both runs alike"):
        compare([judged(x)], [judged(x, **field)], "recall@10")


def test_runs_may_differ_in_seed_checkpoint_and_code():
    x = torch.rand(10)
    other = judged(x, seeds=(3,), checkpoint="step 7", code="0.0.1", tied=0.2, duplicates=4)
    assert compare([judged(x)], [other], "recall@10").difference == 0


def test_a_closed_form_meets_a_model_chosen_on_valid_but_not_one_chosen_on_test():
    x = torch.rand(10)
    solved, chosen = judged(x, selected_on="fixed steps"), judged(x, selected_on="valid")
    assert compare([solved], [chosen], "recall@10").difference == 0
    with pytest.raises(ValueError, match="selected_on"):
        compare([solved], [judged(x, selected_on="test")], "recall@10")


def test_a_metric_that_a_report_lacks_is_an_error():
    with pytest.raises(KeyError, match="ndcg@10"):
        compare([judged(torch.rand(5))], [judged(torch.rand(5))], "ndcg@10")


def test_an_empty_side_is_an_error():
    with pytest.raises(ValueError, match="at least one report"):
        compare([], [judged(torch.rand(5))], "recall@10")


def test_requests_without_the_metric_on_one_side_are_left_out():
    x = torch.rand(20)
    y = x.clone()
    y[:5] = torch.nan
    assert compare([judged(x)], [judged(y)], "recall@10").units == 15


def test_folds_that_share_training_data_are_less_sure_than_plain_t():
    from scipy.stats import ttest_1samp

    x = [0.01, 0.02, 0.015, 0.03, 0.012]
    _, low, high, p = repeated_folds(x, 0.25)
    assert p > float(ttest_1samp(x, 0).pvalue)
    want = np.std(x, ddof=1) * (1 / 5 + 0.25) ** 0.5 * 2.776445
    assert high - low == pytest.approx(2 * want, rel=1e-5)


def test_wilcoxon_is_offered():
    assert wilcoxon(torch.arange(1.0, 20)) < 0.001
    assert wilcoxon(torch.zeros(5)) == 1


def test_the_difference_is_told_in_one_line():
    draw = np.random.default_rng(0)
    x = draw.random(400)
    text = str(compare([judged(x + 0.05)], [judged(x + draw.normal(0, 0.1, 400))], "recall@10"))
    assert text.startswith("recall@10: ")
    assert "better" in text


def test_a_slice_compares_its_own_requests_alone() -> None:
    x = np.random.default_rng(2).random(200)
    better = x + np.where(np.arange(200) < 50, 0.3, 0.0)
    found = compare([judged(better)], [judged(x)], "recall@10", among=torch.arange(50))
    assert found.units == 50
    assert found.difference == pytest.approx(0.3)
