"""What is worth trying on a multi-interest retriever, one change at a time.

Loss and similarity first, since they decide what the others can do; then what it is trained
against and on; the shape of the model last.
"""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.ablation import Anchor, Change, Factor

ANCHORS: Mapping[str, Anchor] = {"sa": Anchor("sa", "sa"), "dr": Anchor("dr", "dr")}

_UNCORRECTED = {"loss": "sampled_softmax_uncorrected"}
FACTORS: tuple[Factor, ...] = (
    Factor(
        "loss",
        (
            Change("uncorrected", _UNCORRECTED),
            Change("interest_aware", {"loss": "interest_aware"}),
            Change("bce", {"loss": "bce"}),
            Change("bpr", {"loss": "bpr"}),
            Change("margin", {"loss": "margin"}),
        ),
        1,
        "what counts as an error",
    ),
    Factor(
        "similarity",
        (Change("cosine", {"similarity": "cosine"}),),
        1,
        "what is near: a bounded score with a temperature, or the dot product",
    ),
    Factor(
        "scale",
        (Change("learned", {"scale": "learned"}),),
        1,
        "routing gives interests shorter than 1, which caps the logits",
    ),
    Factor(
        "negatives",
        (
            Change("uniform", {"negatives": "uniform"}),
            Change("popular", {"negatives": "popular"}),
            Change("in_batch", {"negatives": "in_batch"}),
            Change("in_batch_uncorrected", {"negatives": "in_batch", **_UNCORRECTED}),
            Change("all", {"negatives": "all"}),
        ),
        2,
        "what the target is held against; in-batch ones are as popular as the targets",
    ),
    Factor(
        "count",
        (
            Change("5", {"negatives_per_positive": 5}),
            Change("20", {"negatives_per_positive": 20}),
        ),
        2,
        "how many negatives a positive",
    ),
    Factor(
        "examples",
        (Change("all_cuts", {"examples": "all_cuts"}),),
        2,
        "people evenly, or events evenly",
    ),
    Factor(
        "init",
        (Change("tf1", {"init": "tf1"}),),
        3,
        "initial values; the learning rate means nothing without them",
    ),
    Factor(
        "interests",
        tuple(Change(str(count), {"interests": count}) for count in (1, 2, 6, 8)),
        3,
        "how many vectors a person (the paper sweeps 2 to 8)",
    ),
)
