"""A stream of rows with labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polyrec.data.batches import Labels
from polyrec.data.streams.order import I64, check_sizes, places_of
from polyrec.data.tables import Labelled
from polyrec.kernels.shuffle import shuffled
from polyrec.types import derived_seed


@dataclass(frozen=True)
class Rows:
    """Rows with labels, each once an epoch, in a new order every epoch.

    Raises:
        ValueError: there is no row, or the batch holds none.
    """

    source: Labelled
    rows: I64  # [m], ids of the rows of this part
    batch_size: int

    def __post_init__(self) -> None:
        check_sizes(self.batch_size, 1, 0)
        if not len(self.rows):
            raise ValueError("a stream of 0 rows: take another split")

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.rows) // self.batch_size)

    def batch(self, seed: int, epoch: int, step: int, part: tuple[int, int] = (0, 1)) -> Labels:
        """The rows of `part` = (rank, size) of this batch: the parts together are the batch."""
        places = places_of(step, self.steps, self.batch_size, len(self.rows), part)
        order = shuffled(places, len(self.rows), derived_seed(seed, epoch, "rows"))
        return labels(self.source, torch.from_numpy(self.rows[order]))


def labels(source: Labelled, rows: Tensor) -> Labels:
    """The named rows with features, labels and weights: one indexing a column."""
    at = rows.numpy()
    tasks = source.labels
    ones = np.ones(len(at), np.float32)
    held = {task: source.weight[task][at] if task in source.weight else ones for task in tasks}
    return Labels(
        rows=rows,
        features=source.table.gather(rows),
        labels={task: torch.from_numpy(tasks[task][at].astype(np.float32)) for task in tasks},
        weight={task: torch.from_numpy(held[task].astype(np.float32)) for task in tasks},
        group=rows if source.group is None else torch.from_numpy(source.group[at]),
    )
