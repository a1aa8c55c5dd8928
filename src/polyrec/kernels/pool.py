"""How many threads compiled loops share their work among. No result depends on it."""

from __future__ import annotations

import numba


def use_threads(count: int) -> int:
    """Loops started by this thread take at most `count` threads; tells how many they take.

    Never more than numba's pool has (NUMBA_NUM_THREADS, else the cores): the pool is sized once,
    when numba is loaded. A thread that waits on a busy core costs many times what it gives.

    Raises:
        ValueError: count < 1.
    """
    if count < 1:
        raise ValueError(f"threads={count}: at least 1")
    pool: int = vars(numba.config)["NUMBA_NUM_THREADS"]  # made by numba at import
    taken = min(count, pool)
    numba.set_num_threads(taken)
    return taken
