"""What sources say the ComiRec recipe should reach, each with its table and formula.

The paper's NDCG is the `comirec-paper` dialect: it discounts by place in the truth list, so it is
never held against a standard NDCG. Numbers nobody has read in their source are left out.
"""

from __future__ import annotations

from polyrec.recipes.expected import Curve, Expected

PAPER = "Cen et al. 2020 (KDD), Table 3, Amazon Books"
SWEEP = "Cen et al. 2020 (KDD), Table 5, Amazon Books, K=4, weight 0"
RERUN = "THUDM/ComiRec issue 28: five runs of the authors' code"
RERUN_SA = "THUDM/ComiRec issue 22: a user's run of the authors' code"
OWN = "popularity, history masked, leave-one-out, full ranking: measured on these files"

_BOOKS = "books-2014-5core"
_AT_20 = {
    "popular": (0.01368, 0.03020),
    "youtube_dnn": (0.04567, 0.10285),
    "gru4rec": (0.04057, 0.08945),
    "mind": (0.04862, 0.10618),
    "sa": (0.05489, 0.11402),
    "dr": (0.05311, 0.12005),
}
_AT_50 = {"youtube_dnn": (0.07312, 0.12075), "sa": (0.08467, 0.13563), "dr": (0.08106, 0.13520)}
_ANCHORS = {
    "beauty-seq": {
        "hit_rate@5": 0.0075,
        "ndcg@5": 0.0041,
        "hit_rate@10": 0.0115,
        "ndcg@10": 0.0055,
    },
    "sports-seq": {
        "hit_rate@5": 0.0057,
        "ndcg@5": 0.0041,
        "hit_rate@10": 0.0091,
        "ndcg@10": 0.0052,
    },
}

EXPECTED: tuple[Expected, ...] = (
    *(
        Expected(variant, _BOOKS, metric, value, 0.1 * value, PAPER, "comirec-paper")
        for variant, pair in _AT_20.items()
        for metric, value in zip(("recall@20", "hit_rate@20"), pair, strict=True)
    ),
    *(
        Expected(variant, _BOOKS, metric, value, 0.1 * value, PAPER, "comirec-paper")
        for variant, pair in _AT_50.items()
        for metric, value in zip(("recall@50", "ndcg@50"), pair, strict=True)
    ),
    *(
        Expected(variant, _BOOKS, "diversity@50", value, 0.1 * value, SWEEP, "comirec-paper")
        for variant, value in (("sa", 0.23237), ("dr", 0.19036))
    ),
    Expected("mind", _BOOKS, "recall@50", 0.0619, 0.0022, RERUN, "comirec-master"),
    Expected("mind", _BOOKS, "ndcg@50", 0.0486, 0.0022, RERUN, "comirec-master"),
    Expected("sa", _BOOKS, "recall@50", 0.0805, 0.0033, RERUN_SA, "comirec-master"),
    Expected("sa_b1024", _BOOKS, "recall@50", 0.0954, 0.0040, RERUN_SA, "comirec-master"),
    *(
        Expected("popular", data, metric, value, 0.0002, OWN, kind="measured")
        for data, row in _ANCHORS.items()
        for metric, value in row.items()
    ),
)

CURVES: tuple[Curve, ...] = (
    Curve(
        "sa",
        _BOOKS,
        (
            (1_000, 7.933, 0.0234),
            (5_000, 6.902, 0.0337),
            (10_000, 6.454, 0.0406),
            (15_000, 6.084, 0.0542),
            (20_000, 5.796, 0.0608),
            (25_000, 5.513, 0.0662),
            (29_000, 5.298, 0.0700),
        ),
        0.1,
        "log of lun2hang/ComiRec, the authors' code, ComiRec-SA on Books",
    ),
)
