"""A run folder as a finished run leaves it, made of plain files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any


def value(mean: float, half: float, n: int = 500, short: str = "") -> dict[str, Any]:
    passport = {"metric": "recall", "k": 50, "formula": "recall v1", "dialect": "polyrec"}
    told = short or f"full ranking, seen items kept, {n:,} people, dialect polyrec"
    return {
        "value": mean,
        "low": mean - half,
        "high": mean + half,
        "n": n,
        "passport": passport,
        "short": told,
    }


def documents() -> dict[str, Any]:
    """Every JSON document of a run."""
    sizes = [[5000, 2400, 131000], [5000, 2390, 130200], [4990, 2390, 130100]]
    return {
        "config.json": {
            "lr": {
                "value": 0.002,
                "origin": "flag",
                "recipe": 0.005,
                "why": "the README says .005",
            },
            "model": {"value": "dr", "origin": "variant", "recipe": "dr", "why": "which interests"},
            "select_by": {"value": "recall@50", "origin": "default", "recipe": "recall@50"},
            "dim": {"value": 64, "origin": "default", "recipe": 64, "why": "paper"},
        },
        "run.json": {
            "recipe": "comirec",
            "variant": "dr",
            "seed": 1,
            "data": {
                "name": "retail",
                "hash": "6f" * 32,
                "licence": "simulated",
                "counts": [
                    {"filter": "min_count items=5", "before": sizes[0], "after": sizes[1]},
                    {"filter": "min_count users=5", "before": sizes[1], "after": sizes[2]},
                ],
                "notes": ["a simulated shop whose truth is known"],
            },
            "split": {"how": {"how": "by-user"}, "dropped": {"test": {"no truth": 3}}},
            "scope": {"popularity": ["train"]},
            "losses": [
                {
                    "task": "rank",
                    "loss": "sampled_softmax",
                    "sampler": "LogUniform",
                    "count": 1280,
                    "share": "batch",
                    "log_q": True,
                }
            ],
            "environment": {"polyrec": "0.1.0", "commit": "abc", "packages": {"torch": "2.13.0"}},
            "seconds": 41.2,
            "peak_memory_mb": 512.0,
            "reference": {
                "points": [[500, 6.4, 0.12], [1500, 4.9, 0.31], [3000, 4.2, 0.42]],
                "band": 0.1,
                "source": "an earlier run on this world",
            },
        },
        "report.json": {
            "values": {
                "recall@50": value(0.412, 0.014),
                "ndcg@50": value(0.291, 0.011),
                "hit_rate@50": value(0.93, 0.02),
                "coverage@50": value(0.71, 0.01),
            },
            "slices": [
                {"by": by, "name": name, "metric": "recall@50", **value(mean, half, n)}
                for by, name, mean, half, n in (
                    ("user activity", "8-15 events", 0.38, 0.02, 210),
                    ("user activity", "16-31 events", 0.43, 0.02, 230),
                    ("user activity", "32 and more", 0.47, 0.09, 60),
                    ("item popularity", "head", 0.61, 0.02, 480),
                    ("item popularity", "tail", 0.22, 0.03, 300),
                )
            ],
            "baselines": {
                "popularity": {"recall@50": value(0.131, 0.008), "ndcg@50": value(0.09, 0.006)},
                "item_knn": {"recall@50": value(0.405, 0.014)},
                "ease": {"recall@50": value(0.388, 0.013)},
            },
            "ceiling": {"recall@50": value(0.534, 0.015), "ndcg@50": value(0.4, 0.012)},
        },
        "probe.json": {
            "requests": 256,
            "interests": 4,
            "cosine": [
                [1.0, 0.31, 0.28, 0.4],
                [0.31, 1.0, 0.22, 0.37],
                [0.28, 0.22, 1.0, -0.12],
                [0.4, 0.37, -0.12, 1.0],
            ],
            "answer_shares": [0.31, 0.27, 0.25, 0.17],
            "recall_all": 0.41,
            "recall_best_single": 0.22,
        },
    }


def log() -> list[dict[str, Any]]:
    """metrics.jsonl of a run."""
    lines: list[dict[str, Any]] = [
        {
            "kind": "train",
            "stage": "train",
            "step": step,
            "losses": {"rank": 4.0 + 3.2 * math.exp(-step / 700) + 0.06 * math.sin(step)},
            "chance": {"rank": 7.15},
            "lr": 0.002,
        }
        for step in range(50, 3001, 50)
    ]
    lines += [
        {
            "kind": "eval",
            "stage": "train",
            "step": step,
            "part": "valid",
            "metrics": {"recall@50": 0.42 * (1 - math.exp(-step / 800))},
        }
        for step in range(250, 3001, 250)
    ]
    lines += [
        {"kind": "read", "part": "test", "purpose": "report"},
        {"kind": "stop", "stage": "train", "reason": "stopped at 3,000; last improvement 2,750"},
    ]
    return lines


def made(path: Path) -> Path:
    """The whole folder."""
    path.mkdir(parents=True, exist_ok=True)
    for name, held in documents().items():
        (path / name).write_text(json.dumps(held))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log()))
    return path
