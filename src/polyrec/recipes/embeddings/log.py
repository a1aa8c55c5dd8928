"""Logs that come split, and logs some of whose items nobody has met, made by hiding."""

from __future__ import annotations

from polyrec import data
from polyrec.data import Facts, Split
from polyrec.data.events import JSON
from polyrec.evaluate import hide
from polyrec.recipes import parts
from polyrec.recipes.embeddings.config import Config
from polyrec.recipes.graphs.log import with_validation

VALID = 0.1  # of each person's train events, where the files give no validation


def given(config: Config) -> Split:
    """The parts that the files name; validation is cut from train where they name none."""
    dataset = data.filters.apply(parts.log(config), parts.filters(config))
    found = dataset.split(data.SplitConfig(how="given", valid_from_train=VALID))
    return with_validation(found) if config.fit == "all" else found


def hidden(config: Config) -> Split:
    """Train without all events of some items; test wants these, validation wants the others.

    Both are asked of the first `cut` of each log, without the hidden items.
    """
    dataset = data.filters.apply(parts.log(config), parts.filters(config))
    part = hide(dataset.events, dataset.items, config.hide, config.hide_seed, config.cut)
    how: dict[str, JSON] = {
        "how": "hidden-items",
        "share": config.hide,
        "seed": config.hide_seed,
        "cut": config.cut,
    }
    facts = Facts.of(dataset, part.train)
    return Split(part.train, part.warm, part.cold, how, facts, dataset.source)
