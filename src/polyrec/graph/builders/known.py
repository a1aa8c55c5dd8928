"""What is known of items beside the log: facts about entities, and which item is which entity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polyrec.data import Sparse, Table, Vocab
from polyrec.graph.account import BuildReport
from polyrec.graph.csr import I64, Graph, Relation
from polyrec.graph.edges import Edges, relation_of

Told = tuple[Relation, BuildReport]
ITEM, ENTITY, IS = "item", "entity", "is"


def knowledge(facts: Table, links: Table, items: Vocab) -> tuple[Graph, Mapping[str, BuildReport]]:
    """Items and entities: an edge from an item to its entity, and a relation for each predicate.

    Takes the tables that a data set of atomic files brings (`dataset.tables["kg"]`, `["link"]`)
    and its vocabulary of targets. Entities that only links name are nodes too. Facts have no
    times: they are taken as known before the log begins.

    Returns the graph and the account of each relation, by its name.

    Raises:
        ValueError: a table without the columns that are needed.
    """
    head, tail, predicate = _columns("facts", facts, 3)
    item, entity = _columns("links", links, 2)
    entities, entity_ids = head.vocab.extended(entity.vocab.column)
    made = {IS: _links(item, entity, items, entity_ids, entities.size)}
    for place in range(predicate.vocab.size):
        mine = predicate.values[1:] == place + 1
        ends = Edges(_nodes(head)[mine], _nodes(tail)[mine])
        name = predicate.vocab.key(place + 1)
        size = (entities.size, entities.size)
        made[name] = relation_of((ENTITY, name, ENTITY), ends, size, "last")
    graph = Graph(
        {ITEM: items.size, ENTITY: entities.size}, tuple(relation for relation, _ in made.values())
    )
    return graph, {name: report for name, (_, report) in made.items()}


def _links(
    item: Sparse, entity: Sparse, items: Vocab, entity_ids: np.ndarray, entities: int
) -> Told:
    """Item - entity, for the items that the log knows."""
    node_of = items.ids(item.vocab.column).astype(np.int64) - 1
    source, target = node_of[_nodes(item)], entity_ids.astype(np.int64)[_nodes(entity)] - 1
    known = source >= 0
    edges = Edges(source[known], target[known])
    relation, report = relation_of((ITEM, IS, ENTITY), edges, (items.size, entities), "last")
    unknown = {"links of items that the log does not know": int((~known).sum())}
    return relation, report.with_dropped(unknown)


def _nodes(column: Sparse) -> I64:
    """[rows]: the 0-based value of each row."""
    return column.values[1:].astype(np.int64) - 1


def _columns(what: str, table: Table, count: int) -> list[Sparse]:
    """The first columns of a table, as ids of vocabularies without a missing one."""
    found = [column for column in table.columns.values() if isinstance(column, Sparse)]
    if len(found) < count:
        raise ValueError(
            f"{what}: a table with {len(found)} columns of keys ({', '.join(table.columns)}); "
            f"{count} are needed; give the table that the atomic reader made"
        )
    for column in found[:count]:
        if (column.values[1:] == 0).any():
            row = int((column.values[1:] == 0).argmax())
            raise ValueError(f"{what}, row {row:,}: a key is missing; drop the row")
    return found[:count]
