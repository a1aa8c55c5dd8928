"""What is worth tuning in item2vec and its kin, one thing at a time from two anchors.

Their defaults come from text. Published studies of items (Caselles-Dupre et al. 2018) find the
exponent of the negatives, the number of passes, the thinning of frequent items and the window to
matter most; the rate and the events that ask stand beside them because they mattered here.
"""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.ablation import Anchor, Change, Factor

ALSO = ("ndcg@20", "recall@50")
ANCHORS: Mapping[str, Anchor] = {
    "item2vec": Anchor("item2vec", "item2vec", primary="recall@20", also=ALSO),
    "word2vec": Anchor("word2vec", "word2vec", primary="recall@20", also=ALSO),
}


def _factor(key: str, values: tuple[float | str, ...], priority: int, why: str) -> Factor:
    changes = tuple(Change(str(value), {key: value}) for value in values)
    return Factor(key, changes, priority, why)


FACTORS: tuple[Factor, ...] = (
    _factor("epochs", (20, 50), 1, "a log is smaller than a text: five passes may not reach far"),
    _factor(
        "exponent", (-0.5, 0.0, 0.5, 1.0), 1, "which items are drawn against: below 0 rare ones"
    ),
    _factor("subsample", (0.0, 0.0001, 0.00001), 2, "how far frequent items are thinned"),
    _factor("negatives", (1, 20), 2, "few items bear more of them than a text does"),
    Factor(
        "window",
        tuple(
            Change(str(width), {"reading": "shrinking", "window": width}) for width in (2, 10, 20)
        ),
        2,
        "who stands beside whom; under item2vec also set against window",
    ),
    _factor("length", (1, 20, 0), 3, "how many events ask"),
    _factor("dim", (32, 256), 3, "width"),
    _factor("form", ("add", "concat"), 3, "the item's vector"),
)
