"""Labels: a loss a task over the rows that lie in its space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from polyrec.types import Answers, LabelBatch, LabelLoss, Losses, Progress, Ranker


@dataclass(frozen=True)
class Answer:
    """Labels, a loss a task: the mean over the rows that lie in the task's space."""

    losses: Mapping[str, LabelLoss]

    def __call__(self, model: nn.Module, batch: LabelBatch, progress: Progress) -> Losses:
        answers = self._answers(model, batch)
        values = {}
        for task, loss in self.losses.items():
            logit = answers.logits[task]
            weight = batch.weight[task].to(logit.device)
            label = batch.labels[task].to(logit.device)
            total = weight.sum()
            share = progress.ranks.share(weight)
            if total > 0:
                values[task] = (weight * loss(logit, label)).sum() / total * share
                if label.ndim == 1:
                    progress.note(f"chance/{task}", partial(_base_rate_loss, loss, label, weight))
        return Losses(values, answers.meet, answers.extra)

    def logits(self, model: nn.Module, batch: LabelBatch, progress: Progress) -> Tensor:
        """[B, tasks]: for the report of a failed step."""
        logits = self._answers(model, batch).logits
        return torch.cat([logits[task].reshape(len(logits[task]), -1) for task in self.losses], 1)

    def _answers(self, model: nn.Module, batch: LabelBatch) -> Answers:
        answers = cast(Ranker, model).logits(batch)
        for task in self.losses:
            if task not in answers.logits:
                near = get_close_matches(task, answers.logits, 1, 0)
                raise KeyError(f"the model answers no task {task!r}; the nearest is {near}")
        return answers


@torch.no_grad()
def _base_rate_loss(loss: LabelLoss, label: Tensor, weight: Tensor) -> Tensor:
    """The loss of a model that answers every row with the batch's own rate."""
    rate = ((weight * label).sum() / weight.sum()).clamp(1e-6, 1 - 1e-6)
    return (weight * loss(torch.logit(rate).expand_as(label), label)).sum() / weight.sum()
