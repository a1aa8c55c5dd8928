"""What a sequence model reads beside the ids: features of items, people and events, and codes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Generator, Tensor, nn

from polyrec.data import Facts, Split, Table
from polyrec.models import Sides, SolveCodes, content_vectors, log_vectors
from polyrec.nn import ItemTable
from polyrec.nn.features import EventFeatures, Form, Tower, UserTower
from polyrec.nn.features.events import Gap
from polyrec.nn.quantize import RQVAE, CodedTable, CodeHead, Codes, residual_kmeans
from polyrec.recipes.sequence.config import Config
from polyrec.train import Epochs, Solve, Stage
from polyrec.train.objective.codes import rqvae_stages

IN_ITEMS, AS_TASK = ("features", "both"), ("auxiliary", "both")
CODE_DIM = 64  # of vectors found in the log


def sides(config: Config, facts: Facts) -> Sides:
    """Modules for items, events and people."""
    return Sides(_items(config, facts), _events(config, facts), _users(config, facts))


def head(config: Config, facts: Facts) -> CodeHead | None:
    """What guesses the codes of the next item, where that is a task."""
    if config.codes not in AS_TASK:
        return None
    return CodeHead(facts.items, config.code_levels, config.code_size, config.dim)


def columns(config: Config, clock: bool) -> tuple[str, ...]:
    """Columns of the log that travel beside histories: what events are read by, HSTU's times."""
    kinds = ("kind",) if config.event_features != "none" else ()
    timed = clock and (bool(kinds) or config.model == "hstu")
    return (*kinds, "time") if timed else kinds


def code_stages(config: Config, split: Split, model: nn.Module) -> list[Solve | Stage]:
    """What gives the model its codes before it is trained; nothing where it has none."""
    if config.codes == "none":
        return []
    vectors = partial(_vectors, config, split)
    if config.code_source != "log":
        vectors()  # refused before anything is learnt
    if config.quantizer == "rq_kmeans":
        return [Solve("codes", SolveCodes(model, vectors, partial(_kmeans, config)))]
    vae = cast(RQVAE, model.get_submodule("quantizer"))
    keys = split.facts.vocabs["target"]
    first = rqvae_stages(vae, vectors(), keys, Epochs(config.code_epochs), part="quantizer")
    done = Solve("codes", SolveCodes(model, vectors, lambda x, _: vae.codes(x)))
    return [*first, done]


def quantizer(config: Config, facts: Facts) -> RQVAE | None:
    """An autoencoder to train first, where codes come from one."""
    if config.codes == "none" or config.quantizer != "rq_vae":
        return None
    width = CODE_DIM
    if config.code_source != "log":
        width = content_vectors(_table(facts, "target", "code_source"), config.code_source).shape[1]
    return RQVAE(width, levels=config.code_levels, size=config.code_size)


def trained(model: nn.Module) -> list[str] | None:
    """What ranking trains: all but an autoencoder of codes, which was trained before."""
    names = [name for name, _ in model.named_children()]
    if "quantizer" not in names:
        return None
    learns = {name.split(".")[0] for name, part in model.named_parameters() if part.requires_grad}
    return sorted(learns - {"quantizer"})


def _kmeans(config: Config, x: Tensor, generator: Generator) -> Codes:
    return residual_kmeans(x, generator, config.code_levels, config.code_size)


def _vectors(config: Config, split: Split) -> Tensor:
    if config.code_source == "log":
        return log_vectors(split.train, split.facts.items, CODE_DIM)
    table = _table(split.facts, "target", "code_source")
    return content_vectors(table, config.code_source)


def _items(config: Config, facts: Facts) -> nn.Module:
    table = ItemTable(facts.items, config.dim, config.init)
    if config.codes in IN_ITEMS:
        table = CodedTable(
            facts.items, config.dim, config.code_levels, config.code_size, config.init
        )
    if not config.features:
        return table
    of = _table(facts, "target", "features")
    if config.ids == "without" and config.codes in IN_ITEMS:
        raise ValueError(
            f"codes={config.codes}: codes stand beside the ids, and ids=without leaves those out; "
            "use codes=auxiliary, or ids=with"
        )
    ids = None if config.ids == "without" else table
    return Tower(ids, of, _names(config.features, of), facts.counts > 0, _form(config))


def _users(config: Config, facts: Facts) -> nn.Module | None:
    if not config.user_features:
        return None
    table = _table(facts, "actor", "user_features")
    seen = torch.ones(table.size + 1, dtype=torch.bool)
    seen[0] = False
    return UserTower(table, _names(config.user_features, table), seen, _form(config))


def _events(config: Config, facts: Facts) -> nn.Module | None:
    if config.event_features == "none":
        return None
    gaps: tuple[Gap, ...] = ("previous",) if facts.until is not None else ()
    kinds = len(facts.kinds) if len(facts.kinds) > 1 or config.event_features == "gate" else 0
    if not gaps and not kinds:
        raise ValueError(
            f"event_features={config.event_features}: this log has neither times nor several "
            "kinds of events; leave event_features out"
        )
    return EventFeatures(config.dim, kinds, gaps, config.event_features)


def _form(config: Config) -> Form:
    return Form(config.dim, config.combine, config.activation, config.bags)


def _table(facts: Facts, name: str, setting: str) -> Table:
    if name not in facts.tables:
        whose, ending = ("items", "item") if name == "target" else ("people", "user")
        raise ValueError(
            f"{setting}: this log brings no table of {whose}; leave {setting} out, or bring one "
            f"as NAME.{ending} beside NAME.inter (docs/data.md, Features)"
        )
    return facts.tables[name]


def _names(asked: str, table: Table) -> Sequence[str]:
    if asked == "all":
        return [*table.columns]
    return [name.strip() for name in asked.split(",") if name.strip()]
