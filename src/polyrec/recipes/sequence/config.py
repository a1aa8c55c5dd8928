"""Settings of a next-item retriever, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyrec.nn.attention import Norm
from polyrec.recipes.config import setting

Model = Literal["popular", "item_knn", "ease", "sasrec", "ligr", "hstu", "gru"]
Score = Literal[
    "dot", "cosine", "scaled", "bilinear", "fused", "multi_head", "gated", "multi_head_max",
    "item_gated", "mlp",
]  # fmt: skip
Negative = Literal[
    "uniform", "popular", "log_uniform", "in_batch", "uniform_in_batch", "hard", "mixed",
    "curriculum", "all",
]  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Settings of one run; sizes fit logs of 10^4 to 10^5 people, variants hold published ones."""

    # what is learnt from
    data: str = setting("", "path or catalogue name; empty: the simulated shop")
    world: Literal[
        "retail", "retail_null", "retail_demo", "retail_demo_null", "retail_readout", "retail_tiny"
    ] = setting("retail_demo", "simulated shop when there is no data")
    kinds: str = setting("", "events that count, comma-separated; empty: all kinds there are")
    positives: str = setting("", "a rule such as rating>=4; empty: all events, as published")
    dedup: Literal["all", "first", "last", "consecutive", "exact"] = setting(
        "all", "repeats are kept, as published"
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
    cut: float = setting(0.8, "by-user: share of a sequence that asks", above=0, below=1)
    seed: int = setting(1, "of model, draws and order", least=0, below=2**62)
    # the model
    model: Model = setting("sasrec", "which reader of sequences")
    dim: int = setting(64, "ML-1M's usual; 256 on the small Amazon logs", least=1, below=65_536)
    length: int = setting(50, "last events read; 200 where people have many", least=1, below=65_536)
    blocks: int = setting(2, "published; 1 on the small Amazon logs", least=1)
    heads: int = setting(1, "published; divides dim", least=1)
    dropout: float = setting(0.2, "published for sparse logs; .1 on ML-1M", least=0, below=1)
    norm: Norm = setting("pre", "sasrec: modern; original: as the authors' code")
    places: Literal["last", "first", "rotary", "none"] = setting(
        "last", "published: the last event always has the same place"
    )
    init: Literal["small", "tf1"] = setting("tf1", "Glorot, as the public implementations have it")
    # the score
    similarity: Score = setting(
        "cosine", "with a temperature; a bare dot lets popularity hide in length"
    )
    temperature: float = setting(0.05, "cosine only: usual .02 to .1", least=0.005)
    tau: Literal["fixed", "learned"] = setting(
        "fixed", "cosine only; a learned one ends near .02 and scored lower in public runs"
    )
    score_heads: int = setting(4, "multi_head, gated, multi_head_max, item_gated", least=1)
    scale: Literal["one", "learned"] = setting("one", "dot only: a factor that is learnt")
    # what it is held against
    loss: Literal[
        "sampled_softmax", "sampled_softmax_uncorrected", "bce", "gbce", "bpr", "margin"
    ] = setting("sampled_softmax", "with log Q; over negatives=all the full cross-entropy")
    gbce_t: float = setting(0.75, "gbce: how far it is calibrated (gSASRec)", least=0, below=1.001)
    margin: float = setting(0.3, "margin: width; cosine's scores span 2 / temperature", above=0)
    negatives: Negative = setting(
        "uniform_in_batch", "shared uniform ones beside the batch's own, one log Q for both"
    )
    count: int = setting(1_280, "drawn for each set, beside those of the batch", least=1)
    share: Literal["batch", "sequence", "row"] = setting(
        "batch", "who meets the same set: one product for all is fastest"
    )
    reject_seen: bool = setting(False, "mask negatives of the row's own history")
    popular_alpha: float = setting(0.75, "popular: counts to this power", least=0)
    # training
    batch: int = setting(128, "people a step", least=1)
    lr: float = setting(0.001, "published", above=0)
    optimiser: Literal["lazy_adam", "adam"] = setting(
        "adam", "every row moves, as published; lazy_adam only the touched ones"
    )
    clip: float = setting(0.0, "largest gradient norm; 0: none, as published", least=0)
    epochs: int = setting(100, "at most, over people", least=1)
    eval_every: int = setting(1, "epochs between evaluations on validation", least=1)
    patience: int = setting(10, "evaluations without a new best", least=1)
    select_by: str = setting("ndcg@10", "published; read on validation only")
    # how it answers
    k: int = setting(10, "published lists", least=1)
    exclude: Literal["none", "history"] = setting("history", "seen items leave the list")
    diversity: float = setting(0.0, "weight of category spread in the list; 0: top k", least=0)
    category: str = setting("category", "column of the items' table that diversity spreads over")
    neighbours: int = setting(100, "item_knn: kept per item", least=1)
    shrink: float = setting(10.0, "item_knn: damps similarities resting on few people", least=0)
    l2: float = setting(300.0, "ease: Steck 2019 tunes 200 to 1,000", above=0)
    memory_mb: int = setting(4_000, "what scoring and closed forms may take", least=1)
    log_every: int = setting(100, "steps between lines of metrics.jsonl", least=1)
