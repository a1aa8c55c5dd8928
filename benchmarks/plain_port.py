"""ComiRec-DR as it is usually ported to PyTorch: the peer that our training speed is held against.

A dense `nn.Embedding`, `torch.optim.Adam` with its defaults over all parameters, a `Dataset` whose
`__getitem__` builds one example in Python, a `DataLoader` that collates them, and the routing as an
einsum (or as a broadcast product with `--routing broadcast`, as the original has it). Same sizes as
ours: batch 128, history 20, width 64, 4 interests, 1,280 shared log-uniform negatives with their
correction. It reads the same CSV log.

    python benchmarks/plain_port.py --log books.csv --steps 100
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


@dataclass(frozen=True)
class Sizes:
    """What both sides train with."""

    dim: int = 64
    interests: int = 4
    length: int = 20
    batch: int = 128
    negatives: int = 1_280
    lr: float = 0.005


def read_log(path: Path, share: float = 0.8) -> tuple[list[list[int]], int]:
    """Sequences of the first `share` of people, items numbered by frequency from 1; and n."""
    by_user: dict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    with path.open() as file:
        next(file)
        for line in file:
            user, item, _ = line.split(",", 2)  # rows are in order of user and time
            by_user[user].append(item)
            counts[item] += 1
    number = {item: place for place, (item, _) in enumerate(counts.most_common(), start=1)}
    kept = list(by_user)[: int(share * len(by_user))]
    sequences = [[number[item] for item in by_user[user]] for user in kept]
    return [items for items in sequences if len(items) > 4], len(number)


class Cuts(Dataset[tuple[Tensor, Tensor, int]]):
    """One example a person: history padded to the right, mask, target."""

    def __init__(self, sequences: list[list[int]], length: int) -> None:
        self.sequences, self.length = sequences, length

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        items = self.sequences[index]
        cut = random.randint(4, len(items) - 1)
        history = items[max(0, cut - self.length) : cut]
        pad = self.length - len(history)
        mask = [1.0] * len(history) + [0.0] * pad
        return torch.tensor(history + [0] * pad), torch.tensor(mask), items[cut]


class Port(nn.Module):
    """Embedding, capsules by dynamic routing, the interest nearest to the target."""

    def __init__(self, items: int, sizes: Sizes, routing: str) -> None:
        super().__init__()
        self.sizes, self.routing = sizes, routing
        self.embedding = nn.Embedding(items + 1, sizes.dim, padding_idx=0)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        shape = (sizes.length, sizes.interests, sizes.dim, sizes.dim)
        self.maps = nn.Parameter(torch.randn(shape) * 0.05)

    def forward(self, history: Tensor, mask: Tensor) -> Tensor:
        """[B, K, D]."""
        h = self.embedding(history) * mask[..., None]
        if self.routing == "broadcast":
            u = (h[:, :, None, :, None] * self.maps[None]).sum(3)
        else:
            u = torch.einsum("bld,lkde->blke", h, self.maps)
        fixed = u.detach()
        logits = torch.zeros(*u.shape[:3])
        for turn in range(3):
            coupling = torch.softmax(logits, dim=2) * mask[..., None]
            s = torch.einsum("blk,blke->bke", coupling, u if turn == 2 else fixed)
            square = (s * s).sum(-1, keepdim=True)
            v = square / (1 + square) * s / torch.sqrt(square + 1e-9)
            if turn < 2:
                logits = logits + torch.einsum("blke,bke->blk", fixed, v)
        return v


def loss_of(model: Port, batch: tuple[Tensor, Tensor, Tensor], items: int) -> Tensor:
    """Sampled softmax against shared log-uniform negatives, corrected for their frequency."""
    history, mask, target = batch
    interests = model(history, mask)
    wanted = model.embedding(target)
    nearest = torch.einsum("bkd,bd->bk", interests, wanted).argmax(1)
    query = interests[torch.arange(len(target)), nearest]
    draw = torch.rand(model.sizes.negatives) * math.log(items + 1)
    negatives = (draw.exp().long()).clamp(1, items)
    scores = query @ model.embedding(negatives).T - log_q(negatives, items)
    scores = scores.masked_fill(negatives[None] == target[:, None], -1e9)
    own = (query * wanted).sum(1, keepdim=True) - log_q(target, items)[:, None]
    return F.cross_entropy(torch.cat([own, scores], 1), torch.zeros(len(target)).long())


def log_q(ids: Tensor, items: int) -> Tensor:
    """ln of the chance of a draw, up to a constant."""
    rank = ids.double()
    return torch.log(torch.log1p(1 / rank) / math.log(items + 1)).float()


def train(sequences: list[list[int]], items: int, sizes: Sizes, routing: str) -> Iterator[float]:
    """Yields the loss of each step."""
    model = Port(items, sizes, routing)
    optimizer = torch.optim.Adam(model.parameters(), lr=sizes.lr)
    cuts = Cuts(sequences, sizes.length)
    while True:
        for batch in DataLoader(cuts, batch_size=sizes.batch, shuffle=True):
            optimizer.zero_grad()
            loss = loss_of(model, batch, items)
            loss.backward()
            optimizer.step()
            yield loss.item()


def main() -> None:
    """Reads the log, warms up, times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--log", type=Path, required=True, help="CSV: user,item,time")
    parser.add_argument("--steps", type=int, default=100, help="timed steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--routing", choices=("einsum", "broadcast"), default="einsum")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    random.seed(0)
    began = time.perf_counter()
    sequences, items = read_log(given.log)
    print(f"read {len(sequences):,} people, {items:,} items in {time.perf_counter() - began:.1f} s")
    losses = train(sequences, items, Sizes(), given.routing)
    for _ in range(3):
        next(losses)
    began = time.perf_counter()
    last = [next(losses) for _ in range(given.steps)]
    seconds = time.perf_counter() - began
    print(f"{given.steps / seconds:.2f} steps/s ({given.threads} threads), loss {last[-1]:.3f}")


if __name__ == "__main__":
    main()
