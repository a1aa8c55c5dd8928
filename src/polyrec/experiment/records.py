"""What every run writes down about itself, so that it can be doubted later."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import resource
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

import polyrec
from polyrec.data import Split
from polyrec.losses import CORRECTED
from polyrec.recipes import Plan, Sourced, reasons
from polyrec.run import Run
from polyrec.train import Solve, Stage, describe

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


def of_run(split: Split, model: nn.Module, plan: Plan) -> dict[str, Any]:
    """run.json, but for what the order itself says."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": sizes(split) | source(split),
        "scope": scope(split),
        "losses": objectives(model, plan.stages),
        "parameters": parameters(model, plan.stages),
        "environment": environment() | {"device": device(model)},
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


def device(model: nn.Module) -> str:
    """What computes the model: its kind, and an accelerator's name."""
    found = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    named = getattr(torch.get_device_module(found), "get_device_name", None)
    return found.type if named is None else f"{found.type} ({named(found)})"


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


def parameters(model: nn.Module, stages: Sequence[Stage | Solve]) -> dict[str, dict[str, Any]]:
    """Every parameter and buffer: its shape, and the stages that change it."""
    solved = [stage.name for stage in stages if isinstance(stage, Solve)]
    found: dict[str, dict[str, Any]] = {
        name: {
            "shape": list(value.shape),
            "trains": value.requires_grad,
            "stages": [stage.name for stage in stages if _trains(stage, name, value)],
        }
        for name, value in model.named_parameters()
    }
    buffers = {
        name: {"shape": list(value.shape), "trains": False, "stages": solved}
        for name, value in model.named_buffers()
    }
    return found | buffers


def objectives(model: nn.Module, stages: Sequence[Stage | Solve]) -> list[dict[str, Any]]:
    """Loss of each task: its sampler, whether ln q is subtracted, temperature and margin."""
    trained = [stage for stage in stages if isinstance(stage, Stage)]
    return [
        {"stage": stage.name, **_objective(model, describe(task.objective))}
        for stage in trained
        for task in stage.tasks
    ]


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
        "until": split.facts.until,  # milliseconds: the last train event
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
        "vocabulary": {name: vocab.hash for name, vocab in split.facts.vocabs.items()},
        "valid_hash": split.valid.hash,
        "test_hash": split.test.hash,
        "dropped": {"valid": dict(split.valid.dropped), "test": dict(split.test.dropped)},
        "how": dict(split.how),
    }


def same_data(told: Mapping[str, Any], split: Split, path: Path) -> None:
    """The split is the one that the run was trained on.

    Raises:
        ValueError: it is not; names what differs.
    """
    now = sizes(split)
    keys = ("items", "train_events", "valid_hash", "test_hash", "vocabulary")
    other = [key for key in keys if told["data"].get(key) != now[key]]
    if other:
        raise ValueError(
            f"{path}: the data are not those of the run ({', '.join(other)} differ: "
            f"{told['data'][other[0]]} then, {now[other[0]]} now); restore the file, or run anew"
        )


def record_change(run: Run, config: Any, differing: Mapping[str, Any]) -> None:
    """config.json says which settings a resume changed."""
    settings = run.read_json("config.json")
    for key, value in differing.items():
        settings[key] |= {"value": value, "origin": "resume"}
    run.write_json("config.json", settings)


def hashes(folder: Path) -> dict[str, str]:
    """file name -> sha256 of every file of a folder."""
    found = {}
    for file in sorted(folder.iterdir()):
        with file.open("rb") as stream:
            found[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _trains(stage: Stage | Solve, name: str, value: nn.Parameter) -> bool:
    if isinstance(stage, Solve) or not value.requires_grad:
        return False
    prefixes = stage.trains
    return prefixes is None or any(
        name == prefix or name.startswith(prefix.rstrip(".") + ".") for prefix in prefixes
    )


def _objective(model: nn.Module, told: Mapping[str, Any]) -> dict[str, Any]:
    loss = told.get("loss")
    settings = loss if isinstance(loss, Mapping) else {"is": loss}
    sampler = told.get("negatives") or {}
    similarity = describe(getattr(model, "similarity", None)) or {}
    return {
        "task": told.get("name", ""),
        "objective": told.get("is", ""),
        "loss": settings["is"],
        "settings": {key: value for key, value in settings.items() if key not in ("is", "args")},
        "margin": settings.get("width"),
        "sampler": sampler.get("is"),
        "count": sampler.get("count"),
        "share": sampler.get("share"),
        "draws": sampler.get("draws"),
        "log_q": _corrects(settings),
        "similarity": similarity.get("is"),
        "temperature": getattr(getattr(model, "similarity", None), "tau", None),
        "pick": told.get("pick"),
    }


def _corrects(loss: Mapping[str, Any]) -> bool:
    """Whether the loss subtracts log q: by itself, or as the one that it wraps."""
    wrapped = loss.get("loss") if loss["is"] == "PositiveAware" else loss["is"]
    return (wrapped["is"] if isinstance(wrapped, Mapping) else wrapped) in CORRECTED


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
