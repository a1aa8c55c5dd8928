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
        "retail",
        "retail_null",
        "retail_demo",
        "retail_demo_null",
        "retail_readout",
        "retail_tiny",
        "retail_fresh",
        "retail_fresh_noise",
        "retail_study",
    ] = setting("retail_demo", "simulated shop when there is no data; fresh: many new items")
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
    # what is known beside the ids
    ids: Literal["with", "without"] = setting(
        "with", "without: items by their features alone, so that new ones are known too"
    )
    features: str = setting("", "columns of the items' table, comma-separated; all; empty: none")
    user_features: str = setting("", "columns of the people's table; all; empty: none")
    event_features: Literal["none", "add", "gate"] = setting(
        "none", "actions and time gaps of events, added; or actions as a gate"
    )
    combine: Literal["sum", "concat"] = setting(
        "sum", "features: added from zero; concat: side by side, then a layer (itemdnn)"
    )
    activation: Literal["none", "relu"] = setting(
        "none", "features: a ReLU on the item side costs (public runs: .0997 to .0967)"
    )
    bags: Literal["mean", "sum", "attention"] = setting(
        "mean", "features: how several categories of a row become one vector"
    )
    codes: Literal["none", "features", "auxiliary", "both"] = setting(
        "none", "semantic ids beside the ids, or guessed beside ranking"
    )
    quantizer: Literal["rq_kmeans", "rq_vae"] = setting(
        "rq_kmeans", "codes: no training, no collapse; rq_vae trains an autoencoder first"
    )
    code_source: str = setting(
        "log", "codes: of who stands beside whom in train; or a column of vectors of the items"
    )
    code_levels: int = setting(3, "codes: published (TIGER)", least=1)
    code_size: int = setting(256, "codes: of a level, published", least=2)
    code_epochs: int = setting(200, "rq_vae: passes over the items", least=1)
    code_weight: float = setting(0.02, "codes as a task: public runs; .05 cost", least=0)
    code_warm_up: int = setting(1_000, "codes as a task: steps until the full weight", least=1)
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
        "sampled_softmax",
        "sampled_softmax_uncorrected",
        "bce",
        "gbce",
        "bpr",
        "margin",
        "scalable",
        "interest_aware",
    ] = setting("sampled_softmax", "with log Q; over negatives=all the full cross-entropy")
    remi_beta: float = setting(
        1.0,
        "interest_aware: how much harder negatives count; cosine / temperature is large",
        least=0,
    )
    weight: str = setting("", "column of the log that weighs each target; empty: all alike")
    gbce_t: float = setting(0.75, "gbce: how far it is calibrated (gSASRec)", least=0, below=1.001)
    margin: float = setting(0.3, "margin: width; cosine's scores span 2 / temperature", above=0)
    negatives: Negative = setting(
        "uniform_in_batch", "shared uniform ones beside the batch's own, one log Q for both"
    )
    draw_from: Literal["seen", "all"] = setting(
        "seen", "uniform: items that train never saw are no negatives, or they learn to rank last"
    )
    count: int = setting(1_280, "drawn for each set, beside those of the batch", least=1)
    in_batch_most: int = setting(
        1_280, "in_batch: of a larger batch this many; all would cost their square", least=1
    )
    count_last: int = setting(0, "count grows to this over the epochs; 0: it stays", least=0)
    hard: float = setting(0.5, "mixed: share of hard negatives", least=0, below=1.001)
    random: float = setting(0.3, "mixed: share of uniform ones; the rest is popular", least=0)
    hard_first: int = setting(10, "hard: ranks from here; the first are mostly wrong", least=0)
    hard_last: int = setting(100, "hard: ranks up to here", least=1)
    hard_query: Literal["model", "mean_items"] = setting(
        "model", "hard: who searches; mean_items: the mean of the history, as published code"
    )
    hard_every: int = setting(1, "hard: epochs between searches", least=1)
    hard_correction: Literal["mixture", "none"] = setting(
        "mixture", "mixed: exact log Q over all sources; none: on purpose too hard"
    )
    phase: int = setting(5, "curriculum: epochs of each phase (easy, medium, hard)", least=1)
    hardest: int = setting(0, "keep each row's hardest of the drawn (DNS); 0: all", least=0)
    share: Literal["batch", "sequence", "row"] = setting(
        "batch", "who meets the same set: one product for all is fastest"
    )
    reject_seen: bool = setting(False, "mask negatives of the row's own history")
    reject_known: bool = setting(False, "mask all that the person chooses in train")
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
