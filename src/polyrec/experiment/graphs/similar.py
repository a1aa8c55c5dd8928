"""Which items lie near an item, and where each of their vectors comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polyrec import index
from polyrec.data import Facts
from polyrec.experiment.stored import stored
from polyrec.experiment.watching import Quiet, Watch
from polyrec.models.embedding import ItemVectors, Warm, cold_start, extended
from polyrec.models.embedding.asking import LEARNT
from polyrec.recipes import chosen, near
from polyrec.recipes import parts as retrieval
from polyrec.types import Ragged


@dataclass(frozen=True)
class Near:
    """What to ask: an item by its external id, and how items without a vector get one."""

    id: str
    k: int = 10
    strategy: str = ""  # empty: only items with a learnt vector
    columns: tuple[str, ...] = ()  # what the strategy goes by; empty: all


@dataclass(frozen=True)
class Map:
    """Vectors of a catalogue, and where each came from; "" = there is none."""

    vectors: Tensor  # [n + 1, D]
    sources: tuple[str, ...]  # [n + 1]


def similar(path: Path, ask: Near, watch: Watch = Quiet()) -> dict[str, Any]:
    """The k items with the largest cosine to an item; cold ones take part under a strategy.

    Raises:
        ValueError: the item is unknown, or has no vector and no strategy is named.
    """
    if ask.strategy:  # before anything is read
        chosen(retrieval.STRATEGIES, ask.strategy, "cold-start strategy")
    told = stored(path)
    facts = told.facts()
    model = told.model(facts)
    item = _item(facts, ask.id, path)
    known = retrieval.warm_of(model, facts)
    if not ask.strategy:
        held = _held(model, known, getattr(told.config, "cold", ""))
    else:
        ground = retrieval.Ground(model, facts, known, ask.columns, told.config.seed)
        held = _placed(ground, ask.strategy)
    if not held.sources[item] or not bool(held.vectors[item].any()):
        raise ValueError(
            f"--id {ask.id}: the log never met it beside another, so it has no vector; give "
            f"--strategy, one of {', '.join(retrieval.STRATEGIES)}"
        )
    ids, cosine = _nearest(held, item, ask.k)
    listed = [
        {"id": facts.vocabs["target"].key(at), "similarity": score, "from": held.sources[at]}
        for at, score in zip(ids, cosine, strict=True)
    ]
    watch.line(f"{ask.id}: {held.sources[item]}")
    width = max((len(str(entry["id"])) for entry in listed), default=2)
    for place, entry in enumerate(listed, 1):
        watch.line(
            f"{place:>3}  {entry['id']:<{width}}  {entry['similarity']:.4f}  {entry['from']}"
        )
    return {"id": ask.id, "from": held.sources[item], "items": listed}


def _learnt(known: Warm) -> Map:
    return Map(known.vectors, tuple(LEARNT if warm else "" for warm in known.warm.tolist()))


def _held(model: nn.Module, known: Warm, cold: str) -> Map:
    """What the run itself answers with: learnt vectors, and those its own strategy placed."""
    learnt = _learnt(known)
    if not isinstance(model, ItemVectors):
        return learnt
    guess = f"placed by cold={cold}"
    sources = zip(learnt.sources, model.placed.tolist(), strict=True)
    return Map(model.vectors, tuple(guess if placed else source for source, placed in sources))


def _placed(ground: retrieval.Ground, name: str) -> Map:
    """The learnt vectors, and those that the strategy gives to all other items."""
    known, made = ground.known, retrieval.strategy(name, ground)
    cold = (~known.warm).nonzero()[1:, 0]  # id 0 is nothing
    placed = cold_start(made, known, cold)
    sources = list(_learnt(known).sources)
    for row, item in enumerate(cold.tolist()):
        sources[item] = placed.source(row)
    return Map(extended(known, placed, cold), tuple(sources))


def _nearest(held: Map, item: int, k: int) -> tuple[list[int], list[float]]:
    unit = F.normalize(held.vectors, dim=1)
    able = torch.tensor([bool(source) for source in held.sources]).nonzero()[:, 0]
    ids, scores = index.top(unit[item][None, None], unit, k, Ragged.of([[item]]), able)
    filled = ids[0] > 0
    return ids[0][filled].tolist(), scores[0][filled].tolist()


def _item(facts: Facts, key: str, path: Path) -> int:
    vocab = facts.vocabs["target"]
    found = int(vocab.ids([key])[0])
    if not found:
        hint = near(key, [vocab.key(i) for i in range(1, min(facts.items, 50_000) + 1)])
        raise ValueError(
            f"--id {key}: not in the catalogue of {facts.items:,} items of {path}{hint}; use ids "
            "as they stand in the log"
        )
    return found
