"""Which settings of the graphs recipe change nothing under the others, and what reads them.

Settings of training pass for a closed form, since one order may go over several variants.
"""

from __future__ import annotations

from collections.abc import Mapping

from polyrec.recipes.graphs.build import CLOSED
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
    "negative_weight": ("ultragcn", "simplex"),
    "margin": ("simplex", "pinsage"),
    "item_weight": ("ultragcn",),
    "item_neighbours": ("ultragcn",),
    "own": ("simplex",),
    "drop": ("sgl",),
    "noise": ("simgcl", "xsimgcl"),
    "contrast": ("sgl", "simgcl", "xsimgcl"),
    "contrast_tau": ("sgl", "simgcl", "xsimgcl"),
    "contrast_layer": ("xsimgcl",),
}


def idle(config: Config) -> Mapping[str, str]:
    """Setting -> what would have to hold for it to be read."""
    kept, closed = config.split == "kept", config.model in CLOSED
    found = {
        key: f"model={' or '.join(models)}"
        for key, models in READERS.items()
        if config.model not in models and not (closed and set(models).isdisjoint(CLOSED))
    }
    if not closed and config.model in ("simplex", "pinsage"):
        found["decay"] = "another model"
    if not closed and config.optimiser == "lazy_adam" and config.model == "ultragcn":
        found["decay"] = "optimiser=adam"
    if not closed and config.fit == "all":
        found |= dict.fromkeys(("eval_every", "patience"), "fit=train")
    if kept:
        found |= dict.fromkeys(
            ("kinds", "positives", "dedup", "k_core", "min_users", "min_items"), "another split"
        )
    elif config.k_core > 0:
        found |= dict.fromkeys(("min_users", "min_items"), "k_core=0")
    return found
