"""How a classifier of nodes is trained: stages, and whole trials without a run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from polyrec.evaluate import one_vs_rest
from polyrec.evaluate.nodes import NodeReport, Trial, accuracy, told_of
from polyrec.losses import linked, one_of
from polyrec.models.graphs.batches import TASK, NodeTask
from polyrec.models.graphs.nodes import Majority
from polyrec.models.graphs.walked import Walked, by_degree
from polyrec.negatives import Popular
from polyrec.recipes.nodes.build import Made, made
from polyrec.recipes.nodes.config import Config
from polyrec.recipes.nodes.reading import Library
from polyrec.train import Adam, Answer, Epochs, Patience, Rank, Solve, Stage, Task, best, fit
from polyrec.types import Progress, Stream

CERTAIN = 100.0  # log odds; the loss of a class that training never met stays a number


def stages(config: Config, library: Library, ready: Made) -> list[Stage | Solve]:
    """Classes by gradients, vectors by gradients and classes by a solve, or a solve alone."""
    model, task = ready.model, library.task
    if isinstance(model, Majority):
        return [Solve("count", lambda _: _count(model, task))]
    assert ready.stream is not None, "only what is solved has no batches"
    if isinstance(model, Walked):
        walks = walks_stage(config, task, ready.stream)
        return [walks, Solve("lines", lambda _: _lines(ready, task))]
    return [classes_stage(config, ready.stream)]


def classes_stage(config: Config, stream: Stream) -> Stage:
    """Judged every epoch, the best on validation kept."""
    return Stage(
        "train",
        [Task(stream, Answer({TASK: one_of}))],
        Epochs(config.epochs),
        lr=config.lr,
        judge=Epochs(1),
        select=config.select_by,
        optim=Adam(),
        stop=Patience(config.select_by, config.patience),
    )


def walks_stage(config: Config, task: NodeTask, stream: Stream) -> Stage:
    """Who meets whom on walks; no class is seen, so nothing is chosen on any."""
    negatives = Popular(len(task.label), by_degree(task), config.negatives)
    rank = Rank(partial(linked, balance=float(config.negatives)), negatives, name="walks")
    return Stage("walks", [Task(stream, rank)], Epochs(config.epochs), lr=config.lr, optim=Adam())


def trained(config: Config, library: Library) -> tuple[Made, Progress]:
    """A classifier at its best validation epoch, without a run folder; test is not looked at."""
    ready, part = made(config, library), library.task.parts["valid"]

    def evaluate(of: nn.Module, progress: Progress) -> Mapping[str, float]:
        found = told_of(ready.logits(part), library.task.label[part])
        return {name: value.value for name, value in found.values.items()}

    progress = Progress(seed=config.seed)
    fit(ready.model, stages(config, library, ready), evaluate, progress)
    ready.model.eval()
    return ready, progress


def run(config: Config, seeds: Sequence[int], library: Library) -> NodeReport:
    """Trains once a seed and reads test once a seed, at the best validation epoch."""
    task, trials, size = library.task, [], 0
    test = task.parts["test"]
    for seed in seeds:
        began = time.process_time()
        ready, progress = trained(replace(config, seed=seed), library)
        seconds = time.process_time() - began
        with torch.no_grad():
            reached = accuracy(ready.logits(test), task.label[test])
        top = best(progress, config.select_by) if progress.metrics else None
        epochs = len(progress.metrics) or config.epochs
        step = 0 if top is None else [r["step"] for r in progress.metrics].index(top.step) + 1
        valid = float("nan") if top is None else progress.metrics[step - 1]["accuracy"]
        trials.append(Trial(seed, reached, valid, step, epochs, seconds))
        size = sum(weight.numel() for weight in ready.model.parameters())
    return NodeReport(tuple(trials), len(test), library.bare, size)


def _count(model: Majority, task: NodeTask) -> None:
    counts = torch.bincount(task.label[task.parts["train"]], minlength=task.classes)
    model.counts.copy_(counts)


def _lines(ready: Made, task: NodeTask) -> None:
    """One-vs-rest logistic regression (L2, C = 1) on the vectors of train nodes."""
    model, at = ready.model, task.parts["train"]
    assert isinstance(model, Walked), "only vectors have classes read off them"
    with torch.no_grad():
        vectors = model.vectors.on(ready.asked(at))[at]
    truth = nn.functional.one_hot(task.label[at], task.classes).bool()
    found = one_vs_rest(vectors.cpu().numpy(), truth.numpy())
    model.weight.copy_(torch.from_numpy(found.weight))
    bias = torch.from_numpy(found.bias)
    model.bias.copy_(bias.clamp(-CERTAIN, CERTAIN))  # a class without a train node: -inf, else
