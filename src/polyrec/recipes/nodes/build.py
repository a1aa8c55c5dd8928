"""From settings and papers to a classifier, its batches, and how it is asked about nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from polyrec.evaluate.links import OPERATORS, Operator
from polyrec.models.graphs.batches import TASK, NodeTask, WholeGraph
from polyrec.models.graphs.hetero import HETERO_MODELS, paths
from polyrec.models.graphs.nodes import NODE_MODELS, Majority, NodeClassifier, Settings, Shape
from polyrec.models.graphs.sampled import SampledNodes, SampledTyped
from polyrec.models.graphs.typed import Whole
from polyrec.models.graphs.walked import NodeVectors, Walked, WalkPairs
from polyrec.recipes.nodes.config import Config
from polyrec.recipes.nodes.reading import Library
from polyrec.types import Ranker, Stream, derived_seed

IDS_WIDTH = 64
DRAWN = ("rgcn", "hgt", "blind")  # typed models that can read drawn neighbours


@dataclass(frozen=True)
class Made:
    """A classifier, what it learns from, and how it is asked about nodes."""

    model: nn.Module
    stream: Stream | None  # None: it is solved
    asked: Callable[[Tensor], Any]  # node ids -> a batch of the whole graph

    def logits(self, at: Tensor) -> Tensor:
        """[B, C]."""
        return cast(Ranker, self.model).logits(self.asked(at)).logits[TASK]


def model(config: Config, library: Library) -> nn.Module:
    """A classifier whose weights follow from the seed alone.

    Raises:
        ValueError: settings that do not go together.
    """
    refuse(config)
    settings, task = _settings(config), library.task
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(config.seed, "weights"))
        if config.model == "majority":
            return Majority(task.classes)
        if config.model in HETERO_MODELS:
            kind = HETERO_MODELS[config.model]
            return kind.build(library.typed, settings, _read(config, library))
        ids = config.features == "ids"
        nodes, width = (len(task.label), IDS_WIDTH) if ids else (0, task.width)
        told = config.hidden if config.learn == "walks" else task.classes
        found = NODE_MODELS[config.model](Shape(width, told, nodes), settings)
    if config.learn == "classes":
        return found
    whole = task.asked(torch.arange(len(task.label)), found.norm, found.depth)
    return Walked(NodeVectors(found, whole), config.hidden, task.classes)


def wired(config: Config, library: Library, model: nn.Module) -> Made:
    """The classifier with its batches."""
    task, fanouts = library.task, _fanouts(config)
    if config.model in HETERO_MODELS:
        whole = Whole(library.typed, _read(config, library))
        stream: Stream = whole
        if fanouts:
            stream = SampledTyped(library.typed, fanouts, config.batch)
        return Made(model, stream, whole.asked)
    if isinstance(model, Majority):
        return Made(model, None, partial(task.asked, norm="none", layers=1))
    encoder = model.vectors.encoder if isinstance(model, Walked) else cast(NodeClassifier, model)
    asked = partial(task.asked, norm=encoder.norm, layers=encoder.depth)
    return Made(model, _stream(config, task, encoder, fanouts), asked)


def made(config: Config, library: Library) -> Made:
    """An untrained classifier with its batches."""
    return wired(config, library, model(config, library))


def operators(config: Config) -> tuple[Operator, ...]:
    """Those that the setting names."""
    if config.operators == "none":
        return ()
    return tuple(OPERATORS) if config.operators == "all" else (config.operators,)


def refuse(config: Config) -> None:
    """Passes if the settings go together.

    Raises:
        ValueError: fan-outs that are no numbers or not one a layer, or a model that cannot read
            drawn neighbours or learn from walks.
    """
    fanouts, typed = _fanouts(config), config.model in HETERO_MODELS
    if fanouts and typed and config.model not in DRAWN:
        raise ValueError(
            f"fanouts={config.fanouts}: {config.model} reads whole graphs; leave it out"
        )
    if fanouts and config.model == "chebnet":
        raise ValueError(
            f"fanouts={config.fanouts}: chebnet reads whole neighbourhoods; leave it out"
        )
    if config.learn == "walks" and (typed or config.model == "majority"):
        raise ValueError(f"learn=walks: not with model={config.model}; with sage_mean, gcn, gat")
    if config.learn == "walks" and fanouts:
        raise ValueError(
            f"fanouts={config.fanouts}: walks are learnt on whole graphs; leave it out"
        )


def _stream(
    config: Config, task: NodeTask, encoder: NodeClassifier, fanouts: tuple[int, ...]
) -> Stream:
    if config.learn == "walks":
        return WalkPairs(task, config.walk, config.batch)
    if fanouts:
        return SampledNodes(task, encoder.norm, fanouts, config.batch)
    return WholeGraph(task, encoder.norm, encoder.depth)


def _settings(config: Config) -> Settings:
    return Settings(
        config.hidden, config.depth, config.heads, config.terms, config.dropout, config.decay
    )


def _read(config: Config, library: Library) -> Any:
    """What a typed model reads of the papers, made once."""
    key = f"{config.model} {config.depth}"
    if key not in library.read:
        reads = HETERO_MODELS[config.model].reads
        if config.model == "han":
            reads = partial(paths, named=library.paths)
        library.read[key] = reads(library.typed, _settings(config))
    return library.read[key]


def _fanouts(config: Config) -> tuple[int, ...]:
    if not config.fanouts:
        return ()
    parts = [part.strip() for part in config.fanouts.split(",")]
    if not all(part.isdigit() and int(part) for part in parts) or len(parts) != config.depth:
        raise ValueError(
            f"fanouts={config.fanouts}: need {config.depth} numbers above 0, one a layer (25,10)"
        )
    return tuple(int(part) for part in parts)
