"""Label metrics: against plain loops, scikit-learn and their own laws."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from polyrec.metrics.curve import (
    auc,
    auc_each,
    average_precision,
    best_threshold,
    curve,
    group_auc,
)
from polyrec.metrics.label import (
    LABEL,
    as_logits,
    calibration_error,
    calibration_reference,
    check,
    decided,
    pair_accuracy,
)
from polyrec.types import Scored


def rows(n=400, seed=0, ties=True, rate=0.3):
    draw = np.random.default_rng(seed)
    label = (draw.random(n) < rate).astype(float)
    score = draw.normal(size=n) + label
    score = score.round(1) if ties else score
    people = draw.integers(0, n // 8, n)
    return of(score, label, people)


def of(score, label, people=None, weight=None):
    score, label = torch.as_tensor(score).double(), torch.as_tensor(label).double()
    key = torch.arange(len(score))
    people = key if people is None else torch.as_tensor(people)
    weight = torch.ones(len(score)) if weight is None else torch.as_tensor(weight)
    return Scored(key, people, score, label, weight.double(), people)


def value(name, scored, weight=None):
    weight = torch.ones(len(scored.key), 1) if weight is None else weight
    return float(LABEL[name].whole(scored, weight)[0])


@pytest.mark.parametrize("seed", range(5))
def test_auc_counts_pairs_with_ties_half(seed):
    got = rows(90, seed)
    up, down = got.score[got.label == 1], got.score[got.label == 0]
    pairs = (up[:, None] > down).double() + (up[:, None] == down).double() / 2
    assert float(auc(curve(got))[0]) == pytest.approx(float(pairs.mean()), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learn_agrees(seed, weighted):
    got = rows(300, seed)
    weight = np.random.default_rng(seed).random(300) if weighted else np.ones(300)
    got = of(got.score, got.label, weight=weight)
    y, s = got.label.numpy(), got.score.numpy()
    p = 1 / (1 + np.exp(-s))
    want = {
        "auc": sk.roc_auc_score(y, s, sample_weight=weight),
        "aupr": sk.average_precision_score(y, s, sample_weight=weight),
        "logloss": sk.log_loss(y, p, sample_weight=weight),
    }
    for name, number in want.items():
        assert value(name, got) == pytest.approx(number, abs=1e-9)
    yes = decided(got, 0.4)
    said = (s >= 0.4).astype(float)
    for name, other in (
        ("f1", sk.f1_score),
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
    ):
        assert value(name, yes) == pytest.approx(other(y, said, sample_weight=weight), abs=1e-9)


@pytest.mark.parametrize("name", list(LABEL))
def test_row_weights_equal_repeated_rows(name):
    got = rows(60)
    times = torch.randint(0, 4, (60,), generator=torch.Generator().manual_seed(1))
    again = torch.repeat_interleave(torch.arange(60), times)
    many = of(got.score[again], got.label[again])
    weight = times[:, None].double()
    if LABEL[name].threshold:
        got, many = decided(got, 0.2), decided(many, 0.2)
    assert value(name, got, weight) == pytest.approx(value(name, many), abs=1e-9)


@pytest.mark.parametrize("name", [n for n, m in LABEL.items() if m.each is not None])
def test_the_rows_contributions_average_to_the_value(name):
    got = rows(200)
    assert float(LABEL[name].each(got).mean()) == pytest.approx(value(name, got), abs=1e-12)


@pytest.mark.parametrize("name", ["auc", "aupr"])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_only_has_no_value(name, label):
    assert np.isnan(value(name, of([0.1, 0.5], [label, label])))


def test_influence_values_give_delongs_variance():
    got = rows(150, ties=False)
    up, down = got.score[got.label == 1], got.score[got.label == 0]
    wins = (up[:, None] > down).double()
    want = wins.mean(1).var() / len(up) + wins.mean(0).var() / len(down)
    from polyrec.metrics.intervals.auc import delong

    assert delong(got) == pytest.approx(float(want), abs=1e-12)
    assert float(auc_each(got).mean()) == pytest.approx(float(wins.mean()))


def test_group_auc_is_the_weighted_mean_of_the_groups_that_have_both_classes():
    got = rows(300)
    total = kept = 0.0
    for g in got.group.unique():
        mine = got.group == g
        if 0 < got.label[mine].sum() < mine.sum():
            one = sk.roc_auc_score(got.label[mine].numpy(), got.score[mine].numpy())
            total, kept = total + one * int(mine.sum()), kept + int(mine.sum())
    ours = group_auc(got)
    assert ours.value == pytest.approx(total / kept, abs=1e-12)
    assert ours.rows == pytest.approx(kept / 300)


def test_the_best_threshold_has_the_largest_f1_and_is_the_largest_such():
    got = rows(200)
    f1 = {float(t): value("f1", decided(got, float(t))) for t in got.score.unique()}
    best = max(f1.values())
    want = max(t for t, x in f1.items() if x == pytest.approx(best, abs=1e-12))
    assert best_threshold(got) == pytest.approx(want)


def test_average_precision_takes_no_side_on_ties():
    assert float(average_precision(curve(of([1.0, 1.0], [1.0, 0.0])))[0]) == 0.5
    assert float(average_precision(curve(of([1.0, 1.0], [0.0, 1.0])))[0]) == 0.5


def test_logloss_of_huge_logits_is_finite():
    assert value("logloss", of([1000.0, -1000.0], [1.0, 0.0])) == pytest.approx(0)
    assert value("logloss", of([-1000.0], [1.0])) == pytest.approx(1000)


def test_probabilities_are_clipped():
    assert torch.isfinite(as_logits(torch.tensor([0.0, 1.0]))).all()


@pytest.mark.parametrize(("n", "reference"), [(1_000, 0.036), (10_000, 0.012)])
def test_a_calibrated_model_shows_the_reference_error(n, reference):
    draw = torch.Generator().manual_seed(n)
    p = torch.rand(n, generator=draw)
    got = of(as_logits(p), torch.bernoulli(p, generator=draw))
    want = calibration_reference(got, draws=50)
    assert want == pytest.approx(reference, rel=0.15)
    assert calibration_error(got) == pytest.approx(want, rel=0.6)


def test_pair_accuracy_counts_equals_half():
    got = pair_accuracy(torch.tensor([2.0, 1.0, 1.0]), torch.tensor([1.0, 1.0, 2.0]))
    assert got.tolist() == [1, 0.5, 0]


def test_a_broken_score_names_its_row():
    with pytest.raises(ValueError, match="row 1 has score nan"):
        check(of([0.0, float("nan")], [0.0, 1.0]))


@pytest.mark.parametrize("weight", [[0.0, 0.0], [2.0, -1.0]])
def test_weights_below_zero_or_all_zero_are_an_error(weight):
    with pytest.raises(ValueError, match="weights must be >= 0"):
        check(of([0.0, 1.0], [0.0, 1.0], weight=weight))


def test_labels_other_than_zero_and_one_are_an_error():
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        check(of([0.0], [2.0]))
