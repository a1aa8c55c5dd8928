"""Edges that are given: who trusts whom, and which thing has which attribute."""

from __future__ import annotations

import numpy as np

from polyrec.data import Bag, Sparse
from polyrec.graph.account import BuildReport
from polyrec.graph.csr import Graph
from polyrec.graph.edges import Edges, relation_of


def social(
    edges: Edges, users: int, until: int | None = None, name: str = "trusts"
) -> tuple[Graph, BuildReport]:
    """Edges between users, as given: directed; `graph.symmetric()` where trust is mutual.

    Args:
        edges: 0-based users; an edge read from a file comes by `EdgeFile.within(vocab)`.
        until: only edges strictly before this time (milliseconds).

    Raises:
        ValueError: an id out of range, or `until` for edges without times.
    """
    late = np.zeros(len(edges), bool)
    if until is not None:
        if edges.time is None:
            raise ValueError(f"until={until}, but the edges have no times; give those known then")
        late = edges.time >= until
    relation, report = relation_of(("user", name, "user"), edges.take(~late), (users, users))
    cut = {"edges at or after the cut": int(late.sum())}
    return Graph({"user": users}, (relation,)), report.with_dropped(cut)


def attributes(column: Sparse | Bag, name: str, owner: str = "item") -> tuple[Graph, BuildReport]:
    """An edge from each thing to each value of one column of its table: genre, brand, maker.

    Value v of the column's vocabulary is node v - 1 of the type `name`; missing values are no
    edge and counted.

    Raises:
        ValueError: the column holds numbers, not categories.
    """
    if column.vocab is None:
        raise ValueError(
            f"column {name!r} holds numbers, which are no nodes; cut them into classes first"
        )
    values = column.values.astype(np.int64)
    if isinstance(column, Sparse):
        size, source = len(values) - 1, np.arange(len(values)) - 1
    else:
        size = len(column.start) - 2
        source = np.repeat(np.arange(size + 1) - 1, np.diff(column.start))
    real = (source >= 0) & (values > 0)
    edges = Edges(source[real], values[real] - 1)
    relation, report = relation_of((owner, f"has_{name}", name), edges, (size, column.vocab.size))
    missing = int(((source >= 0) & (values == 0)).sum())
    graph = Graph({owner: size, name: column.vocab.size}, (relation,))
    return graph, report.with_dropped({"missing values": missing})
