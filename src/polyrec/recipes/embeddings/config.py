"""Settings of item vectors from who stands beside whom, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyrec.graph.walks import Weights
from polyrec.models.embedding.eges import Fuse
from polyrec.models.embedding.training import Architecture, Output, Reading, Updates
from polyrec.models.embedding.vectors import Form
from polyrec.recipes.config import setting

Model = Literal[
    "popular", "item_knn", "word2vec", "deepwalk", "node2vec", "metapath2vec", "line2", "eges"
]

Cold = Literal[
    "none", "category_mean", "side_mean", "knn_mean", "features", "inductive", "cluster", "tree",
    "explore",
]  # fmt: skip
World = Literal[
    "retail", "retail_null", "retail_demo", "retail_demo_null", "retail_tiny", "retail_fresh",
    "retail_fresh_noise",
]  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Settings of one run; defaults are item2vec's, variants hold those of the other methods."""

    # what is learnt from
    data: str = setting("", "path or catalogue name; empty: the simulated shop")
    world: World = setting("retail_demo", "simulated shop when there is no data; fresh: new items")
    kinds: str = setting("", "events that count, comma-separated; empty: all kinds there are")
    positives: str = setting("", "a rule such as rating>=4; empty: all events")
    dedup: Literal["all", "first", "last", "consecutive", "exact"] = setting(
        "all", "repeats are steps of a session too"
    )
    k_core: int = setting(0, "both sides at least this, iterated; 0: off", least=0)
    min_users: int = setting(0, "people with fewer events are dropped, one pass", least=0)
    min_items: int = setting(0, "items with fewer events are dropped, one pass", least=0)
    split: Literal["leave-one-out", "by-user", "time", "given", "kept"] = setting(
        "leave-one-out", "the last event is test, the one before valid and then history"
    )
    ties: Literal["file", "shuffle", "same-side"] = setting(
        "file", "what the file's order means where times are equal; shuffle: nothing"
    )
    fit: Literal["train", "all"] = setting(
        "train", "given: a tenth of train is validation; all: learnt from too, settings are fixed"
    )
    cut: float = setting(0.8, "by-user: share of a sequence that asks", above=0, below=1)
    hide: float = setting(
        0.0,
        "share of items without any train event; test asks for them; 0: none",
        least=0,
        below=0.51,
    )
    hide_seed: int = setting(1, "which items are hidden", least=0, below=2**62)
    seed: int = setting(1, "of starts, walks and draws", least=0, below=2**62)
    # who stands beside whom
    model: Model = setting("word2vec", "item2vec is word2vec with reading=set")
    rows: Literal["person", "session"] = setting(
        "person", "word2vec: whose events are one set or sentence; session: cut at gaps"
    )
    reading: Reading = setting("set", "item2vec's: everybody beside everybody, order discarded")
    window: int = setting(5, "word2vec's for text; 10 on walks, 5 in EGES", least=1, below=1_000)
    graph: Literal["session", "bipartite", "together"] = setting(
        "session", "EGES's: j follows i; bipartite: people and items; together: in one history"
    )
    gap: float = setting(3_600.0, "seconds that end a session, EGES's hour", above=0)
    max_set: int = setting(200, "together: of longer histories so many items are drawn", least=2)
    walks: int = setting(10, "from each node: node2vec and EGES 10, DeepWalk 80", least=1)
    walk_length: int = setting(10, "nodes of a walk: EGES 10, DeepWalk 40, node2vec 80", least=2)
    p: float = setting(1.0, "node2vec: below 1 goes back more often", above=0)
    q: float = setting(1.0, "node2vec: below 1 moves away, above 1 stays near", above=0)
    weights: Weights = setting("given", "a step by the edge's weight; uniform: all edges alike")
    edge_samples: int = setting(100, "line2: drawn edges for each there is", least=1)
    # how it is learnt
    dim: int = setting(128, "DeepWalk's, node2vec's", least=1, below=65_536)
    architecture: Architecture = setting(
        "skipgram", "cbow_mean, cbow_sum: the whole window at once foretells the word between"
    )
    output: Output = setting("negatives", "tree: a Huffman tree, DeepWalk's own")
    negatives: int = setting(5, "word2vec; 15 to 20 is often better for few items", least=1)
    exponent: float = setting(
        0.75, "word2vec's; what to tune first for items (Caselles-Dupre 2018)", least=-1, below=1.01
    )
    subsample: float = setting(
        0.001, "frequent items are thinned, word2vec's; 0 on walks: degree is signal", least=0
    )
    min_count: int = setting(1, "word2vec has 5: an item left out is cold", least=1)
    epochs: int = setting(5, "word2vec; 1 on walks, which repeat every node", least=1)
    spread: float = setting(
        1.0, "vectors start uniform in +- spread / dim, as gensim's; word2vec.c .5", above=0
    )
    lr: float = setting(
        0.25,
        "pairs of a set weigh 1 / its size: word2vec's .025, for all else, hardly moves them",
        least=0.0001,
    )
    shards: int = setting(
        1,
        "parts of the corpus read side by side; 1: plain descent, by one thread",
        least=1,
        below=1_025,
    )
    updates: Updates = setting(
        "rounds",
        "shards on copies that meet, repeatable; loose: all into one table, which is not",
    )
    # what is known of items
    sides: str = setting("all", "eges: columns of the items' table, comma-separated; all; none")
    fusion: Fuse = setting("weighted", "eges: weighted; mean: GES; without sides BGE")
    without_own: float = setting(
        0.0, "eges: chance of an item to do without its own row in training", least=0, below=1
    )
    # what items get that nobody has met
    cold: Cold = setting("none", "a strategy of cold start; none: such items are never listed")
    cold_columns: str = setting(
        "", "columns of the items' table that it goes by, comma-separated; empty: all"
    )
    explore: float = setting(
        0.1,
        "cold=explore: share of lists whose last place goes to a rare item",
        above=0,
        below=1.01,
    )
    explore_below: int = setting(5, "cold=explore: rare is fewer train events than this", least=1)
    # how it answers
    form: Form = setting("input", "the item's vector: u; add: u + v; concat: [u; v]")
    length: int = setting(
        5,
        "the last events whose mean asks; 0: all, and of hundreds the mean is everybody's",
        least=0,
    )
    select_by: str = setting("recall@20", "what is said while solving; nothing is selected")
    k: int = setting(20, "the list that is measured and served", least=1)
    exclude: Literal["none", "history"] = setting("history", "seen items are not answers")
    diversity: float = setting(0.0, "weight of category spread in the list; 0: top k", least=0)
    category: str = setting("category", "column that diversity and cold start go by")
    neighbours: int = setting(100, "item_knn: kept per item", least=1)
    shrink: float = setting(10.0, "item_knn: damps similarities that rest on few people", least=0)
    memory_mb: int = setting(4_000, "what walks, tables and lists may take", least=1)
    log_every: int = setting(
        100, "steps between lines of metrics.jsonl; nothing here has steps", least=1
    )
