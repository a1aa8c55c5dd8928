"""Labels of nodes: `node label`, or `node label label ...` where a node has several."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from polyrec.data.keys import binary
from polyrec.data.readers.faults import fault, shown
from polyrec.data.readers.graphs.edges import refuse_twins
from polyrec.data.readers.graphs.tokens import Tokens, distinct, numbered, tokens
from polyrec.data.readers.options import ReadOptions
from polyrec.data.vocab import Vocab
from polyrec.kernels.keys import Packed

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
NONE = b"-1"


@dataclass(frozen=True)
class NodeLabels:
    """Classes of each node, 0-based: those of node v are `values[start[v]:start[v + 1]]`."""

    start: I64  # [n + 1]
    values: I32  # [sum]
    names: Vocab  # id c + 1 is class c

    @classmethod
    def of(cls, label: NDArray[np.integer]) -> NodeLabels:
        """From one class a node; -1 = none."""
        known = label >= 0
        start = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
        classes = int(label.max()) + 1 if known.any() else 0
        names = Vocab.of([str(c) for c in range(classes)])
        return cls(start, label[known].astype(np.int32), names)

    @property
    def nodes(self) -> int:
        """n."""
        return len(self.start) - 1

    @property
    def classes(self) -> int:
        """C."""
        return self.names.size

    @property
    def unlabelled(self) -> int:
        """Nodes without a class: left out wherever labels are asked for."""
        return int((np.diff(self.start) == 0).sum())

    def matrix(self) -> csr_matrix:
        """[n, C], 0/1, float32."""
        ones = np.ones(len(self.values), np.float32)
        return csr_matrix((ones, self.values, self.start), (self.nodes, self.classes))

    def single(self) -> I64:
        """[n]: the class of each node, -1 = none.

        Raises:
            ValueError: a node has several.
        """
        count = np.diff(self.start)
        if (count > 1).any():
            raise ValueError(
                f"node {int((count > 1).argmax())} has {count.max()} labels; one is needed; use a "
                "protocol for several labels"
            )
        out = np.full(self.nodes, -1, np.int64)
        out[count == 1] = self.values
        return out


@dataclass(frozen=True)
class LabelFile:
    """Labels as a file has them. `node` are places in `keys`, `label` classes of `names`."""

    name: str
    keys: Packed  # distinct node keys
    node: I32  # [pairs]
    label: I32  # [pairs]
    names: Vocab
    sha256: str
    notes: tuple[str, ...] = ()

    def over(self, node_of: I32, nodes: int) -> NodeLabels:
        """For a graph in which key i is node `node_of[i]`; nodes not named have no label."""
        node = node_of[self.node].astype(np.int64)
        code = np.unique(node * max(self.names.size, 1) + self.label)
        node, label = np.divmod(code, max(self.names.size, 1))
        start = np.zeros(nodes + 1, np.int64)
        np.cumsum(np.bincount(node, minlength=nodes), out=start[1:])
        return NodeLabels(start, label.astype(np.int32), self.names)


def read_labels(path: Path, options: ReadOptions = ReadOptions()) -> LabelFile:
    """A line a node: the node, then its labels. Label -1 means none.

    Raises:
        ValueError: a node without a label or on two lines; file and line are named.
        FileNotFoundError: there is no such file.
    """
    found = tokens(path, options)
    _refuse_bare(found)
    node_keys, node = distinct(found.take(found.place == 0))
    _, codes = distinct(found)
    refuse_twins(found, codes, "one line a node, with all its labels", "merge the lines")
    word = found.place > 0
    none = word & np.asarray(pc.equal(binary(found.words), pa.scalar(NONE, pa.large_binary())))
    given = word & ~none
    label_keys, label = distinct(found.take(given))
    names, (class_of,) = numbered(label_keys)
    owner = node[np.cumsum(found.place == 0) - 1]
    count = int(none.sum())
    notes = (*found.notes, f"{count} labels are -1: none") if count else found.notes
    return LabelFile(
        name=found.name,
        keys=node_keys,
        node=owner[given],
        label=class_of[label],
        names=names,
        sha256=found.sha256,
        notes=notes,
    )


def _refuse_bare(found: Tokens) -> None:
    if not len(found):
        raise fault(found.name, "holds comments only", "at least one label", "name another file")
    begins = np.flatnonzero(found.place == 0)
    length = np.diff(begins, append=len(found))
    if (length < 2).any():
        row = int(begins[int((length < 2).argmax())])
        raise fault(
            f"{found.name}:{found.line[row]}",
            f"node {shown(found.word(row))} has no label",
            "a node and at least one label on every line",
            "drop the line; nodes that are not named have no label",
        )
