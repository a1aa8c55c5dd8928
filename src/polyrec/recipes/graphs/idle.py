"""Which settings of the graphs recipe change nothing under the others, and what reads them.

What only training reads passes under a closed form (`polyrec.recipes.closed`).
"""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.closed import beyond
from polyrec.recipes.graphs.build import CLOSED, loss
from polyrec.recipes.graphs.config import Config

READERS: Mapping[str, tuple[str, ...]] = {  # setting -> models that read it
    "neighbours": ("item_knn", "rp3beta", "slim", "pinsage"),
    "ask": ("pinsage",),
    "hard": ("pinsage",),
    "shrink": ("item_knn",),
    "walk_alpha": ("rp3beta",),
    "walk_beta": ("rp3beta",),
    "l2": ("ease", "slim"),
    "l1": ("slim",),
    "rank": ("gf_cf", "bspm"),
    "low_pass": ("gf_cf", "bspm"),
    "svd": ("gf_cf", "bspm"),
    "merge": ("bspm",),
    "until": ("bspm",),
    "scheme": ("bspm",),
    "order": ("turbo_cf",),
    "people_power": ("turbo_cf",),
    "entry_power": ("turbo_cf",),
    "layers": ("lightgcn", "sgl", "simgcl", "xsimgcl", "pinsage"),
    "alpha0": ("ials",),
    "reg": ("ials",),
    "sweeps": ("ials",),
    "loss": ("mf", "lightgcn", "simplex", "sgl", "simgcl", "xsimgcl"),
    "item_weight": ("ultragcn",),
    "item_neighbours": ("ultragcn",),
    "start": ("lightgcn", "ultragcn"),
    "own": ("simplex",),
    "lean": ("mf", "ultragcn"),
    "members": ("ultragcn",),
    "drop": ("sgl",),
    "noise": ("simgcl", "xsimgcl"),
    "contrast": ("sgl", "simgcl", "xsimgcl"),
    "contrast_tau": ("sgl", "simgcl", "xsimgcl"),
    "contrast_layer": ("xsimgcl",),
}


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    kept, passed = config.split == "kept", passed_over(config)
    found = {
        key: f"model={' or '.join(models)}"
        for key, models in READERS.items()
        if config.model not in models and key not in passed
    }
    if config.model not in CLOSED:
        found |= _of_training(config)
    if config.start == "tiny" and config.model == "lightgcn":
        found["start"] = "model=ultragcn"
    if kept:
        found |= dict.fromkeys(
            ("kinds", "positives", "dedup", "k_core", "min_users", "min_items"), "another split"
        )
    elif config.k_core > 0:
        found |= dict.fromkeys(("min_users", "min_items"), "k_core=0")
    return found


def passed_over(config: Config) -> frozenset[str]:
    """Settings that only training reads, under a closed form; else none."""
    own = {key for key, models in READERS.items() if not set(models).isdisjoint(CLOSED)}
    return beyond(config, CLOSED, own | ({"dim"} if config.model == "ials" else set()))


def _of_training(config: Config) -> Mapping[str, str]:
    """The loss, the optimiser and what is chosen on validation decide what else is read."""
    own, found = loss(config), {}
    if own != "softmax":
        found["temperature"] = "loss=softmax"
    if own not in ("ccl", "margin"):
        found["margin"] = "loss=ccl or model=pinsage"
    if own not in ("ccl", "bce"):
        found["negative_weight"] = "loss=ccl or model=ultragcn"
    if own in ("ccl", "softmax", "margin"):
        found["decay"] = "loss=bpr: cosines know no length"
    if own == "bce" and config.optimiser == "lazy_adam":
        found["decay"] = "optimiser=adam"
    if own not in ("ccl", "softmax", "bce"):
        found["parts"] = "loss=ccl or softmax, or model=ultragcn"
    if config.fit == "all":
        found |= dict.fromkeys(("eval_every", "patience"), "fit=train")
    return found
