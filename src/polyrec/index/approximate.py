"""Looks at promising items only: fast answers with some missing, for serving large catalogues."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from polyrec.index import blocks
from polyrec.kernels.topk import tie_order
from polyrec.types import Ragged

_ROWS = 256  # requests whose candidates are compared at once


class Approximate:
    """Candidates from a faiss index, put in the exact order; never behind a reported metric.

    `hnsw` walks a graph of neighbours, `ivf` searches the nearest of sqrt(n) clusters. Each
    query fetches k and as many as the longest exclusion, so lists can end short under `among`.
    """

    def __init__(self, items: Tensor, kind: Literal["hnsw", "ivf"], effort: int = 64) -> None:
        """`items` [n + 1, D]; `effort`: candidates kept (hnsw) or clusters visited (ivf)."""
        import faiss

        if kind not in ("hnsw", "ivf"):
            raise ValueError(f"approximate index: kind={kind!r}; allowed are 'hnsw' and 'ivf'")
        self.items = items.detach()
        vectors = np.ascontiguousarray(self.items[1:].numpy())
        lists = max(1, round(len(vectors) ** 0.5))
        how = "HNSW32,Flat" if kind == "hnsw" else f"IVF{lists},Flat"
        self._faiss: Any = faiss.index_factory(vectors.shape[1], how, faiss.METRIC_INNER_PRODUCT)
        self._faiss.train(vectors)
        self._faiss.add(vectors)
        knob = "efSearch" if kind == "hnsw" else "nprobe"
        faiss.ParameterSpace().set_index_parameter(self._faiss, knob, effort)

    def top(
        self, queries: Tensor, k: int, exclude: Ragged | None = None, among: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Ids [R, k] and scores [R, k], best first; id 0 and -inf where too few were found."""
        blocks.check_vectors(queries, self.items)
        bans = blocks.bans(exclude, len(queries))
        ids = blocks.allowed(among, len(self.items) - 1)
        fetch = min(k + int(np.diff(bans[1]).max(initial=0)), len(self.items) - 1)
        parts = [
            self._block(
                queries[first : first + _ROWS], k, fetch, ids, blocks.cut(bans, first, last)
            )
            for first in range(0, len(queries), _ROWS)
            for last in [min(first + _ROWS, len(queries))]
        ]
        if not parts:
            return torch.zeros(0, k, dtype=torch.int64), torch.zeros(0, k)
        return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])

    def _block(
        self, queries: Tensor, k: int, fetch: int, allowed: blocks.Ids | range, bans: blocks.Bans
    ) -> tuple[Tensor, Tensor]:
        rows, _, dim = queries.shape
        flat = np.ascontiguousarray(queries.detach().reshape(-1, dim).numpy())
        found = np.sort(self._faiss.search(flat, fetch)[1].reshape(rows, -1) + 1, axis=1)
        vectors = self.items[torch.from_numpy(found)]  # [rows, C, D]
        scores = torch.einsum("rkd,rcd->rkc", queries.detach(), vectors).amax(1).numpy()
        never = ~np.isin(found, np.asarray(allowed, np.int64))
        never[:, 1:] |= found[:, 1:] == found[:, :-1]
        never |= _banned(found, bans, len(self.items))
        scores = np.where(never, -np.inf, scores).astype(np.float32)
        hashes = tie_order(found.ravel()).reshape(found.shape)
        order = np.lexsort((hashes, -scores), axis=1)[:, :k]
        scores = np.take_along_axis(scores, order, 1)
        ids = np.where(scores > -np.inf, np.take_along_axis(found, order, 1), 0)
        short = ((0, 0), (0, k - ids.shape[1]))
        scores = np.pad(scores, short, constant_values=-np.inf)
        return torch.from_numpy(np.pad(ids, short)), torch.from_numpy(scores)


def _banned(found: blocks.Ids, bans: blocks.Bans, span: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """[rows, C]: whether the candidate is excluded for its row."""
    values, start = bans
    mine = values[start[0] : start[-1]]
    row = np.repeat(np.arange(start.size - 1), np.diff(start))
    keys = np.arange(len(found))[:, None] * span + found
    return np.isin(keys, row * span + mine)
