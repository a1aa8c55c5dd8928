"""The read-out must aim at the target: what a published fault costs, on planted interests."""

from __future__ import annotations

from functools import cache

import pytest

from polyrec import data, worlds
from polyrec.data import RandomCut, Split, SplitConfig
from polyrec.losses import sampled_softmax
from polyrec.models import MODELS
from polyrec.negatives import LogUniform
from polyrec.nn.embed import Init
from polyrec.train import (
    LazyAdam,
    Options,
    Pick,
    Rank,
    Stage,
    Steps,
    Task,
    faulty_to_padding,
    fit,
    nearest,
)
from polyrec.types import Progress

STEPS, LAST = 800, 100


@cache
def log() -> Split:
    """The controlled experiment's world: 80 clusters, three interests a person."""
    dataset, _ = worlds.build(worlds.WORLDS["retail_readout"])
    return data.filters.kinds(dataset, ("click",)).split(SplitConfig(how="by-user"))


def final_loss(name: str, init: Init, lr: float, pick: Pick) -> float:
    """Mean loss of the last steps."""
    facts, losses = log().facts, list[float]()
    model = MODELS[name](facts.items, 32, init=init)
    draws = LogUniform(facts.items, facts.counts, 1280)
    rank = Rank(sampled_softmax, draws, pick)
    stage = Stage(
        "s", [Task(RandomCut(log().train, 128, 20), rank)], Steps(STEPS), lr=lr, optim=LazyAdam()
    )
    watch = Options(report=lambda progress, _: losses.append(progress.losses["rank"]))
    fit(model, [stage], lambda model, progress: {}, Progress(seed=1), options=watch)
    return sum(losses[-LAST:]) / LAST


@pytest.mark.slow
@pytest.mark.parametrize(("name", "init", "lr"), [("dr", "small", 0.005), ("sa", "tf1", 0.001)])
def test_reading_out_at_padding_costs_half_a_nat(name: str, init: Init, lr: float) -> None:
    right, wrong = (final_loss(name, init, lr, pick) for pick in (nearest, faulty_to_padding))
    assert wrong - right >= 0.5, f"{name}: {right:.3f} at the target, {wrong:.3f} at padding"
