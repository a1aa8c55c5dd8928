"""What sources say the sequence recipe should reach, each with its table.

All by leave-one-out over the whole catalogue, seen items left out of the list. "Beauty" is the
5-core log of 22,363 people; another "Beauty" of 40,226 people exists and is never held against it.
The published Amazon logs are in order of the catalogue inside one day, which inflates all of them
alike: compare variants on one file, not papers.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

TIGER = "Rajput et al. 2023 (TIGER, NeurIPS), Table 1"
ESASREC = "eSASRec repository (Tikhonovich et al. 2025), README, results on Amazon logs"
NARROW = f"{ESASREC}; width 64 as that README says, where its configs have 256"
HSTU = f"{ESASREC}; here with the recipe's own loss (cosine, uniform and in-batch negatives)"
KLENITSKIY = "Klenitskiy and Vasilev 2023 (RecSys), README of their code"
GSASREC = "gSASRec repository (Petrov and Macdonald 2023), README, ML-1M checkpoints"
RERUN = "third-party reruns of SASRec on this file, full ranking"
GRU = f"{TIGER}; here with learned places and the recipe's own loss (cosine, shared negatives)"
OWN = "popularity, history masked: measured on these files"

_AT = ("recall@5", "ndcg@5", "recall@10", "ndcg@10")
_TIGER = {
    ("gru4rec", "beauty-seq"): (0.0164, 0.0099, 0.0283, 0.0137),
    ("sasrec_original", "beauty-seq"): (0.0387, 0.0249, 0.0605, 0.0318),
    ("gru4rec", "sports-seq"): (0.0129, 0.0086, 0.0204, 0.0110),
    ("sasrec_original", "sports-seq"): (0.0233, 0.0154, 0.0350, 0.0192),
}
_AT_10 = (  # variant, data, recall@10, ndcg@10, source
    ("sasrec_small", "beauty-seq", 0.0921, 0.0531, NARROW),
    ("esasrec", "beauty-seq", 0.0928, 0.0523, NARROW),
    ("hstu", "beauty-seq", 0.0788, 0.0439, HSTU),
    ("sasrec_small", "sports-seq", 0.0569, 0.0314, NARROW),
    ("esasrec", "sports-seq", 0.0560, 0.0323, NARROW),
    ("sasrec_original", "ml-1m", 0.2500, 0.1341, KLENITSKIY),
    ("sasrec_ce", "ml-1m", 0.3152, 0.1821, KLENITSKIY),
    ("sasrec_ss3000", "ml-1m", 0.3159, 0.1857, KLENITSKIY),
    ("gsasrec", "ml-1m", 0.3003, 0.1726, GSASREC),
)
_RERUN = (
    ("sasrec_ce", "beauty-seq", "recall@10", 0.0897),
    ("sasrec_bce", "beauty-seq", "recall@10", 0.0550),
)
_POPULAR = {
    "beauty-seq": (0.0075, 0.0041, 0.0115, 0.0055),
    "sports-seq": (0.0057, 0.0041, 0.0091, 0.0052),
}

EXPECTED: tuple[Expected, ...] = (
    *(
        Expected(variant, data, metric, value, 0.1 * value, GRU if "gru" in variant else TIGER)
        for (variant, data), row in _TIGER.items()
        for metric, value in zip(_AT, row, strict=True)
    ),
    *(
        Expected(variant, data, metric, value, 0.05 * value, source)
        for variant, data, recall, ndcg, source in _AT_10
        for metric, value in (("recall@10", recall), ("ndcg@10", ndcg))
    ),
    *(
        Expected(variant, data, metric, value, 0.005, RERUN)
        for variant, data, metric, value in _RERUN
    ),
    *(
        Expected("popular", data, metric, value, 0.0002, OWN, kind="measured")
        for data, row in _POPULAR.items()
        for metric, value in zip(_AT, row, strict=True)
    ),
)
CURVES: tuple[Curve, ...] = ()
