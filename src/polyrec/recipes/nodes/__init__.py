"""Classes of nodes on a graph: which layer weighs neighbours how, and what that is worth.

The recipe answers with accuracy over seeds instead of ranked lists, so it has its own `run`; all
else is as elsewhere: settings, variants, the one training loop, test read once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from polyrec.evaluate.nodes import NodeReport, Trial, accuracy
from polyrec.losses import one_of
from polyrec.models.graphs.batches import TASK, NodeTask, WholeGraph
from polyrec.models.graphs.nodes import NODE_MODELS, NodeClassifier, Settings, Shape
from polyrec.models.graphs.sampled import SampledNodes
from polyrec.recipes.nodes.config import DEFAULT, EXPECTED, VARIANTS, Config
from polyrec.recipes.nodes.reading import planetoid
from polyrec.train import Adam, Answer, Epochs, Patience, Stage, Task, fit
from polyrec.types import Progress, derived_seed

__all__ = [
    "DEFAULT", "EXPECTED", "VARIANTS", "Config", "data", "model", "run", "stage", "trained",
]  # fmt: skip

IDS_WIDTH = 64
SELECT = "accuracy, then loss"
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


def model(config: Config, task: NodeTask) -> NodeClassifier:
    """An untrained classifier; its weights follow from the seed alone."""
    ids = config.features == "ids"
    width = IDS_WIDTH if ids else task.width
    shape = Shape(width, task.classes, len(task.label) if ids else 0)
    settings = Settings(
        config.hidden, config.depth, config.heads, config.terms, config.dropout, config.decay
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(config.seed, "weights") % 2**63)
        return NODE_MODELS[config.model](shape, settings)


def stage(config: Config, task: NodeTask, model: NodeClassifier) -> Stage:
    """Whole graphs or drawn neighbours, judged every epoch, the best on validation kept."""
    stream: WholeGraph | SampledNodes = WholeGraph(task, model.norm, model.depth)
    if config.fanouts:
        fanouts = tuple(int(part) for part in config.fanouts.split(","))
        stream = SampledNodes(task, model.norm, fanouts, config.batch)
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


def trained(config: Config, task: NodeTask) -> tuple[NodeClassifier, Progress]:
    """A classifier at its best validation epoch; test is not looked at."""
    classifier, part = model(config, task), task.parts["valid"]
    whole = task.asked(part, classifier.norm, classifier.depth)

    def evaluate(of: nn.Module, progress: Progress) -> Mapping[str, float]:
        logits = classifier.logits(whole).logits[TASK]
        loss = float(F.cross_entropy(logits, task.label[part]))
        right = accuracy(logits, task.label[part])
        return {"accuracy": right, "loss": loss, SELECT: right - loss / FINE}

    progress = Progress(seed=config.seed)
    fit(classifier, [stage(config, task, classifier)], evaluate, progress)
    return classifier, progress


def run(config: Config, seeds: Sequence[int], given: tuple[NodeTask, int] | None = None
        ) -> NodeReport:  # fmt: skip
    """Trains once a seed and reads test once a seed, at the best validation epoch."""
    task, bare = given or data(config)
    test, trials, size = task.parts["test"], [], 0
    for seed in seeds:
        began = time.process_time()
        classifier, progress = trained(replace(config, seed=seed), task)
        seconds = time.process_time() - began
        with torch.no_grad():
            batch = task.asked(test, classifier.norm, classifier.depth)
            reached = accuracy(classifier.logits(batch).logits[TASK], task.label[test])
        epochs = [row[SELECT] for row in progress.metrics]
        at = max(range(len(epochs)), key=epochs.__getitem__)
        valid = progress.metrics[at]["accuracy"]
        trials.append(Trial(seed, reached, valid, at + 1, len(epochs), seconds))
        size = sum(weight.numel() for weight in classifier.parameters())
    return NodeReport(tuple(trials), len(test), bare, size)
