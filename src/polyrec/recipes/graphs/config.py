"""Settings of collaborative filtering on the graph of people and items, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyrec.recipes.config import setting

Model = Literal[
    "popular", "item_knn", "rp3beta", "slim", "ease", "ials", "gf_cf", "turbo_cf", "bspm",
    "mf", "lightgcn", "ultragcn", "simplex", "sgl", "simgcl", "xsimgcl", "pinsage",
]  # fmt: skip
Loss = Literal["own", "bpr", "ccl", "softmax"]


@dataclass(frozen=True)
class Config:
    """Settings of one run; defaults are those of the papers where they agree on Gowalla."""

    # what is learnt from
    data: str = setting("", "path or catalogue name; empty: the simulated shop")
    world: Literal["retail", "retail_null", "retail_demo", "retail_demo_null", "retail_tiny"] = (
        setting("retail_demo", "simulated shop when there is no data; null: one interest a person")
    )
    kinds: str = setting("", "events that count, comma-separated; empty: all kinds there are")
    positives: str = setting("", "a rule such as rating>=4; empty: all events, as published")
    dedup: Literal["all", "first", "last", "consecutive", "exact"] = setting(
        "first", "an edge is there or not: repeats say nothing here"
    )
    k_core: int = setting(0, "both sides at least this, iterated; 0: off", least=0)
    min_users: int = setting(0, "people with fewer events are dropped, one pass", least=0)
    min_items: int = setting(0, "items with fewer events are dropped, one pass", least=0)
    split: Literal["auto", "given", "random", "kept"] = setting(
        "auto", "the parts that files give, else 8:1:1 at random inside each person"
    )
    fit: Literal["train", "all"] = setting(
        "train",
        "train: validation stays unseen, to choose on; all: both, as published, judged once",
    )
    seed: int = setting(1, "of model, draws and order", least=0, below=2**62)
    # the model
    model: Model = setting("lightgcn", "which one")
    neighbours: int = setting(100, "item_knn, rp3beta, slim, pinsage: kept per item", least=1)
    shrink: float = setting(10.0, "item_knn: damps similarities resting on few people", least=0)
    walk_alpha: float = setting(0.566, "rp3beta: power of the steps; tuned on Gowalla", least=0)
    walk_beta: float = setting(0.00109, "rp3beta: power of the popularity divided by", least=0)
    l2: float = setting(
        300.0, "ease and slim: penalty of squares; Steck 2019: 200 to 1,000", above=0
    )
    l1: float = setting(10.0, "slim: penalty of sizes; it makes the map sparse", least=0)
    rank: int = setting(256, "gf_cf: vectors of the low-pass part; bspm takes 448", least=0)
    low_pass: float = setting(0.3, "gf_cf, bspm: weight of the low-pass part", least=0)
    svd: Literal["exact", "randomised"] = setting(
        "exact", "randomised: another model, above the published figure, never printed as it"
    )
    merge: Literal["early", "late"] = setting("early", "bspm: low-pass before sharpening, or after")
    until: float = setting(2.5, "bspm: how long it sharpens", above=0)
    scheme: Literal["euler", "rk4"] = setting("rk4", "bspm: the published solver")
    order: Literal[1, 2, 3] = setting(1, "turbo_cf: which filter")
    people_power: float = setting(
        0.5, "turbo_cf: of a person's degree; items get the rest", least=0, below=1.001
    )
    entry_power: float = setting(1.0, "turbo_cf: of each entry of the item graph", above=0)
    dim: int = setting(64, "as published", least=1, below=65_536)
    layers: int = setting(3, "lightgcn and its kin, pinsage: hops of the graph", least=1)
    alpha0: float = setting(0.1, "ials: weight of what was not chosen", above=0)
    reg: float = setting(0.003, "ials: penalty, scaled by counts (Rendle et al. 2021)", above=0)
    sweeps: int = setting(16, "ials: passes over both sides", least=1)
    ask: Literal["last", "mean"] = setting(
        "mean", "pinsage: over what is known; last: the last item alone, as for related items"
    )
    hard: str = setting(
        "auto",
        "pinsage: PageRanks of hard negatives, 2000-5000 as published; auto: those, below 20,000 "
        "items a twentieth to an eighth of them; none: no curriculum",
    )
    # training
    loss: Loss = setting(
        "own", "as the model was published; softmax: over shared negatives, by cosine (SSM)"
    )
    temperature: float = setting(0.1, "softmax: cosines are divided by it", least=0.005)
    decay: float = setting(1e-4, "squares of the batch's own rows (ultragcn: of all)", least=0)
    negatives: int = setting(
        1, "for each edge; ultragcn, pinsage, ccl and softmax: shared by the batch", least=1
    )
    parts: int = setting(
        1,
        "of a batch, each with shared negatives of its own: more of the catalogue a step",
        least=1,
    )
    negative_weight: float = setting(300.0, "ultragcn, ccl: of the mean over negatives", above=0)
    margin: float = setting(
        0.9, "ccl: cosines below cost nothing; pinsage: gap to hold", least=-1, below=1
    )
    item_weight: float = setting(5e-4, "ultragcn: weight of the item-item loss", least=0)
    start: Literal["own", "normal", "xavier", "tiny", "spectral"] = setting(
        "own",
        "where vectors begin; lightgcn: normal (its own, .1) or xavier, as its first public log; "
        "ultragcn: tiny (its own) or spectral, in the graph's own spectrum, far sooner",
    )
    item_neighbours: int = setting(10, "ultragcn: neighbours an item of that loss", least=1)
    own: float = setting(
        0.5, "simplex: share of a person's own vector, beside the history", least=0, below=1.001
    )
    lean: float = setting(
        0.0,
        "mf, ultragcn: weight of the history's mean beside a person's own vector when he is asked",
        least=0,
    )
    members: int = setting(
        1, "ultragcn: trainings side by side that answer by their mean score", least=1
    )
    drop: float = setting(0.1, "sgl: share of edges that a view lacks", least=0, below=1)
    noise: float = setting(0.1, "simgcl, xsimgcl: length of the noise in a layer", least=0)
    contrast: float = setting(0.1, "sgl, simgcl, xsimgcl: weight of the contrast", least=0)
    contrast_tau: float = setting(0.2, "its temperature", least=0.005)
    contrast_layer: int = setting(1, "xsimgcl: layer that the last one is held against", least=1)
    examples: Literal["edges", "people"] = setting(
        "edges", "edges count alike; people: each person alike, as LightGCN's authors draw"
    )
    batch: int = setting(2048, "edges a step", least=1)
    lr: float = setting(0.001, "as published", above=0)
    lr_end: float = setting(
        1.0,
        "share of lr left at the last step, evenly reached; 1: none is taken",
        least=0,
        below=1.001,
    )
    optimiser: Literal["adam", "lazy_adam"] = setting(
        "adam", "every row moves, as published; lazy_adam only the touched ones, where few are"
    )
    epochs: int = setting(1000, "as published for lightgcn; fit=all trains exactly these", least=1)
    eval_every: int = setting(20, "epochs between evaluations on validation", least=1)
    patience: int = setting(5, "evaluations without a new best", least=1)
    select_by: str = setting(
        "ndcg@20",
        "read on validation only",
    )
    # how it answers
    k: int = setting(20, "published lists", least=1)
    exclude: Literal["none", "history"] = setting("history", "seen items leave the list")
    diversity: float = setting(0.0, "weight of category spread in the list; 0: top k", least=0)
    category: str = setting("category", "column of the items' table that diversity spreads over")
    memory_mb: int = setting(4_000, "what scoring and closed forms may take", least=1)
    log_every: int = setting(100, "steps between lines of metrics.jsonl", least=1)
