"""The rules of an ablation: what is decided from paired values, and what a budget takes away."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from polyrec.evaluate.report import Value
from polyrec.experiment.ablation import Ask, arms, question
from polyrec.experiment.ablation.arms import Arm, Bench, composed
from polyrec.experiment.ablation.decide import Trial, decide
from polyrec.experiment.ablation.pace import Pace
from polyrec.experiment.ablation.scheme import Scheme, cost, trim
from polyrec.experiment.ablation.trainings.measure import best_on_valid, measured, tripled
from polyrec.experiment.ablation.trainings.shelf import Shelf
from polyrec.experiment.ablation.whole import _best
from polyrec.metrics import Passport
from polyrec.recipes import Anchor
from polyrec.recipes.comirec import Config
from polyrec.run import Run

METRIC = "recall@10"
HOUR = 3600.0


@dataclass(frozen=True)
class Judged:
    """One seed's report, just what a comparison reads."""

    values: dict
    per_request: dict
    key: torch.Tensor
    cluster: torch.Tensor


def judged(x, first=0, **passport):
    x = torch.as_tensor(x).double()
    key = torch.arange(first, first + len(x))
    birth = Passport("recall", 10, requests=len(x), **passport)
    value = Value(float(x.mean()), 0.0, 1.0, len(x), birth)
    return Judged({METRIC: value}, {METRIC: x}, key, key)


def arm(factor="", label="anchor", rates=(), seconds=1.0, anchor="a"):
    pace = Pace(step=seconds, steps=1, evaluations=0, positives=8.0)
    change = {"dim": 8} if factor else {}
    config = replace(Config(), category=f"{anchor} {factor} {label}")  # no two are the same run
    return Arm("comirec", Anchor(anchor, "dr"), factor, label, change, {}, config, rates, pace)


def bench(*factors, rates=(), anchor="a"):
    changes = tuple(arm(f, "on", rates, anchor=anchor) for f in factors)
    return Bench(arm(rates=rates, anchor=anchor), changes, (), METRIC, ())


def world(effects, seeds=5, users=600, draw=None):
    """Rulings over changes with these true effects: shared users, own noise, own seeds."""
    draw = draw or np.random.default_rng(3)
    of = bench(*effects)
    person = draw.normal(0.3, 0.2, users)
    reports, trials = {}, []
    for one, effect in zip(of.arms, [0.0, *effects.values()], strict=True):
        own = draw.normal(0, 0.05, users)
        paths = tuple(Path(f"{one.name}/{seed}") for seed in range(seeds))
        for path in paths:
            noise = draw.normal(0, 0.1, users) + draw.normal(0, 0.002)
            reports[path] = judged(person + own + effect + noise)
        trials.append(Trial(one, paths=paths))
    return of, trials, reports


def verdicts(*told):
    return {ruling.name: ruling for ruling in decide(*told)}


def test_what_helps_is_kept_and_what_harms_is_dropped():
    found = verdicts(*world({"better": 0.03, "worse": -0.03, "nothing": 0.0}))
    assert found["better=on"].verdict == "keep"
    assert found["worse=on"].verdict == "drop"
    assert found["nothing=on"].verdict == "undecided"


def test_an_undecided_change_says_what_would_decide():
    found = verdicts(*world({"little": 0.002}, users=300))
    assert found["little=on"].verdict == "undecided"
    assert "would decide" in found["little=on"].why


def test_changes_that_do_nothing_are_rarely_kept_or_dropped_however_many_are_tried():
    draw, wrong = np.random.default_rng(11), 0
    for _ in range(120):
        found = verdicts(*world({f"f{at}": 0.0 for at in range(8)}, users=200, draw=draw))
        wrong += any(one.verdict in ("keep", "drop") for one in found.values())
    assert wrong / 120 <= 0.10  # 5% of the families, three standard errors above


def test_three_seeds_make_a_weak_verdict():
    found = verdicts(*world({"better": 0.05}, seeds=3))
    assert found["better=on"].verdict == "keep"
    assert "weak" in found["better=on"].why


def test_two_seeds_make_no_verdict():
    found = verdicts(*world({"better": 0.05}, seeds=2))
    assert found["better=on"].verdict == "no verdict"


def test_p_is_adjusted_for_all_changes_of_the_anchor():
    one = verdicts(*world({"f": 0.01}))["f=on"].one
    many = verdicts(*world({"f": 0.01, "g": 0.01, "h": 0.01}))["f=on"].one
    assert one.adjusted == one.p
    assert many.adjusted > many.p


def test_other_requests_are_not_compared_and_stop_nothing():
    of, trials, reports = world({"f": 0.03, "g": 0.03})
    for path in trials[1].paths:
        reports[path] = judged(torch.rand(600), first=5)
    found = verdicts(of, trials, reports)
    assert found["f=on"].verdict == "not comparable"
    assert "different requests" in found["f=on"].why
    assert found["g=on"].verdict == "keep"


def test_leaving_out_seen_items_is_compared_and_said():
    of, trials, reports = world({"filter": 0.05})
    for path in trials[1].paths:
        reports[path] = judged(reports[path].per_request[METRIC], excluded="history")
    found = verdicts(of, trials, reports)
    assert found["filter=on"].verdict == "keep"
    assert "history and none" in found["filter=on"].why


def test_a_change_without_a_run_has_failed_with_its_reason():
    of, trials, reports = world({"f": 0.0})
    trials[1] = Trial(trials[1].arm, failures=("seed 1: not finite",))
    found = verdicts(of, trials, reports)["f=on"]
    assert found.verdict == "failed"
    assert found.why == "seed 1: not finite"
    assert found.trial.unstable == 1.0


def test_without_a_run_of_the_anchor_there_is_no_verdict_and_the_reason():
    of, trials, reports = world({"f": 0.0})
    trials[0] = Trial(trials[0].arm, failures=("seed 1: not finite: lr is too large",))
    found = verdicts(of, trials, reports)
    assert found["f=on"].verdict == "no verdict"
    assert "no run of the anchor" in found["f=on"].why
    assert "lr is too large" in found["f=on"].why


def line(loss, **more):
    return {"loss": {"next": loss}, **more}


def test_a_loss_is_held_against_its_first_value_among_as_many_negatives():
    assert tripled([line(1.0), line(3.1)])
    assert not tripled([line(1.0), line(2.9)])
    grown = [line(1.0, **{"negatives/next": 1}), line(3.5, **{"negatives/next": 5})]
    assert not tripled(grown)
    assert tripled([*grown, line(10.6, **{"negatives/next": 5})])


def test_a_loss_that_was_not_finite_is_left_out():
    assert not tripled([line(None), line(1.0), line(None), line(2.0)])


def test_of_a_metric_whose_smaller_values_are_better_the_smallest_is_the_best(tmp_path):
    run = Run.create(tmp_path / "run")
    for value in (0.7, 0.5, 0.6):
        run.log("eval", {"metrics": {"logloss": value}})
    assert best_on_valid(run.path, "-logloss") == 0.5
    assert best_on_valid(run.path, "logloss") == 0.7
    assert _best(arm(rates=(1.0, 2.0)), {1.0: 0.5, 2.0: 0.7}) == 2.0
    least = arm(rates=(1.0, 2.0))
    least = replace(least, config=replace(least.config, select_by="-logloss"))
    assert _best(least, {1.0: 0.5, 2.0: 0.7}) == 1.0


def test_another_length_of_history_is_paid_for_in_epochs():
    ask = Ask("sequence", ("world=retail_tiny", "dim=8", "blocks=1"), ("length=2", "batch=64"),
              variant="conservative")  # fmt: skip
    q = question(ask)
    settings = {**q.anchors[0].settings, **q.base}
    split = q.of.data(composed(q.of, "conservative", settings))
    found = arms.bench(q, q.anchors[0], split)
    short, batch = found.changes
    times = found.anchor.pace.epoch / short.pace.epoch
    assert times > 1.5
    assert short.config.epochs == round(found.anchor.config.epochs * times)
    assert batch.config.epochs == found.anchor.config.epochs


def scheme(seeds=5, rates=(1.0, 2.0, 4.0, 8.0)):
    names = ("loss", "negatives", "count")
    return Scheme((bench(*names, rates=rates), bench(*names, rates=rates, anchor="b")), seeds)


def shelf():
    return Shelf(Path("nowhere"), {})


def test_learning_rates_share_a_training_with_the_first_seed():
    left = cost(scheme(), shelf())
    assert left.trainings == 8 * (4 + 5 - 1)
    assert left.seconds == left.trainings


TRIMS = [
    (100.0, []),
    (63.0, ["quarter"]),  # 8 x (4/4 + 5)
    (40.0, ["quarter", "3 seeds"]),  # 8 x (1 + 3) = 32
    (31.0, ["quarter", "3 seeds", "only anchor b"]),  # 16
    (12.0, ["quarter", "3 seeds", "only anchor b", "count"]),
    (8.0, ["quarter", "3 seeds", "only anchor b", "count", "negatives"]),
]


@pytest.mark.parametrize(("seconds", "words"), TRIMS)
def test_a_budget_trims_in_a_fixed_order(seconds, words):
    got = trim(scheme(), seconds / HOUR, shelf(), 1)
    assert len(got.trims) == len(words)
    assert all(word in trim for word, trim in zip(words, got.trims, strict=True))
    assert cost(got, shelf()).seconds <= seconds


def test_a_budget_for_nothing_says_what_the_least_takes():
    with pytest.raises(ValueError, match="even loss alone, 3 seeds"):
        trim(scheme(), 1 / HOUR, shelf(), 1)


def test_two_processes_take_half_the_time():
    assert trim(scheme(), 63.0 / 2 / HOUR, shelf(), 2).search == "quarter"
    assert trim(scheme(), 63.0 / HOUR, shelf(), 2).search == "full"


def test_steps_are_those_taken_and_not_those_that_the_log_last_told(tmp_path):
    """A line every hundred steps and a training of 150: the end stands in another line."""
    lines = [
        {"kind": "train", "step": 1, "seconds": 1.0, "loss": {"next": 2.0}},
        {"kind": "train", "step": 100, "seconds": 10.0, "loss": {"next": 1.0}},
        {"kind": "stop", "step": 150, "seconds": 15.0, "reason": "all 150 steps done"},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "run.json").write_text("{}")
    found = measured(tmp_path)
    assert (found.steps, found.rate, found.tripled) == (150, 11.0, False)
