"""What recommenders share: blocks of requests, eval mode, who has no history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from polyrec.nn import known
from polyrec.types import Ragged, Recommender, Requests, TopK

NO_HISTORY = 1
WHY = {0: "the model answered", NO_HISTORY: "no history: the most popular items"}
AT_ONCE = 8_192  # requests whose queries are held at a time
Best = Callable[[Requests, Ragged | None], tuple[Tensor, Tensor]]


class Pooling(Recommender, Protocol):
    """A recommender that can also show the candidates it chose from."""

    def pool(
        self,
        requests: Requests,
        k: int,
        exclude: Ragged | None = None,
        among: Tensor | None = None,
    ) -> TopK:
        """The union of each interest's best k, best first, without repeats: [R, up to K k]."""
        ...

    def ranks(self, requests: Requests, truth: Ragged, exclude: Ragged | None = None) -> Tensor:
        """[sum]: the place of each wanted item among all; 0 = never listed."""
        ...


@contextmanager
def answering(model: object) -> Iterator[None]:
    """Eval mode without gradient, and back to where the model was."""
    trained = [m for m in model.modules() if m.training] if isinstance(model, nn.Module) else []
    for module in trained:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in trained:
            module.training = True


def parts(requests: Requests, step: int = AT_ONCE) -> Iterator[tuple[Requests, Tensor]]:
    """Blocks of requests and their rows. Requests that ask after every event go whole."""
    every = torch.arange(len(requests))
    if requests.asked is not None or len(requests) <= step:
        yield requests, every
        return
    for rows in torch.split(every, max(1, step)):
        yield requests.select(rows), rows


def in_parts(best: Best, requests: Requests, exclude: Ragged | None) -> tuple[Tensor, Tensor]:
    """`best` of each block, put together again."""
    found = [
        best(part, None if exclude is None else exclude.select(rows))
        for part, rows in parts(requests)
    ]
    ids, scores = zip(*found, strict=True)
    return torch.cat(ids), torch.cat(scores)


def without_history(requests: Requests) -> Tensor:
    """[R], bool: no known item to answer from."""
    return known(requests).lengths == 0
