"""Small logs that every test of the room may ask for."""

from collections.abc import Callable

import numpy as np
import pytest

from polyrec.data import Dataset, Log, Source, build

Make = Callable[..., Dataset]


@pytest.fixture(scope="session")
def make() -> Make:
    """A random log: users "u0".., items "i0".., a few kinds, times with ties."""

    def log(
        seed: int = 0, users: int = 30, items: int = 12, events: int = 300, clock: bool = True
    ) -> Dataset:
        rng = np.random.default_rng(seed)
        actor = np.array([f"u{i}" for i in rng.integers(0, users, events)])
        target = np.array([f"i{i}" for i in rng.zipf(1.5, events) % items])
        time = rng.integers(1_000, 1_000 + 3 * events, events) if clock else None
        kind = rng.integers(0, 2, events)
        extra = {"rating": rng.integers(1, 6, events).astype(np.float32)}
        return build(Log(actor, target, time, kind, ("view", "buy"), extra), Source("toy"))

    return log
