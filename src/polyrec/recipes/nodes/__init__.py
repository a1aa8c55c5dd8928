"""Classes of nodes on a graph: which layer weighs neighbours how, and what that is worth.

To the experiment a node is an actor and its class the one thing it wants, so runs, resume, reports
and paired comparisons are those of any recipe; one page of choices, docs/gnn.md says what they
mean, and what sources say stands in `tables`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from torch import nn

from polyrec.data import Facts, Split
from polyrec.recipes.nodes import build, learn, reading
from polyrec.recipes.nodes.build import Made, made
from polyrec.recipes.nodes.config import DEFAULT, LENGTH, RIVALS, TRAINING, VARIANTS, Config
from polyrec.recipes.nodes.idle import idle, passed_over
from polyrec.recipes.nodes.judge import Judge, Told
from polyrec.recipes.nodes.learn import run, trained
from polyrec.recipes.nodes.reading import Library
from polyrec.recipes.nodes.tables import CURVES, EXPECTED
from polyrec.recipes.plan import Nouns, Plan
from polyrec.recommend import Score
from polyrec.types import Recommender

NOUNS = Nouns("classes", "labelled nodes to learn from", "nodes", '--history "" --user NODE --k 3')
PROCESSOR_ONLY = True  # the whole graph is read at every step, by kernels of the processor
__all__ = [
    "CURVES", "DEFAULT", "EXPECTED", "LENGTH", "NOUNS", "PROCESSOR_ONLY", "RIVALS", "TRAINING",
    "VARIANTS", "Config", "Library", "Made", "ceiling", "data", "idle", "library", "made", "model",
    "passed_over", "plan", "run", "serve", "trained",
]  # fmt: skip


def library(config: Config) -> Library:
    """The papers of a file, or those of a simulated world."""
    how: reading.Rows = "raw" if config.features == "raw" else "rows"
    found = reading.planetoid(Path(config.data), how) if config.data else reading.simulated(
        config.world, how)  # fmt: skip
    if config.features == "ids":
        found = replace(found, task=found.task.by_ids())
    return reading.holding(found, config.hold) if config.hold else found


def data(config: Config) -> Split:
    """The papers as the experiment sees them; facts hold their graph."""
    build.refuse(config)
    return reading.as_split(library(config))


def model(config: Config, facts: Facts) -> nn.Module:
    """An untrained classifier."""
    return build.model(config, _library(config, facts))


def serve(config: Config, model: nn.Module, facts: Facts) -> Recommender:
    """Classes of nodes, likeliest first: what is measured and served."""
    held = _library(config, facts)
    return Score(Told(build.wired(config, held, model), len(held.task.label)))


def plan(config: Config, split: Split, model: nn.Module) -> Plan:
    """One stage on classes; or one on walks and a solve; or a solve alone."""
    held = cast(Library, split.facts.graph)
    ready = build.wired(config, held, model)
    chosen = "valid" if config.learn == "classes" and ready.stream is not None else ""
    judge = Judge(
        split, held.task, config.seed, partial(build.wired, config, held), chosen, held.links,
        build.operators(config),
    )  # fmt: skip
    return Plan(learn.stages(config, held, ready), judge.validate, judge.full)


def ceiling(config: Config, split: Split) -> Recommender | None:
    """Nobody knows the truth of a citation graph, and no oracle of the simulated one is built."""
    return None


def _library(config: Config, facts: Facts) -> Library:
    """The graph of the facts; those of a run's folder hold none, so it is read again."""
    return facts.graph if isinstance(facts.graph, Library) else library(config)
