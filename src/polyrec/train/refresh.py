"""Hooks that renew what samplers remember of the model."""

from __future__ import annotations

from collections.abc import Callable

from polyrec.negatives.cache import Blocks, HardCache
from polyrec.train.schedule import Span
from polyrec.train.stage import Hook
from polyrec.types import Retriever


def hard_hook(cache: HardCache, model: Retriever, blocks: Callable[[], Blocks], span: Span) -> Hook:
    """Searches the hard windows of all actors with the current model, every `span`.

    The cache itself belongs into the stage's `keeps`: between refreshes its windows are state.

    Args:
        blocks: yields actors [R] and a request of each, asked after its last training event; a
            thousand at a time is a good block.
    """
    return Hook(span, lambda progress: cache.refresh(model, blocks(), progress), "hard")
