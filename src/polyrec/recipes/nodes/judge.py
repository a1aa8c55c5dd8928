"""How a classifier is asked and judged: classes in order, likeliest first, as a list is.

Letters: R nodes, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec.data import Questions, Split
from polyrec.evaluate import Report, Setting, Value, Valued, ranking
from polyrec.evaluate.labels import LabelSetting
from polyrec.evaluate.links import Links, Operator, foretold, foretold_by
from polyrec.evaluate.nodes import classes_told, told_of
from polyrec.models.graphs.batches import NodeTask
from polyrec.models.graphs.walked import Walked
from polyrec.recipes.nodes.build import Made
from polyrec.recommend import Score
from polyrec.types import Recommender, Requests


class Told(nn.Module):
    """A classifier that knows its graph, asked for the classes of nodes by their ids."""

    def __init__(self, made: Made, nodes: int) -> None:
        super().__init__()
        self.model, self._asked, self.nodes = made.model, made, nodes

    def prepare(self) -> Known:
        """Every node's logits, and its vector where vectors are learnt, once."""
        every, model = torch.arange(self.nodes), self.model
        held = model.vectors.on(self._asked.asked(every)) if isinstance(model, Walked) else None
        return Known(self._asked.logits(every), held)

    def scores(self, requests: Requests) -> Tensor:
        """[R, C + 1], as `Known`."""
        return self.prepare().scores(requests)


@dataclass(frozen=True, eq=False)
class Known:
    """Logits of all nodes."""

    table: Tensor  # [n, C]
    vectors: Tensor | None = None  # [n, D]
    asks: tuple[str, ...] = ("actor",)  # the node

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
    links: Links | None = None
    operators: tuple[Operator, ...] = ()  # beside the inner product, where links are foretold

    def validate(self, model: nn.Module) -> Valued:
        """Accuracy and loss on validation."""
        part = self.task.parts["valid"]
        return told_of(self.wired(model).logits(part), self.task.label[part])

    def full(self, rec: Recommender, part: str, checkpoint: str) -> Report:
        """Accuracy, macro-F1 and loss with intervals, by the nodes' degree too; links foretold."""
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
        told = classes_told(lists, logits, self.task.label[asked.key - 1], degree)
        return replace(told, values={**told.values, **self._links(rec, part, checkpoint)})

    def _links(self, rec: Recommender, part: str, checkpoint: str) -> dict[str, Value]:
        """Whether vectors foretell the edges kept away; nothing where there are none of either."""
        held = rec.scorer if isinstance(rec, Score) else None
        if self.links is None or not isinstance(held, Known) or held.vectors is None:
            return {}
        data = self.split.hash[:12]
        setting = LabelSetting(data=data, checkpoint=checkpoint, seeds=(self.seed,))
        learnt = foretold_by(self.operators, held.vectors, self.links, part, setting)
        return {**foretold(held.vectors, self.links, part, setting), **learnt}
