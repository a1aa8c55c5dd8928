"""The training read-out: the interest nearest to the target learns, and what a fault there costs.

A published port fed id 0 as target, so the interest nearest to padding was trained. Which interest
is chosen, and that it alone gets a gradient, is held in tests/train/test_objective.py and
tests/contracts/test_models.py; here the recipe as a whole must show the difference. Sizes are those
of benchmarks/readout.py, where the figures stand.
"""

from functools import cache
from typing import NamedTuple

import pytest
import torch

from polyrec.experiment.stored import fresh_model
from polyrec.recipes import comirec
from polyrec.recipes.plan import Plan
from polyrec.train import Options, fit
from polyrec.types import Progress

RECENT = 100
DR = {"model": "dr", "init": "small", "lr": 0.005}
SA = {"model": "sa", "init": "tf1", "lr": 0.001}
cases = pytest.mark.parametrize("setting", [DR, SA], ids=["dr", "sa"])


class Run(NamedTuple):
    loss: float  # mean of the last steps
    recall: float


@cache
def shop():
    return comirec.data(comirec.Config(world="retail_readout"))


def trained(setting, pick, steps, *, judged):
    config = comirec.Config(
        world="retail_readout", dim=32, hidden=32, pick=pick,
        max_steps=steps, eval_every=steps, **setting,
    )  # fmt: skip
    model = fresh_model(comirec, config, shop().facts)
    plan: Plan = comirec.plan(config, shop(), model)
    losses: list[float] = []

    def keep(progress, _):
        losses.append(sum(progress.losses.values()))

    fit(
        model, plan.stages, lambda *_: {"recall@50": 0.0}, Progress(config.seed),
        options=Options(report=keep),
    )  # fmt: skip
    recall = 0.0
    if judged:
        served = comirec.serve(config, model, shop().facts)
        recall = plan.judge(served, "test", "last").values["recall@50"].value
    return Run(sum(losses[-RECENT:]) / RECENT, recall)


def both(setting, steps, *, judged):
    return [
        trained(setting, pick, steps, judged=judged) for pick in ("nearest", "faulty_to_padding")
    ]


def test_training_the_interest_nearest_to_padding_holds_the_loss_up_in_dr():
    target, padding = both(DR, 800, judged=False)
    assert padding.loss - target.loss >= 0.5


@pytest.mark.slow
def test_training_the_interest_nearest_to_padding_holds_the_loss_up_in_sa():
    target, padding = both(SA, 800, judged=False)
    assert padding.loss - target.loss >= 0.5


@pytest.mark.slow
@cases
def test_the_right_read_out_finds_a_quarter_more_of_what_is_wanted(setting):
    target, padding = both(setting, 3_000, judged=True)
    assert target.recall >= 1.25 * padding.recall


@pytest.mark.parametrize("init", ["small", "tf1"])
@pytest.mark.parametrize("model", ["dr", "sa"])
def test_the_recipe_wires_the_choice_of_interest_to_the_target(model, init):
    config = comirec.Config(model=model, init=init, world="retail_readout", dim=32, hidden=32)
    made = fresh_model(comirec, config, shop().facts)
    stage = comirec.plan(config, shop(), made).stages[0]
    batch = stage.tasks[0].stream.batch(1, 0, 0)
    with torch.no_grad():
        queries = made.queries(batch.requests)
        targets = made.items(torch.arange(1, len(queries) + 1))
        pick = stage.tasks[0].objective.pick
        moved = pick(made, queries, targets) != pick(made, queries, targets.roll(1, 0))
    assert moved.float().mean() > 0.5
