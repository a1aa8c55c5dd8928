"""What batched features and the cache are worth: against item by item, on TencentGR-like records.

The reference is the usual competition code: a dictionary of features an item, looked up for every
place of every sequence, holes filled, then an array a feature filled in Python loops and looked up
in a table of its own. Both sides have the same weights, and their vectors are held equal first.

The cache it comes with is called least recently used, but evicts the entry with the fewest
accesses, by a minimum over all: so a new entry goes first, and what was popular once stays. Hit
rates are compared at the same number of entries, on a Zipf stream and on one whose popular items
change.

    python benchmarks/features.py --out benchmarks/results/features.json
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polyrec.data import Dense, Sparse, Table, Vocab
from polyrec.data.cache import RowCache
from polyrec.nn import ItemTable
from polyrec.nn.features import Form, Tower

HERE = Path(__file__).resolve().parent
ITEMS, DIM, CONTENT = 58_734, 32, 32  # items of the published sample; its smallest vectors
ROWS, LENGTH = 128, 50  # sequences in a batch, places in each
SPARSE = ("100", "101", "102", "111", "112", *(str(id) for id in range(114, 123)))
ENTRIES = 10_000  # the reference cache's own size
Features = dict[str, Any]
I64 = NDArray[np.int64]


def records(rng: np.random.Generator) -> list[Features]:
    """[n + 1] features of each item as the files give them: some missing, ids from 1."""
    columns = {id: rng.integers(1, 40 + 60 * at, ITEMS + 1) for at, id in enumerate(SPARSE)}
    here = {id: rng.random(ITEMS + 1) < 0.9 for id in SPARSE}
    content = rng.normal(size=(ITEMS + 1, CONTENT)).astype(np.float32)
    return [
        {id: int(columns[id][i]) for id in SPARSE if here[id][i]} | {"81": content[i]}
        for i in range(ITEMS + 1)
    ]


def table(source: list[Features]) -> Table:
    """The same as columns; category v of a feature has id v."""
    columns: dict[str, Any] = {}
    for id in SPARSE:
        values = np.array([features.get(id, 0) for features in source], np.int32)
        values[0] = 0
        columns[id] = Sparse(values, Vocab.of([str(v) for v in range(1, values.max() + 1)]))
    content = np.stack([features["81"] for features in source])
    content[0] = 0
    columns["81"] = Dense(content)
    return Table(columns, Vocab.of([f"i{i}" for i in range(1, ITEMS + 1)]))


class ByRow(nn.Module):
    """Item by item: dictionaries, loops, a table a feature. Weights are the tower's."""

    def __init__(self, tower: Tower, source: list[Features], table: Table) -> None:
        super().__init__()
        self.source = source
        self.ids = nn.Embedding.from_pretrained(tower.ids.weight.detach(), padding_idx=0)
        whole, first = tower.parts[0].table.weight.detach(), 0
        self.tables = nn.ModuleDict()
        for id in SPARSE:
            size = table.columns[id].vocab.size
            rows = torch.cat([whole[:1], whole[first + 1 : first + 1 + size]])
            self.tables[id] = nn.Embedding.from_pretrained(rows, padding_idx=0)
            first += size
        content = tower.parts[1]
        self.content, self.length = content.project, content.length
        self.dnn = tower.dnn
        self.cache: RowCache[int, Features] | Lfu | None = None

    def filled(self, item: int) -> Features:
        """An item's features with holes at 0."""
        features = self.source[item]
        out = {id: features.get(id, 0) for id in SPARSE}
        out["81"] = features["81"] if item else np.zeros(CONTENT, np.float32)
        return out

    def looked_up(self, item: int) -> Features:
        """Through the cache, where there is one."""
        return self.filled(item) if self.cache is None else self.cache.get(item, self.filled)

    def assembled(self, ids: Tensor) -> dict[str, Tensor]:
        """Arrays of the batch, a feature at a time."""
        rows = [[self.looked_up(item) for item in row] for row in ids.tolist()]
        out: dict[str, Tensor] = {}
        for id in SPARSE:
            array = np.zeros(tuple(ids.shape), np.int64)
            for r, row in enumerate(rows):
                array[r, : len(row)] = [features[id] for features in row]
            out[id] = torch.from_numpy(array)
        vectors = np.zeros((*ids.shape, CONTENT), np.float32)
        for r, row in enumerate(rows):
            for place, features in enumerate(row):
                vectors[r, place] = features["81"]
        out["81"] = torch.from_numpy(vectors)
        return out

    def forward(self, ids: Tensor) -> Tensor:
        """[R, L] -> [R, L, D]."""
        held = self.assembled(ids)
        parts = [self.ids(ids), *(self.tables[id](held[id]) for id in SPARSE)]
        parts.append(self.content(held["81"] / self.length))
        return self.dnn(torch.cat(parts, dim=-1)).relu() * (ids != 0)[..., None]


class Lfu:
    """The reference cache as it is: the fewest accesses go, by a minimum over all entries."""

    def __init__(self, entries: int) -> None:
        self.entries, self.hits, self.misses = entries, 0, 0
        self.held: dict[int, Any] = {}
        self.count: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.held)

    def get(self, key: int, make: Callable[[int], Any]) -> Any:
        """The value of a key."""
        if key in self.held:
            self.hits += 1
            self.count[key] += 1
            return self.held[key]
        self.misses += 1
        if len(self.held) >= self.entries:
            gone = min(self.count, key=self.count.__getitem__)
            del self.held[gone], self.count[gone]
        self.held[key], self.count[key] = make(key), 1
        return self.held[key]


def lfu_hits(keys: list[int], entries: int) -> int:
    """Hits of `Lfu`, with a heap in place of its minimum."""
    count: dict[int, int] = {}
    born: dict[int, int] = {}
    heap: list[tuple[int, int, int]] = []
    hits = 0
    for now, key in enumerate(keys):
        if key in count:
            hits += 1
            count[key] += 1
        else:
            while len(count) >= entries:
                seen, age, gone = heapq.heappop(heap)
                if born.get(gone) != age:
                    continue
                if count[gone] == seen:
                    del count[gone], born[gone]
                else:
                    heapq.heappush(heap, (count[gone], age, gone))
            count[key], born[key] = 1, now
            heapq.heappush(heap, (1, now, key))
    return hits


def lru_hits(keys: list[int], entries: int) -> int:
    """Hits of `RowCache` of as many entries."""
    cache = RowCache[int, int](entries, lambda value: 1)
    for key in keys:
        cache.get(key, lambda key: key)
    return cache.counters.hits


def zipf(rng: np.random.Generator, size: int, exponent: float = 1.0) -> I64:
    """[size] items, 1..n, the r-th most popular in proportion to r^-exponent."""
    weight = (np.arange(ITEMS) + 1.0) ** -exponent
    return rng.choice(ITEMS, size, p=weight / weight.sum()).astype(np.int64) + 1


def hit_rates(rng: np.random.Generator, accesses: int) -> dict[str, dict[str, float]]:
    """Both caches on both streams."""
    still = zipf(rng, accesses)
    era = np.arange(accesses) * 10 // accesses
    moving = (still + era * (ITEMS // 10)) % ITEMS + 1
    out = {}
    for name, stream in (("zipf", still), ("zipf, popular items change ten times", moving)):
        keys = stream.tolist()
        out[name] = {
            "lru (RowCache)": lru_hits(keys, ENTRIES) / accesses,
            "lfu (reference)": lfu_hits(keys, ENTRIES) / accesses,
        }
    few = zipf(rng, 3_000).tolist()
    slow = Lfu(500)
    for key in few:
        slow.get(key, lambda key: key)
    assert slow.hits == lfu_hits(few, 500), "the quick count is the reference's own"
    return out


def seconds(act: Callable[[], object], rounds: int) -> float:
    """The fastest of some rounds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


def batch_of(rng: np.random.Generator) -> Tensor:
    """[R, L] ids of a Zipf stream."""
    return torch.from_numpy(zipf(rng, ROWS * LENGTH).reshape(ROWS, LENGTH))


@torch.no_grad()
def measured(rng: np.random.Generator, rounds: int) -> dict[str, float]:
    """Milliseconds a batch of ids -> vectors, each way; caches are full when they are timed."""
    source = records(rng)
    columns = table(source)
    ids = ItemTable(ITEMS, DIM)
    form = Form(DIM, combine="concat", activation="relu")
    tower = Tower(ids, columns, [*SPARSE, "81"], torch.arange(ITEMS + 1) > 0, form)
    by_row = ByRow(tower, source, columns)
    batch = batch_of(rng)
    assert torch.allclose(by_row(batch), tower(batch), atol=1e-5), "both ways are one function"
    out = {"batched tower": seconds(lambda: tower(batch), 5 * rounds)}
    out["by row"] = seconds(lambda: by_row(batch), rounds)
    out["by row, arrays only"] = seconds(lambda: by_row.assembled(batch), rounds)
    new = [batch_of(rng) for _ in range(rounds)]
    for name, cache in (
        ("by row, RowCache", RowCache[int, Features](ENTRIES, lambda value: 1)),
        ("by row, reference cache", Lfu(ENTRIES)),
    ):
        by_row.cache = cache
        while len(cache) < ENTRIES:
            by_row.assembled(batch_of(rng))
        fresh = iter(new)  # a full cache meets batches that it has not seen, as in training
        out[name] = seconds(lambda fresh=fresh: by_row(next(fresh)), rounds)
    return {name: 1000 * value for name, value in out.items()}


def setting() -> dict[str, object]:
    """Where and with what the figures came about."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, check=True, capture_output=True, text=True
    )
    return {
        "commit": commit.stdout.strip(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", "benchmarks/features.py", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "items": ITEMS,
        "batch": [ROWS, LENGTH],
        "features": len(SPARSE) + 1,
    }


def main() -> None:
    """The command line."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ask.add_argument("--rounds", type=int, default=4)
    ask.add_argument("--accesses", type=int, default=500_000)
    ask.add_argument("--threads", type=int, default=1)
    ask.add_argument("--out", type=Path)
    given = ask.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    times = measured(rng, given.rounds)
    base = times["batched tower"]
    report = setting() | {
        "ms a batch": times,
        "batched tower: times as fast as": {n: t / base for n, t in times.items() if t != base},
        "hit rate": hit_rates(rng, given.accesses),
        "entries": ENTRIES,
    }
    print(json.dumps(report, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
