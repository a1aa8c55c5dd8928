"""What a competition's plan would change, one thing at a time, from each of two anchors.

The plan: back to binary cross-entropy, random negatives and the dot product, then tune similarity
and sampling. Loss and similarity interact, so every change is tried from both ends: from that plan
(`conservative`) and from the recipe's default (`softmax`). The order is the plan's own: loss and
similarity first, then sampling and features, then curriculum, heads and the light contrast.
"""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.ablation import Anchor, Change, Factor

ALSO = ("hit_rate@10", "recall@50")
ANCHORS: Mapping[str, Anchor] = {
    "conservative": Anchor("conservative", "conservative", primary="ndcg@10", also=ALSO),
    "softmax": Anchor("softmax", "default", primary="ndcg@10", also=ALSO),
}
LR_GRID = (0.0005, 0.001, 0.002, 0.004)

_SHARED = {"negatives": "uniform", "count": 1_280, "share": "batch"}
FACTORS: tuple[Factor, ...] = (
    Factor(
        "loss",
        (
            Change("bce", {"loss": "bce", "negatives": "uniform", "count": 1, "share": "row"}),
            Change("sampled_softmax", {"loss": "sampled_softmax", **_SHARED}),
            Change("in_batch", {"loss": "sampled_softmax", "negatives": "in_batch"}),
            Change(
                "in_batch_uncorrected",
                {"loss": "sampled_softmax_uncorrected", "negatives": "in_batch"},
            ),
            Change("full_ce", {"loss": "sampled_softmax", "negatives": "all"}),
            Change(
                "gbce", {"loss": "gbce", "negatives": "uniform", "count": 256, "share": "sequence"}
            ),
            Change("scalable", {"loss": "scalable"}),
            Change("bpr", {"loss": "bpr", "negatives": "uniform", "count": 1, "share": "row"}),
        ),
        priority=1,
        why="each with the negatives it is published with",
    ),
    Factor(
        "similarity",
        tuple(
            Change(name, {"similarity": name})
            for name in ("dot", "cosine", "scaled", "bilinear", "fused")
        ),
        priority=1,
        why="a bare dot lets popularity hide in length; a cosine needs its temperature",
    ),
    Factor(
        "negatives",
        (
            Change("uniform", {"negatives": "uniform"}),
            Change("popular", {"negatives": "popular"}),
            Change("uniform_in_batch", {"negatives": "uniform_in_batch"}),
            Change("hard", {"negatives": "hard"}),
            Change("mixed_5", {"negatives": "mixed", "count": 5, "share": "row"}),
            Change("mixed_1280", {"negatives": "mixed", "count": 1_280, "share": "batch"}),
            Change(
                "grow_1_to_5",
                {"negatives": "uniform", "count": 1, "count_last": 5, "share": "row"},
            ),
            Change(
                "grow_to_1280",
                {"negatives": "uniform", "count": 256, "count_last": 1_280, "share": "batch"},
            ),
        ),
        priority=2,
        why="which items a positive is held against, and how many",
    ),
    Factor(
        "features",
        (
            Change("items", {"features": "all"}),
            Change("items_and_events", {"features": "all", "event_features": "add"}),
        ),
        priority=2,
        why="they help items that few have met",
    ),
    Factor(
        "filter",
        (Change("keep_seen", {"exclude": "none"}),),
        priority=2,
        why="seen items left in the list or not: a matter of the log",
    ),
    Factor(
        "codes",
        (
            Change("features", {"codes": "features"}),
            Change("task", {"codes": "auxiliary"}),
            Change("rq_vae", {"codes": "features", "quantizer": "rq_vae"}),
        ),
        priority=2,
        why="semantic ids beside the ids, guessed beside ranking, or learnt",
    ),
    Factor(
        "curriculum",
        (
            Change("three_phases_10", {"negatives": "curriculum", "count": 10, "share": "row"}),
            Change(
                "three_phases_1280", {"negatives": "curriculum", "count": 1_280, "share": "batch"}
            ),
        ),
        priority=3,
        why="easy, medium, hard: 5 epochs each; with few negatives and with many",
    ),
    Factor(
        "heads",
        tuple(Change(name, {"similarity": name}) for name in ("multi_head", "gated")),
        priority=3,
        why="without biases a multi-head score is a bilinear form; gates make it more",
    ),
    Factor(
        "contrast",
        (
            Change("margin_1", {"loss": "margin", "margin": 1.0}),
            Change("margin_6", {"loss": "margin", "margin": 6.0}),
        ),
        priority=3,
        why="light contrastive: a dot buys its margin with length; 6 is .3 of cosine at .05",
    ),
)
