"""Towers: from what is known of things to their vectors, a whole batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.data.tables import Bag, Dense, Sparse, Table
from polyrec.nn.embed import ItemTable, linear
from polyrec.nn.features.columns import (
    BagOfCategories,
    Categories,
    Combine,
    Content,
    Numbers,
    Pooling,
    Start,
    number_of,
    present_of,
)

Activation = Literal["none", "relu"]


@dataclass(frozen=True)
class Form:
    """How columns become one vector.

    combine: "sum" adds a projection of every column to the id's own vector; with ids the
    projections start at zero, so training starts where ids alone would. "concat" is the published
    baseline's itemdnn: everything side by side, then one linear layer.

    activation: "none" is the better choice for what is ranked by inner product (a ReLU leaves
    items only the positive orthant; public solutions of the TencentGR competition report
    .0967 -> .0997 from taking it off the item side alone); "relu" is the baseline's.

    Raises:
        ValueError: a setting is none of its choices, or has no effect under the others.
    """

    dim: int = 64
    combine: Combine = "sum"
    activation: Activation = "none"
    bags: Pooling = "mean"  # several categories a row
    numbers: Literal["mean", "sum"] = "mean"  # several numbers a row, before they are standardised
    width: int = 0  # of one embedding under concat; 0 = dim

    def __post_init__(self) -> None:
        for name, kinds in (
            ("combine", Combine),
            ("activation", Activation),
            ("bags", Pooling),
            ("numbers", Literal["mean", "sum"]),
        ):
            if getattr(self, name) not in get_args(kinds):
                known = ", ".join(get_args(kinds))
                raise ValueError(f"tower {name}={getattr(self, name)!r}: choose from {known}")
        if self.dim < 1 or self.width < 0:
            raise ValueError(f"tower dim={self.dim}, width={self.width}: need dim >= 1, width >= 0")
        if self.width and self.combine == "sum":
            raise ValueError(f"tower width={self.width}: a sum has one width, dim; leave width out")


class Tower(nn.Module):
    """The vector of a thing from its id and what is known of it; id 0 is nothing, and stays zero.

    Each distinct id of a batch is computed once, by whole-array gathers: the work in Python does
    not depend on the number of ids. `ids=None` uses the columns alone: an item that came after
    training has a vector all the same.

    Its state holds all that was learnt or measured. The columns themselves are no part of it:
    they come from the facts kept with the run, and a tower built on newer facts takes the
    same state as long as the columns' vocabularies are the same.

    Args:
        names: columns of the table. One category, several, one number, several, or a vector: the
            column's kind decides how it is read.
        seen: [n + 1], bool: rows that train has seen. Means and lengths are measured on these.
        start: of the columns under "sum". "auto": zero with ids, else small.

    Raises:
        KeyError: no such column; the nearest are named.
        ValueError: sizes disagree, or nothing is left to build a vector from.
    """

    def __init__(
        self,
        ids: ItemTable | None,
        table: Table,
        names: Sequence[str],
        seen: Tensor,
        form: Form,
        start: Start | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()
        _check(ids, table, names, seen, form)
        if start == "zero" and form.combine == "concat":
            raise ValueError("tower start='zero' belongs to combine='sum'; leave start out")
        zero = start == "zero" or (start == "auto" and ids is not None)
        self.form, self.items = form, table.size
        self.ids = ids
        first: Start = "zero" if zero and form.combine == "sum" else "small"
        columns = {name: table.columns[name] for name in names}
        self.parts = nn.ModuleList(_parts(columns, seen.cpu().numpy(), form, first))
        wide = sum(cast(int, part.wide) for part in self.parts) + (
            0 if ids is None else _width(ids)
        )
        self.dnn = linear(wide, form.dim) if form.combine == "concat" else None
        self.register_buffer("here", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the vectors are made."""
        return cast(Tensor, self.here).device

    @property
    def dim(self) -> int:
        """D."""
        return self.form.dim

    def forward(self, ids: Tensor) -> Tensor:
        """[*S] -> [*S, D]."""
        ids = ids.to(self.device, torch.int64)
        distinct, back = torch.unique(ids, return_inverse=True)
        vectors = self._combined(distinct)
        if self.form.activation == "relu":
            vectors = vectors.relu()
        vectors = vectors.masked_fill((distinct == 0)[:, None], 0)
        return vectors.index_select(0, back.flatten()).view(*ids.shape, self.dim)

    def _combined(self, ids: Tensor) -> Tensor:
        """[M] distinct -> [M, D]."""
        vectors: list[Tensor] = [part(ids) for part in self.parts]
        if self.ids is not None:
            vectors.insert(0, self.ids(ids))
        if self.dnn is not None:
            combined: Tensor = self.dnn(torch.cat(vectors, dim=1))
            return combined
        return torch.stack(vectors).sum(dim=0) if len(vectors) > 1 else vectors[0]


class UserTower(Tower):
    """The vector of a person from what is known of them, without an id of their own.

    Who came after training is served like anybody else; id 0, nobody known, is the zero vector,
    so that a request without a person is answered from its history alone. Under "sum" it starts at
    zero: it is meant to be added to a query.
    """

    def __init__(self, table: Table, names: Sequence[str], seen: Tensor, form: Form) -> None:
        start: Start | Literal["auto"] = "zero" if form.combine == "sum" else "auto"
        super().__init__(None, table, names, seen, form, start)


def _width(ids: ItemTable) -> int:
    """The width of a table of ids."""
    return ids.weight.shape[1]


def _parts(
    columns: dict[str, Sparse | Dense | Bag], seen: NDArray[np.bool_], form: Form, start: Start
) -> list[nn.Module]:
    """Blocks, those of one look-up together."""
    width = form.width or form.dim
    held = [*columns.values()]
    parts: list[nn.Module] = []
    sparse = [column for column in held if isinstance(column, Sparse)]
    if sparse:
        parts.append(Categories(sparse, width, form.combine, start))
    bags = [column for column in held if isinstance(column, Bag)]
    parts += [BagOfCategories(bag, width, form.bags, start) for bag in bags if bag.vocab]
    dense = [column for column in held if isinstance(column, Dense)]
    single = [(np.asarray(c.values), present_of(c)) for c in dense if c.values.ndim == 1]
    single += [number_of(bag, form.numbers) for bag in bags if bag.vocab is None]
    if single:
        parts.append(Numbers(single, seen, form.dim if form.combine == "sum" else None, start))
    parts += [Content(c, seen, form.dim, start) for c in dense if c.values.ndim == 2]
    return parts


def _check(
    ids: ItemTable | None, table: Table, names: Sequence[str], seen: Tensor, form: Form
) -> None:
    if ids is None and not names:
        raise ValueError(
            "a tower of no ids and no columns has nothing to build from: name a column, one of "
            f"{', '.join(table.columns)}, or give it ids"
        )
    if ids is not None and ids.items != table.size:
        raise ValueError(
            f"{ids.items} ids, but the feature table has {table.size} rows: both come from the "
            "same facts"
        )
    if ids is not None and form.combine == "sum" and _width(ids) != form.dim:
        raise ValueError(
            f"ids of width {_width(ids)} in a sum of width {form.dim}: make them equal, or "
            "combine='concat'"
        )
    if seen.shape != (table.size + 1,) or seen.dtype != torch.bool:
        raise ValueError(
            f"seen is {seen.dtype} {[*seen.shape]}; it says of each of {table.size} rows and of "
            f"row 0 whether train has it: bool [{table.size + 1}], as facts.counts > 0"
        )
    _check_names(table, names)


def _check_names(table: Table, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.columns:
            near = ", ".join(get_close_matches(name, [*table.columns], 3, 0.4))
            hint = f"; nearest: {near}" if near else ""
            raise KeyError(
                f"no column {name!r} in the feature table; there are "
                f"{', '.join(table.columns)}{hint}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"columns {', '.join(names)}: each is named once")
