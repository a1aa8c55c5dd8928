"""What is said of embeddings, walks and cold start, tested: `benchmarks/claims.py [NAME ...]`.

Each claim is a statement that can fail: one or several differences with the sign that it asserts.
Logs: ml-100k and two simulated shops, three model seeds, requests paired (`trust.compare`). Graphs:
Wiki, Cora and planted ones, five seeds of walks (and of planted graphs), differences paired by seed
and by the nodes that a classifier learns from. Cold start: five draws of the hidden items, paired
by draw. A claim *holds* where every interval (95%) lies on its side of zero, *does not* where one
lies on the other side, and is *undecided* else; "sometimes" holds with one. The intervals of a
claim are not adjusted for their number: read each as one look. Writes results/claims.json, a claim
under its name, so that single ones can be measured again; reads POLYREC_DATA. On one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numba
import torch

from polyrec.evaluate.nodes import spread
from polyrec.trust import Comparison
from scale import machine

OUT = Path(__file__).resolve().parent / "results" / "claims.json"
Verdict = Literal["holds", "does not", "undecided"]


@dataclass(frozen=True)
class Figure:
    """One difference, and which side of zero the claim puts it on (0: it only stands beside)."""

    what: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    units: str
    side: int = 1

    @property
    def verdict(self) -> Verdict:
        if self.units == "exact" and not self.difference:
            return "does not"
        if self.low > 0 or self.high < 0:
            return "holds" if (self.low > 0) == (self.side > 0) else "does not"
        return "undecided"


@dataclass(frozen=True)
class Claim:
    """A statement and what was measured of it."""

    said: str
    figures: tuple[Figure, ...]
    sometimes: bool = False  # whether one figure on its side is enough

    @property
    def verdict(self) -> Verdict:
        each = [figure.verdict for figure in self.figures if figure.side]
        if self.sometimes and "holds" in each:
            return "holds"
        if "does not" in each and (not self.sometimes or set(each) == {"does not"}):
            return "does not"
        return "holds" if set(each) == {"holds"} else "undecided"


def from_reports(what: str, found: Comparison, side: int = 1) -> Figure:
    """Of two recipes on the same requests."""
    units = f"{found.units:,} people, {found.seeds[0]} and {found.seeds[1]} seeds"
    return Figure(what, found.a, found.b, found.difference, found.low, found.high, units, side)


def from_seeds(what: str, a: Sequence[float], b: Sequence[float], side: int = 1) -> Figure:
    """Of values that belong together seed by seed."""
    each = [one - other for one, other in zip(a, b, strict=True)]
    low, high = spread(each)
    mean = [sum(values) / len(values) for values in (a, b, each)]
    return Figure(what, *mean, low, high, f"{len(each)} seeds", side)


def exactly(what: str, a: float, b: float, side: int = 1) -> Figure:
    """What is counted, not sampled: a difference without an interval; none at all does not hold."""
    return Figure(what, a, b, a - b, a - b, a - b, "exact", side)


def claims() -> dict[str, Callable[[], Claim]]:
    """Every claim by name."""
    import claims_graphs
    import claims_logs

    return {**claims_logs.CLAIMS, **claims_graphs.CLAIMS}


def kept(name: str, claim: Claim, took: float) -> None:
    """Writes the claim under its name, beside and renamed."""
    held = json.loads(OUT.read_text()) if OUT.exists() else {}
    rows = [
        {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}
        | {"verdict": figure.verdict if figure.side else "beside"}
        for figure in claim.figures
        for row in (asdict(figure),)
    ]
    held[name] = {
        "said": claim.said,
        "verdict": claim.verdict,
        "figures": rows,
        "cpu_seconds": round(took, 1),
        "machine": machine(),
    }
    beside = OUT.with_suffix(".part")
    beside.write_text(json.dumps(held, indent=1, allow_nan=False) + "\n")
    beside.replace(OUT)


def shown(name: str, claim: Claim) -> None:
    """The claim as lines."""
    print(f"{name}: {claim.said}\n  -> {claim.verdict}", flush=True)
    for figure in claim.figures:
        span = "" if figure.units == "exact" else f" [{figure.low:+.4f}, {figure.high:+.4f}]"
        mark = figure.verdict if figure.side else "beside"
        print(
            f"    {figure.what}: {figure.a:.4f} - {figure.b:.4f} = {figure.difference:+.4f}{span}"
            f" ({figure.units}) {mark}",
            flush=True,
        )


def main() -> None:
    """Measures the claims named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="claims; none: all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    every = claims()
    unknown = sorted(set(given.names) - set(every))
    if unknown:
        raise SystemExit(f"no claim {unknown[0]!r}; there are: {', '.join(every)}")
    for name in given.names or every:
        began = time.process_time()
        claim = every[name]()
        assert all(math.isfinite(figure.low) for figure in claim.figures)
        kept(name, claim, time.process_time() - began)
        shown(name, claim)


if __name__ == "__main__":
    main()
