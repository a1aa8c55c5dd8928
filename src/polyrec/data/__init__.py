"""From any log to a checked, split, memory-mapped data set."""

from __future__ import annotations

from polyrec.data.batches import Labels, Pairs, after_last, known_targets
from polyrec.data.events import Count, Dataset, Events, Log, Sizes, Source, build
from polyrec.data.facts import Facts
from polyrec.data.filters import Filters
from polyrec.data.readers import READERS, ReadOptions, read
from polyrec.data.splits import SPLITS, Questions, Split, SplitConfig, split
from polyrec.data.splits.rows import ROW_SPLITS, RowConfig, RowSplit, folds, split_rows
from polyrec.data.store import load, load_split, save, save_split
from polyrec.data.streams import AllCuts, RandomCut, Rows, Sequences
from polyrec.data.tables import Bag, Dense, Labelled, Sparse, Table
from polyrec.data.vocab import Vocab

STREAMS: dict[str, type[RandomCut] | type[AllCuts] | type[Sequences] | type[Rows]] = {
    "random-cut": RandomCut,
    "all-cuts": AllCuts,
    "sequences": Sequences,
    "rows": Rows,
}

__all__ = [
    "READERS",
    "ROW_SPLITS",
    "SPLITS",
    "STREAMS",
    "AllCuts",
    "Bag",
    "Count",
    "Dataset",
    "Dense",
    "Events",
    "Facts",
    "Filters",
    "Labelled",
    "Labels",
    "Log",
    "Pairs",
    "Questions",
    "RandomCut",
    "ReadOptions",
    "RowConfig",
    "RowSplit",
    "Rows",
    "Sequences",
    "Sizes",
    "Source",
    "Sparse",
    "Split",
    "SplitConfig",
    "Table",
    "Vocab",
    "after_last",
    "build",
    "folds",
    "known_targets",
    "load",
    "load_split",
    "read",
    "save",
    "save_split",
    "split",
    "split_rows",
]
