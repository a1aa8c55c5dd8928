"""A graph to look at: how its degrees are spread, and a small one laid out in the plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyrec.data.readers.graphs import NodeLabels
from polyrec.files import writing
from polyrec.graph import Graph, Relation, flat
from polyrec.graph.ops import components, laplacian_vectors

LARGEST = 3_000  # nodes that a layout still shows something of
MOST_EDGES = 30_000
FORMS = (".png", ".svg")
Axes = Any  # matplotlib is an extra, so its types are not at hand


def drawable(path: Path) -> None:
    """Refuses a picture's name before there is anything to draw.

    Raises:
        ValueError: its ending is neither .png nor .svg.
    """
    if path.suffix not in FORMS:
        raise ValueError(f"picture {path}: got {path.suffix or 'no ending'!r}; use .png or .svg")


def draw_graph(path: Path, graph: Graph, labels: NodeLabels | None = None) -> str:
    """Writes the picture; returns what is on it, in a line.

    The layout puts a node at its two smoothest Laplacian vectors, which holds the densely joined
    together; only the largest component is laid out, and only of graphs of up to 3,000 nodes.

    Raises:
        ValueError: the file's ending is neither .png nor .svg, or matplotlib is missing.
    """
    drawable(path)
    matplotlib, figures = _matplotlib()
    whole = flat(graph)
    places = _layout(whole.relation)
    figure = figures.Figure(figsize=(11 if places is not None else 5.5, 5), layout="constrained")
    axes = figure.subplots(1, 1 if places is None else 2, squeeze=False)[0]
    for kind, first in whole.start.items():
        _degrees(axes[0], whole.relation.degree[first : first + graph.sizes[kind]], kind)
    axes[0].legend(frameon=False)
    told = "degrees"
    if places is not None:
        told = f"degrees, and the largest component of {len(places[0]):,} nodes"
        _nodes(axes[1], whole.relation, places, _colours(labels, graph, whole.start))
    # no date and no random names in the file: the same graph gives the same bytes
    stamp = {"Date": None} if path.suffix == ".svg" else None
    with writing(path) as beside, matplotlib.rc_context({"svg.hashsalt": "polyrec"}):
        figure.savefig(beside, format=path.suffix[1:], dpi=150, metadata=stamp)
    return told


def _matplotlib() -> tuple[Any, Any]:
    try:
        import matplotlib
        from matplotlib import figure
    except ImportError:
        raise ValueError(
            "pictures are drawn with matplotlib, which is not installed; "
            "pip install 'polyrec[report]'"
        ) from None
    return matplotlib, figure


def _degrees(axes: Axes, degree: NDArray[np.int64], kind: str) -> None:
    """The share of nodes with at least so many neighbours, both axes logarithmic."""
    values, counts = np.unique(degree[degree > 0], return_counts=True)
    if len(values):
        share = counts[::-1].cumsum()[::-1] / len(degree)
        axes.plot(values, share, ".", markersize=4, label=f"{kind} ({len(degree):,})")
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel("neighbours, at least")
    axes.set_ylabel("share of the nodes")


def _layout(relation: Relation) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Nodes of the largest component and their places [n, 2]; None where none is drawn."""
    kept = np.flatnonzero(components(relation) == 0) if relation.sources else np.empty(0, np.int64)
    if not 4 <= len(kept) <= LARGEST or relation.edges > 2 * MOST_EDGES:
        return None
    part = relation.matrix()[kept][:, kept].tocsr()
    indptr = part.indptr.astype(np.int64)
    one = Relation(relation.key, indptr, part.indices.astype(np.int32), len(kept), part.data)
    vectors = laplacian_vectors(one, 2)[1]
    # divided by sqrt(degree) a vector is a function on nodes; ranks keep outliers from
    # squeezing all others into a point
    smooth = vectors / np.sqrt(np.bincount(one.row, one.weights))[:, None]
    rank = smooth.argsort(0, kind="stable").argsort(0, kind="stable") / max(len(kept) - 1, 1)
    return kept, 0.5 * rank + 0.5 * (smooth - smooth.min(0)) / np.maximum(np.ptp(smooth, 0), 1e-12)


def _nodes(
    axes: Axes,
    relation: Relation,
    places: tuple[NDArray[np.int64], NDArray[np.float64]],
    colour: NDArray[np.int64],
) -> None:
    kept, at = places
    number = np.full(relation.sources, -1)
    number[kept] = np.arange(len(kept))
    once = (relation.row < relation.indices) & (number[relation.row] >= 0)
    ends = np.stack([number[relation.row[once]], number[relation.indices[once]]])
    gap = np.full(ends.shape[1], np.nan)
    lines = [np.stack([*at[ends][..., axis], gap], 1).ravel() for axis in (0, 1)]
    axes.plot(*lines, color="0.75", linewidth=0.3, zorder=1)
    size = 600 / np.sqrt(len(kept)) / 4
    axes.scatter(*at.T, c=colour[kept] % 20, cmap="tab20", vmin=0, vmax=20, s=size, zorder=2)
    axes.set_title(f"largest component: {len(kept):,} nodes", fontsize=10)
    axes.set_axis_off()


def _colours(labels: NodeLabels | None, graph: Graph, start: Any) -> NDArray[np.int64]:
    """[nodes]: the first label, or the node's type."""
    if labels is None:
        return np.repeat(np.arange(len(start)), [graph.sizes[kind] for kind in start]) * 2
    colour = np.full(labels.nodes, 15)  # grey
    known = np.diff(labels.start) > 0
    colour[known] = labels.values[labels.start[:-1][known]]
    return colour
