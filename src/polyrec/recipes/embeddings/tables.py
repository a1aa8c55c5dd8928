"""What the embeddings recipe should reach; no published table stands on a log of ours.

Next-item recall of these vectors on ml-100k is ours alone: the last event of each person wanted,
all items ranked, seen ones left out.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

OWN = "measured on this log with the recipe's own split; no source has it"
_AT_20 = {"popular": ("recall@20", 0.1262), "item_knn": ("recall@20", 0.1601)}

EXPECTED: tuple[Expected, ...] = (
    *(
        Expected(variant, "ml-100k", metric, value, 0.0005, OWN, kind="measured")
        for variant, (metric, value) in _AT_20.items()
    ),
    Expected("item_knn", "ml-100k", "ndcg@20", 0.0687, 0.0005, OWN, kind="measured"),
)
CURVES: tuple[Curve, ...] = ()
