"""How long residual k-means takes on vectors of a catalogue, and how well the codes are used.

    python benchmarks/codes.py --out benchmarks/results/codes.json

12,101 vectors of width 768 around 400 planted centres of uneven size, whose variance falls with the
direction as that of text vectors does (direction i has deviation i^-1/2); three levels of 256
codes, free and balanced assignment. Seconds are wall and CPU; nothing is asserted. With `--out`
the figures go to a JSON file with commit and machine.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polyrec.nn.quantize import residual_kmeans, utilisation
from scale import machine

ITEMS, WIDTH, PLANTED, NOISE = 12_101, 768, 400, 0.5


def vectors(seed: int) -> Tensor:
    """[n + 1, d]: centres drawn from a normal, sizes from a power law, noise half as wide."""
    scale = torch.arange(1.0, WIDTH + 1) ** -0.5
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(PLANTED, WIDTH, generator=generator)
    share = 1.0 / torch.arange(1.0, PLANTED + 1)
    of = torch.multinomial(share, ITEMS, replacement=True, generator=generator)
    x = torch.zeros(ITEMS + 1, WIDTH)
    x[1:] = scale * (centres[of] + NOISE * torch.randn(ITEMS, WIDTH, generator=generator))
    return x


def measured(x: Tensor, balance: str, rounds: int) -> dict[str, Any]:
    """The fastest of some rounds, and what the codes are worth."""
    wall, cpu = [], []
    for _ in range(rounds):
        began, worked = time.perf_counter(), time.process_time()
        codes = residual_kmeans(x, torch.Generator().manual_seed(1), balance=balance)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    told = utilisation(codes, x)
    print(f"{balance:<9} {min(wall):6.1f} s, {min(cpu):6.1f} s of CPU; {told}")
    return {"seconds": min(wall), "cpu_seconds": min(cpu), **told.as_json()}


def main() -> None:
    """Measures both assignments and prints their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    x = vectors(seed=0)
    found: dict[str, Any] = {"machine": machine(), "threads": given.threads}
    found |= {"items": ITEMS, "width": WIDTH, "levels": 3, "size": 256}
    found |= {way: measured(x, way, given.rounds) for way in ("none", "capacity")}
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
