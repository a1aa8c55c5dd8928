"""What there is, in words: recipes, variants, settings and parts, each with its line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyrec import metrics
from polyrec.balance import BALANCES
from polyrec.data import SPLITS, STREAMS
from polyrec.data.readers import READERS
from polyrec.experiment.stored import stored
from polyrec.experiment.watching import Watch
from polyrec.losses import LABEL_LOSSES, LOSSES
from polyrec.metrics import DIALECTS, RANKING, SYSTEM
from polyrec.models import MODELS
from polyrec.negatives import SAMPLERS
from polyrec.nn.quantize import QUANTIZERS
from polyrec.nn.similarity import SIMILARITIES
from polyrec.recipes import RECIPES, chosen, reasons, recipe
from polyrec.recommend import RECOMMENDERS
from polyrec.train import OPTIMS, PICKS, SCHEDULES, TensorBoard
from polyrec.trust.finding import Finding
from polyrec.worlds import NETWORKS, WORLDS, Papers


def shelves() -> dict[str, dict[str, str]]:
    """kind of part -> name -> its line."""
    kinds: dict[str, Mapping[str, Any]] = {
        "models": MODELS,
        "losses": LOSSES,
        "label losses": LABEL_LOSSES,
        "samplers": SAMPLERS,
        "similarities": SIMILARITIES,
        "quantizers": QUANTIZERS,
        "balances": BALANCES,
        "optimisers": OPTIMS,
        "schedules": SCHEDULES,
        "read-outs": PICKS,
        "recommenders": RECOMMENDERS,
        "streams": STREAMS,
        "splits": SPLITS,
        "readers": READERS,
    }
    found = {"recipes": dict(RECIPES), "variants": _variants()}
    found |= {kind: {n: _line(part) for n, part in parts.items()} for kind, parts in kinds.items()}
    found["metrics"] = {name: _line(part) for name, part in {**RANKING, **SYSTEM}.items()}
    found["dialects"] = {name: part.doc for name, part in DIALECTS.items()}
    found["worlds"] = {name: _world(part) for name, part in WORLDS.items()}
    found["worlds"] |= {name: _papers(part) for name, part in NETWORKS.items()}
    return found


def show_recipe(name: str, variant: str | None, watch: Watch) -> dict[str, Any]:
    """A recipe's settings with their reasons, under a variant."""
    of = recipe(name)
    chosen_name = variant or of.DEFAULT
    values = chosen(of.VARIANTS, chosen_name, "variant")
    config = of.Config(**values)
    watch.line(f"{name}, variant {chosen_name}: {RECIPES[name]}")
    told = {key: f"{key} = {getattr(config, key)!r}" for key in reasons(of.Config)}
    width = max(map(len, told.values()))
    for key, why in reasons(of.Config).items():
        mark = "*" if key in values else " "
        watch.line(f" {mark} {told[key]:<{width}}  {why}")
    watch.line(f"variants: {', '.join(of.VARIANTS)}  (* set by the variant)")
    settings = {key: getattr(config, key) for key in reasons(of.Config)}
    return {"recipe": name, "variant": chosen_name, "settings": settings}


def show_expected(name: str, watch: Watch) -> dict[str, Any]:
    """What sources say a recipe should reach, with formula and table."""
    of = recipe(name)
    rows = [entry for entry in of.EXPECTED if entry.checked]
    width = max((len(row.variant) for row in rows), default=0)
    wide = max((len(row.data) for row in rows), default=0)
    for row in rows:
        watch.line(
            f"{row.variant:<{width}} {row.data:<{wide}} {row.metric:<12} {row.value:.4f} "
            f"± {row.tolerance:.4f}  {row.dialect}, {row.kind}: {row.source}"
        )
    kept = len(of.EXPECTED) - len(rows)
    if kept:
        watch.line(f"{kept} more are kept back: nobody has read them in their source yet")
    elif not rows:
        watch.line(f"{name}: no source is known that says what it should reach")
    return {"recipe": name, "expected": [vars(row) for row in rows]}


def show_run(path: Path, origin: bool, watch: Watch) -> dict[str, Any]:
    """What a run is, who set its settings, and what it found."""
    told = stored(path)
    about = told.run.read_json("run.json")
    settings = told.run.read_json("config.json")
    watch.line(f"{path}: {about['recipe']} {about['variant']}, seed {about['seed']}")
    if "parent" in about:
        watch.line(f"  from the end of stage {about['parent_stage']} of {about['parent']}")
    for key, entry in settings.items():
        differs = entry["value"] != entry["recipe"] or entry["origin"] != "default"
        if differs or not origin:
            recipe_says = (
                "" if entry["value"] == entry["recipe"] else f" (recipe {entry['recipe']!r})"
            )
            watch.line(f"  {key} = {entry['value']!r}  by {entry['origin']}{recipe_says}")
    values: dict[str, Any] = {}
    if (path / "report.json").is_file():
        values = told.run.read_json("report.json")["values"]
        for name, value in values.items():
            low, high = value["low"], value["high"]
            span = "" if low is None else f" [{low:.4f}, {high:.4f}]"
            watch.line(f"  {name:<14} {value['value']:.4f}{span}")
        for found in about.get("findings") or ():
            watch.line(f"  {Finding(**found).line()}")
    else:
        watch.line(f"  not judged yet: `polyrec run --resume {path}` goes on")
    return {"run": about, "settings": settings, "metrics": values}


def to_tensorboard(path: Path, folder: Path, watch: Watch) -> None:
    """Writes a run's log as TensorBoard reads it.

    Raises:
        ValueError: the extra is not installed.
    """
    try:
        lines = TensorBoard(stored(path).run, folder).follow()
    except ModuleNotFoundError as error:
        raise ValueError(f"--tensorboard: {error}") from error
    watch.line(f"{lines} lines of the log; look at them with: tensorboard --logdir {folder}")


def explain(name: str, dialect: str, watch: Watch) -> dict[str, Any]:
    """Formula, range and pitfalls of a metric, in a dialect."""
    metric, _, k = name.partition("@")
    part = chosen({**RANKING, **SYSTEM}, metric, "metric")
    spoken = chosen(DIALECTS, dialect, "dialect")
    formula = spoken.formula(metric).text if metric in RANKING else part.text
    told = {"metric": metric, "k": int(k) if k.isdigit() else None, "formula": formula,
            "id": part.id, "dialect": dialect, "said": spoken.doc}  # fmt: skip
    if dialect != "polyrec":
        watch.line(f"dialect {dialect}: {formula}\n  {spoken.doc}")
    watch.line(metrics.explain(name))
    return told


def _variants() -> dict[str, str]:
    found = {}
    for name in RECIPES:
        for variant, settings in recipe(name).VARIANTS.items():
            said = ", ".join(f"{key}={value}" for key, value in settings.items())
            found[f"{name}/{variant}"] = said or "the defaults"
    return found


def _line(part: Any) -> str:
    text = part if isinstance(part, str) else getattr(part, "text", "") or inspect.getdoc(part)
    return (text or "").strip().splitlines()[0] if text else ""


def _world(part: Any) -> str:
    return (
        f"{part.users:,} people, {part.items:,} items, {part.categories} categories, "
        f"{part.interests_low} to {part.interests_high} interests"
    )


def _papers(part: Papers) -> str:
    return (
        f"{part.papers:,} papers of {part.classes} classes, {part.authors} authors, "
        f"{part.words} words: a typed graph"
    )
