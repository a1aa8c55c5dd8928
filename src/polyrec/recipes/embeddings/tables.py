"""What the embeddings recipe should reach.

Published: a benchmark's item2vec on LightGCN's splits (all items ranked, train items left out, 20
long, mean over people). Next-item recall on ml-100k is ours alone: the last event of each person
wanted, all items ranked, seen ones left out.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

BARS = "BARS (Zhu et al. 2022), candidate matching, Item2Vec: width 64, window 20, 50 negatives"
OWN = "measured on this log with the recipe's own split; no source has it"
_BARS = {
    "gowalla-lightgcn": (0.1326, 0.1057),
    "yelp2018-lightgcn": (0.0503, 0.0411),
    "amazon-book-lightgcn": (0.0326, 0.0252),
}
_AT_20 = {"popular": ("recall@20", 0.1262), "item_knn": ("recall@20", 0.1601)}

EXPECTED: tuple[Expected, ...] = (
    *(
        Expected("item2vec_bars", data, metric, value, 0.05 * value, BARS)
        for data, row in _BARS.items()
        for metric, value in zip(("recall@20", "ndcg@20"), row, strict=True)
    ),
    *(
        Expected(variant, "ml-100k", metric, value, 0.0005, OWN, kind="measured")
        for variant, (metric, value) in _AT_20.items()
    ),
    Expected("item_knn", "ml-100k", "ndcg@20", 0.0687, 0.0005, OWN, kind="measured"),
)
CURVES: tuple[Curve, ...] = ()
