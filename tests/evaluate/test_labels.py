"""Labels judged task by task, each on its own space."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from polyrec.evaluate.labels import LabelSetting, Threshold, labels, threshold_from
from polyrec.trust import compare


@dataclass(frozen=True)
class Rows:
    key: torch.Tensor
    cluster: torch.Tensor
    labels: dict
    weight: dict


class Told:
    def __init__(self, probability):
        self.probability = probability

    def predict(self, rows):
        return self.probability


def case(seed=0, n=600, per_person=1):
    draw = np.random.default_rng(seed)
    logit = torch.from_numpy(draw.normal(size=n))
    click = torch.bernoulli(logit.sigmoid(), generator=torch.Generator().manual_seed(seed)).double()
    buy = (click * torch.from_numpy(draw.random(n) < 0.4)).double()
    rows = Rows(
        torch.arange(n),
        torch.arange(n) // per_person,
        {"ctr": click, "cvr": buy},
        {"ctr": torch.ones(n), "cvr": click},
    )
    return Told({"ctr": logit.sigmoid(), "cvr": logit.sigmoid()}), rows


EVERY = ["auc", "aupr", "logloss", "normalised_entropy", "calibration"]


def test_each_task_is_judged_on_its_own_space():
    got = labels(*case(), EVERY, LabelSetting(part="valid"))
    clicks = int(case()[1].labels["ctr"].sum())
    assert got["ctr"].values["auc"].n == 600
    assert got["cvr"].values["auc"].n == clicks


def test_every_value_lies_in_its_interval():
    for report in labels(*case(), EVERY, LabelSetting(part="valid")).values():
        for value in report.values.values():
            assert value.low <= value.value <= value.high


def test_a_threshold_comes_from_validation_only():
    valid = labels(*case(), ["auc"], LabelSetting(part="valid"))["ctr"]
    at = threshold_from(valid)
    setting = LabelSetting(part="test", thresholds={"ctr": at, "cvr": at})
    got = labels(*case(1), ["f1", "precision", "recall"], setting)["ctr"]
    assert f"{at.value:.2f} from valid" in got.values["f1"].passport.short()
    test = labels(*case(1), ["auc"], LabelSetting(part="test"))["ctr"]
    with pytest.raises(ValueError, match=r"allowed is 'valid'.*--threshold 0.5"):
        threshold_from(test)


def test_a_decision_without_a_threshold_is_refused():
    with pytest.raises(ValueError, match=r"--threshold 0.5"):
        labels(*case(), ["f1"], LabelSetting(part="test"))


def test_a_typed_threshold_is_stamped():
    half = Threshold(0.5, "given")
    setting = LabelSetting(thresholds={"ctr": half, "cvr": half})
    got = labels(*case(), ["recall"], setting)["ctr"].values["recall"]
    assert got.passport.threshold == "0.50 from given"
    assert got.method == "wilson"


def test_one_class_only_has_no_value_and_no_interval():
    told, rows = case()
    rows = replace(rows, labels={"ctr": torch.zeros(600)})
    got = labels(told, rows, ["auc"], LabelSetting())["ctr"].values["auc"]
    assert got.value != got.value
    assert got.warning == "0 positives of 600 rows"
    assert got.to_json()["value"] is None


def test_a_task_without_rows_is_an_error():
    told, rows = case()
    rows = replace(rows, weight={**rows.weight, "cvr": torch.zeros(600)})
    with pytest.raises(ValueError, match="0 rows of task 'cvr'"):
        labels(told, rows, ["auc"], LabelSetting())


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'auc'"):
        labels(*case(), ["acu"], LabelSetting())


def test_rows_of_one_person_are_clustered():
    got = labels(*case(per_person=4), ["auc", "logloss"], LabelSetting())["ctr"]
    assert got.values["auc"].method == "cluster"
    assert got.values["logloss"].units == 150


@pytest.mark.parametrize("metric", ["auc", "aupr", "logloss"])
def test_two_predictors_are_compared_on_the_same_rows(metric):
    told, rows = case()
    noise = torch.randn(600, generator=torch.Generator().manual_seed(5))
    worse = Told({k: (p.logit() + 2 * noise).sigmoid() for k, p in told.probability.items()})
    a = labels(told, rows, [metric], LabelSetting())["ctr"]
    b = labels(worse, rows, [metric], LabelSetting())["ctr"]
    got = compare([a], [b], metric)
    assert got.verdict == ("worse" if metric == "logloss" else "better")


def test_the_variance_of_an_auc_difference_is_delongs():
    told, rows = case()
    other = Told({"ctr": torch.rand(600, generator=torch.Generator().manual_seed(1))})
    rows = replace(rows, labels={"ctr": rows.labels["ctr"]})
    a, b = (labels(t, rows, ["auc"], LabelSetting())["ctr"] for t in (told, other))
    d = a.per_request["auc"] - b.per_request["auc"]
    y = rows.labels["ctr"]
    want = sum(float(d[y == c].var()) * int((y == c).sum()) for c in (0, 1)) / 600**2
    assert compare([a], [b], "auc").error ** 2 == pytest.approx(want, rel=0.02)
