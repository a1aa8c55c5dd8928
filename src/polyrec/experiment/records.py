"""What every run writes down about itself, so that it can be doubted later."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

import polyrec
from polyrec.data import Split
from polyrec.recipes import Sourced, reasons

PACKAGES = ("torch", "numpy", "scipy", "polars", "pyarrow", "numba", "faiss-cpu", "safetensors")


def settings(sourced: Sourced[Any], variant: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """config.json: each key with its value, who set it, and what the recipe says."""
    make = type(sourced.config)
    plain = make()
    return {
        key: {
            "value": getattr(sourced.config, key),
            "origin": sourced.origin[key],
            "recipe": variant.get(key, getattr(plain, key)),
            "why": why,
        }
        for key, why in reasons(make).items()
    }


def environment() -> dict[str, Any]:
    """Code, packages and machine."""
    return {
        "polyrec": polyrec.__version__,
        "commit": commit(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def commit() -> str:
    """The commit of the code, with + where files differ from it; empty outside a checkout."""
    folder = Path(__file__).parent
    where = ["git", "-C", str(folder)]
    head = _output([*where, "rev-parse", "--short=12", "HEAD"])
    if not head or not _output([*where, "ls-files", "records.py"]):
        return ""
    return head + (
        "+" if _output([*where, "status", "--porcelain", "--", str(folder.parent)]) else ""
    )


def parameters(model: nn.Module) -> dict[str, dict[str, Any]]:
    """Parameter groups: shape and whether gradients reach them."""
    return {
        name: {"shape": list(value.shape), "trains": value.requires_grad}
        for name, value in model.named_parameters()
    }


def scope(split: Split) -> dict[str, Any]:
    """Which parts each fitted thing has seen."""
    return {
        "vocabulary": ["train", "valid", "test"],
        "popularity": ["train"],
        "sampler pool": ["train"],
        "features": [],
        "scaler": [],
        "graph": [],
        "threshold": [],
        "until": split.facts.until,
    }


def source(split: Split) -> dict[str, Any]:
    """Where the log comes from, and what each filter left of it."""
    told = split.source
    return {
        "name": told.name,
        "address": told.address,
        "licence": told.licence,
        "sha256": dict(told.sha256),
        "reader": told.reader,
        "options": dict(told.options),
        "counts": [[count.filter, list(count.before), list(count.after)] for count in told.counts],
        "notes": list(told.notes),
    }


def sizes(split: Split) -> dict[str, Any]:
    """Counts per part, per filter, and hashes."""
    return {
        "items": split.facts.items,
        "actors": split.facts.actors,
        "train_events": len(split.train),
        "valid_requests": len(split.valid),
        "test_requests": len(split.test),
        "valid_hash": split.valid.hash,
        "test_hash": split.test.hash,
        "dropped": {"valid": dict(split.valid.dropped), "test": dict(split.test.dropped)},
        "how": dict(split.how),
    }


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
