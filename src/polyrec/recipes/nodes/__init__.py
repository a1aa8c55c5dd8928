"""Classes of nodes on a graph: which layer weighs neighbours how, and what that is worth.

The recipe answers with accuracy over seeds instead of ranked lists, so it has its own `run`; all
else is as elsewhere: settings, variants, the one training loop, test read once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.evaluate.nodes import NodeReport, Trial, accuracy
from polyrec.losses import one_of
from polyrec.models.graphs.batches import TASK, NodeTask, WholeGraph
from polyrec.models.graphs.hetero import HETERO_MODELS, Built, han
from polyrec.models.graphs.nodes import NODE_MODELS, Settings, Shape
from polyrec.models.graphs.sampled import SampledNodes, SampledTyped
from polyrec.models.graphs.typed import Whole
from polyrec.recipes.nodes.config import DEFAULT, EXPECTED, VARIANTS, Config
from polyrec.recipes.nodes.reading import planetoid, with_words
from polyrec.train import Adam, Answer, Epochs, Patience, Stage, Task, fit
from polyrec.types import Progress, Ranker, Stream, derived_seed

__all__ = [
    "DEFAULT", "EXPECTED", "VARIANTS", "Config", "Made", "data", "made", "run", "stage", "trained",
]  # fmt: skip

IDS_WIDTH = 64
SELECT = "accuracy, then loss"
PATHS = (("cites",), ("cites", "cites"))  # over words nearly every paper meets every other
FINE = 1e4  # nats that weigh as much as all of accuracy: less than one node of a thousand


def data(config: Config) -> tuple[NodeTask, int]:
    """The graph, and how many test nodes have no class.

    Raises:
        ValueError: no data named.
    """
    if not config.data:
        raise ValueError("nodes: no data; give a graph's .npz with data=PATH")
    task, bare = planetoid(Path(config.data), "raw" if config.features == "raw" else "rows")
    return (task.by_ids() if config.features == "ids" else task), bare


@dataclass(frozen=True)
class Made:
    """An untrained classifier, what it learns from, and how it is asked about nodes."""

    model: nn.Module
    stream: Stream
    asked: Callable[[Tensor], Any]  # node ids -> a batch of the whole graph

    def logits(self, at: Tensor) -> Tensor:
        """[B, C]."""
        return cast(Ranker, self.model).logits(self.asked(at)).logits[TASK]


def made(config: Config, task: NodeTask) -> Made:
    """A classifier whose weights follow from the seed alone, and its batches.

    Raises:
        ValueError: fan-outs that are no numbers or not one a layer, or a model that cannot read
            drawn neighbours.
    """
    fanouts = _fanouts(config)
    settings = Settings(
        config.hidden, config.depth, config.heads, config.terms, config.dropout, config.decay
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(config.seed, "weights"))
        if config.model in HETERO_MODELS:
            return _typed(config, task, settings, fanouts)
        ids = config.features == "ids"
        width = IDS_WIDTH if ids else task.width
        shape = Shape(width, task.classes, len(task.label) if ids else 0)
        model = NODE_MODELS[config.model](shape, settings)
    stream: Stream = WholeGraph(task, model.norm, model.depth)
    if fanouts:
        stream = SampledNodes(task, model.norm, fanouts, config.batch)
    return Made(model, stream, partial(task.asked, norm=model.norm, layers=model.depth))


def _typed(config: Config, task: NodeTask, settings: Settings, fanouts: tuple[int, ...]) -> Made:
    typed = with_words(task)
    built: Built = HETERO_MODELS[config.model](typed, settings) if config.model != "han" else han(
        typed, settings, PATHS)  # fmt: skip
    whole = Whole(typed, built.given)
    if not fanouts:
        return Made(built.model, whole, whole.asked)
    if config.model not in ("rgcn", "hgt", "blind"):
        raise ValueError(
            f"fanouts={config.fanouts}: {config.model} reads whole graphs; leave it out"
        )
    return Made(built.model, SampledTyped(typed, fanouts, config.batch), whole.asked)


def _fanouts(config: Config) -> tuple[int, ...]:
    if not config.fanouts:
        return ()
    parts = [part.strip() for part in config.fanouts.split(",")]
    if not all(part.isdigit() and int(part) for part in parts) or len(parts) != config.depth:
        raise ValueError(
            f"fanouts={config.fanouts}: need {config.depth} numbers above 0, one a layer (25,10)"
        )
    return tuple(int(part) for part in parts)


def stage(config: Config, stream: Stream) -> Stage:
    """Judged every epoch, the best on validation kept."""
    return Stage(
        "train",
        [Task(stream, Answer({TASK: one_of}))],
        Epochs(config.epochs),
        lr=config.lr,
        judge=Epochs(1),
        select=SELECT,
        optim=Adam(),
        stop=Patience(SELECT, config.patience),
    )


def trained(config: Config, task: NodeTask) -> tuple[Made, Progress]:
    """A classifier at its best validation epoch; test is not looked at."""
    ready, part = made(config, task), task.parts["valid"]

    def evaluate(of: nn.Module, progress: Progress) -> Mapping[str, float]:
        logits = ready.logits(part)
        loss = float(F.cross_entropy(logits, task.label[part]))
        right = accuracy(logits, task.label[part])
        return {"accuracy": right, "loss": loss, SELECT: right - loss / FINE}

    progress = Progress(seed=config.seed)
    fit(ready.model, [stage(config, ready.stream)], evaluate, progress)
    return ready, progress


def run(
    config: Config, seeds: Sequence[int], given: tuple[NodeTask, int] | None = None
) -> NodeReport:
    """Trains once a seed and reads test once a seed, at the best validation epoch."""
    task, bare = given or data(config)
    test, trials, size = task.parts["test"], [], 0
    for seed in seeds:
        began = time.process_time()
        ready, progress = trained(replace(config, seed=seed), task)
        seconds = time.process_time() - began
        with torch.no_grad():
            reached = accuracy(ready.logits(test), task.label[test])
        epochs = [row[SELECT] for row in progress.metrics]
        at = max(range(len(epochs)), key=epochs.__getitem__)
        valid = progress.metrics[at]["accuracy"]
        trials.append(Trial(seed, reached, valid, at + 1, len(epochs), seconds))
        size = sum(weight.numel() for weight in ready.model.parameters())
    return NodeReport(tuple(trials), len(test), bare, size)
