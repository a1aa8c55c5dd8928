"""Which settings of the sequence recipe change nothing under the others, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.losses import CORRECTED
from polyrec.recipes.closed import beyond
from polyrec.recipes.sequence.against import HARD
from polyrec.recipes.sequence.build import CLOSED, HEADED
from polyrec.recipes.sequence.config import Config
from polyrec.recipes.sequence.sides import AS_TASK

Rules = Mapping[str, tuple[bool, str]]  # setting -> whether it is unread, and what would read it
EVEN = ("uniform", "uniform_in_batch", "mixed", "curriculum")  # negatives with a uniform part
UNDRAWN = ("in_batch", "all")  # negatives that have no number of their own


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    rules = {**_log(config), **_sides(config), **_score(config), **_negatives(config)}
    passed = passed_over(config)
    return {k: needs for k, (unread, needs) in rules.items() if unread and k not in passed}


def passed_over(config: Config) -> frozenset[str]:
    """Settings that only training reads, under a closed form; else none."""
    return beyond(config, CLOSED)


def _log(config: Config) -> Rules:
    kept = config.split == "kept"
    return {
        "cut": (config.split != "by-user", "split=by-user"),
        "min_users": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "min_items": (kept or config.k_core > 0, "another split, with k_core=0,"),
        "k_core": (kept, "another split"),
        "kinds": (kept, "another split"),
        "positives": (kept, "another split"),
        "dedup": (kept, "another split"),
        "ties": (config.split != "leave-one-out", "split=leave-one-out"),
        "heads": (config.model == "gru" and config.heads != 1, "an attention model"),
        "places": (
            config.places == "rotary" and config.model in ("hstu", "gru"),
            "model=sasrec or ligr",
        ),
        "norm": (config.model != "sasrec", "model=sasrec"),
        "neighbours": (config.model != "item_knn", "model=item_knn"),
        "shrink": (config.model != "item_knn", "model=item_knn"),
        "l2": (config.model != "ease", "model=ease"),
    }


def _sides(config: Config) -> Rules:
    beside = bool(config.features or config.user_features)
    coded = config.codes != "none"
    needs = "features or user_features"
    return {
        "ids": (not config.features, "features"),
        "combine": (not beside, needs),
        "activation": (not beside, needs),
        "bags": (not beside, needs),
        "quantizer": (not coded, "codes"),
        "code_source": (not coded, "codes"),
        "code_levels": (not coded, "codes"),
        "code_size": (not coded, "codes"),
        "code_epochs": (not coded or config.quantizer != "rq_vae", "quantizer=rq_vae, with codes,"),
        "code_weight": (config.codes not in AS_TASK, "codes=auxiliary or both"),
        "code_warm_up": (config.codes not in AS_TASK, "codes=auxiliary or both"),
    }


def _score(config: Config) -> Rules:
    return {
        "scale": (config.similarity != "dot", "similarity=dot"),
        "temperature": (config.similarity != "cosine", "similarity=cosine"),
        "tau": (config.similarity != "cosine", "similarity=cosine"),
        "score_heads": (config.similarity not in HEADED, "a similarity of several heads"),
        "margin": (config.loss != "margin", "loss=margin"),
        "remi_beta": (config.loss != "interest_aware", "loss=interest_aware"),
        "gbce_t": (config.loss != "gbce", "loss=gbce"),
        "hardest": (config.loss == "scalable", "another loss"),
    }


def _negatives(config: Config) -> Rules:
    scalable = config.loss == "scalable"  # chooses its own
    drawn = config.negatives not in UNDRAWN and not scalable
    mixed = config.negatives in ("mixed", "curriculum") and not scalable
    hard = config.negatives in HARD and not scalable
    searched = "negatives=hard, mixed or curriculum"
    popular = config.negatives == "popular" or mixed
    return {
        "negatives": (scalable, "another loss"),
        "count": (not drawn, "other negatives"),
        "draw_from": (config.negatives not in EVEN or scalable, "negatives=uniform, mixed, ..."),
        "in_batch_most": (
            config.negatives not in ("in_batch", "uniform_in_batch") or scalable,
            "negatives=in_batch or uniform_in_batch",
        ),
        "share": (not drawn, "other negatives"),
        "count_last": (not drawn or config.negatives == "hard", "other negatives"),
        "reject_seen": (scalable or config.negatives == "all", "other negatives"),
        "reject_known": (scalable, "another loss"),
        "popular_alpha": (not popular or scalable, "negatives=popular, mixed or curriculum"),
        "hard": (config.negatives != "mixed" or scalable, "negatives=mixed"),
        "random": (config.negatives != "mixed" or scalable, "negatives=mixed"),
        "hard_first": (not hard, searched),
        "hard_last": (not hard, searched),
        "hard_query": (not hard, searched),
        "hard_every": (not hard, searched),
        "hard_correction": (
            not mixed or config.loss not in CORRECTED,
            "negatives=mixed or curriculum, with a loss of log Q,",
        ),
        "phase": (config.negatives != "curriculum" or scalable, "negatives=curriculum"),
    }
