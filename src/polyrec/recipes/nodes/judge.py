"""How a classifier is asked and judged: classes in order, likeliest first, as a list is.

Letters: R nodes, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.data import Questions, Split
from polyrec.evaluate import Report, Setting, Valued, ranking
from polyrec.evaluate.nodes import classes_told, told_of
from polyrec.models.graphs.batches import NodeTask
from polyrec.recipes.nodes.build import Made
from polyrec.types import Recommender, Requests


class Told(nn.Module):
    """A classifier that knows its graph, asked for the classes of nodes by their ids."""

    def __init__(self, made: Made, nodes: int) -> None:
        super().__init__()
        self.model, self._asked, self.nodes = made.model, made, nodes

    def prepare(self) -> Known:
        """Every node's logits, once."""
        return Known(self._asked.logits(torch.arange(self.nodes)))

    def scores(self, requests: Requests) -> Tensor:
        """[R, C + 1], as `Known`."""
        return self.prepare().scores(requests)


@dataclass(frozen=True, eq=False)
class Known:
    """Logits of all nodes."""

    table: Tensor  # [n, C]

    def prepare(self) -> Known:
        """Done."""
        return self

    def scores(self, requests: Requests) -> Tensor:
        """[R, C + 1]: column 0 is no class.

        Raises:
            ValueError: a request that names no node.
        """
        if bool((requests.actor < 1).any()):
            raise ValueError("whose class? name a node with --user NODE")
        return F.pad(self.table[requests.actor - 1], (1, 0))


@dataclass(frozen=True)
class Judge:
    """Judges while training by accuracy and loss on validation; at the end by all there is."""

    split: Split
    task: NodeTask
    seed: int
    wired: Callable[[nn.Module], Made]
    selected_on: str = "valid"

    def validate(self, model: nn.Module) -> Valued:
        """Accuracy and loss on validation."""
        part = self.task.parts["valid"]
        return told_of(self.wired(model).logits(part), self.task.label[part])

    def full(self, rec: Recommender, part: str, checkpoint: str) -> Report:
        """Accuracy, macro-F1 and loss with intervals, by the nodes' degree too."""
        asked: Questions = self.split.valid if part == "valid" else self.split.test
        degree = torch.from_numpy(self.task.relation.degree)[asked.key - 1]
        setting = Setting(
            counts=self.split.facts.counts,
            slices=(),
            part=part,
            data=self.split.hash[:12],
            split="given",
            selected_on=self.selected_on,
            checkpoint=checkpoint,
            seeds=(self.seed,),
        )
        classes = self.task.classes
        lists = ranking(rec, asked, ("mrr",), (classes,), setting=setting)
        every = torch.arange(1, classes + 1).expand(len(asked), classes)
        logits = rec.score(asked.requests(torch.arange(len(asked))), every)
        return classes_told(lists, logits, self.task.label[asked.key - 1], degree)
