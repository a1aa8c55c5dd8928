"""Reports on disk: one Parquet file, enough to judge again with other metrics, k or dialects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from polyrec.evaluate.judge import Wanted, judge
from polyrec.evaluate.report import Evidence, Lists, Report, SliceValue, Value
from polyrec.files import writing
from polyrec.metrics.passport import Passport
from polyrec.metrics.slices import Slicing
from polyrec.metrics.system import Catalogue
from polyrec.types import Ragged

_FORMAT = 1
_SLICE, _VALUE = "slice:", "value:"


def save(report: Report, folder: Path, name: str) -> Path:
    """Writes `folder/values/NAME.parquet`, NAME as in "test@233000"; returns its path."""
    path = folder / "values" / f"{name}.parquet"
    evidence = report.evidence
    lists = evidence.lists
    columns: dict[str, pa.Array] = {
        "key": pa.array(lists.key.numpy()),
        "cluster": pa.array(lists.cluster.numpy()),
        "ids": _rows(lists.ids, pa.int32()),
        "scores": _rows(lists.scores, pa.float32()),
        "border": pa.array(lists.border.numpy()),
        "why": pa.array(lists.why.to(torch.int8).numpy()),
        "truth": _ragged(lists.truth, pa.int32()),
    }
    if lists.ranks is not None:
        columns["truth_rank"] = _ragged(Ragged(lists.ranks, lists.truth.start), pa.int32())
    for slicing in evidence.slicings:
        codes = pa.array(slicing.label.to(torch.int8).numpy())
        columns[_SLICE + slicing.name] = pa.DictionaryArray.from_arrays(codes, slicing.names)
    for metric, each in report.per_request.items():
        columns[_VALUE + metric] = pa.array(each.numpy())
    about = {
        "format": _FORMAT,
        "items": evidence.catalogue.items,
        "base": evidence.base.to_json(),
        "slicings": {s.name: list(s.names) for s in evidence.slicings},
        **report.to_json(),
    }
    data = pa.table(columns).replace_schema_metadata({"polyrec": json.dumps(about)})
    with writing(path) as beside:
        pq.write_table(data, beside, compression="zstd")
    return path


def load(path: Path) -> Report:
    """Reads what `save` wrote; counts, categories and vectors are given again where needed.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not one of ours, or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no stored values at {path}; evaluate the run first")
    try:
        data = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}; evaluate the run again") from error
    about = json.loads((data.schema.metadata or {}).get(b"polyrec", b"{}"))
    if about.get("format") != _FORMAT:
        raise ValueError(f"{path} holds no stored values of format {_FORMAT}; evaluate again")
    truth = _unragged(data, "truth")
    ranks = _unragged(data, "truth_rank").values if "truth_rank" in data.column_names else None
    flat = [_flat(data, name) for name in ("key", "cluster", "border", "why")]
    lists = Lists(
        key=flat[0],
        cluster=flat[1],
        ids=_unragged(data, "ids").values.view(len(truth), -1),
        scores=_unragged(data, "scores").values.view(len(truth), -1),
        border=flat[2],
        why=flat[3].long(),
        truth=truth,
        ranks=ranks,
    )
    slicings = tuple(_slicing(data, name, names) for name, names in about["slicings"].items())
    base = Passport.from_json(about["base"])
    evidence = Evidence(lists, base, Catalogue(about["items"]), slicings)
    names = [c for c in data.column_names if c.startswith(_VALUE)]
    each = {c.removeprefix(_VALUE): _flat(data, c) for c in names}
    values = {name: Value.from_json(state) for name, state in about["metrics"].items()}
    return Report(values, each, _slices(about["slices"]), evidence)


def rejudge(
    report: Report,
    metrics: Sequence[str],
    k: Sequence[int],
    dialect: str = "polyrec",
    catalogue: Catalogue | None = None,
) -> Report:
    """Other metrics, other k up to the stored length, another dialect: from the same lists."""
    evidence = report.evidence
    if catalogue is not None:
        evidence = replace(evidence, catalogue=catalogue)
    return judge(evidence, Wanted(metrics, k, dialect))


def _rows(x: Tensor, kind: pa.DataType) -> pa.Array:
    start = np.arange(len(x) + 1, dtype=np.int32) * x.shape[1]
    return pa.ListArray.from_arrays(start, pa.array(x.reshape(-1).numpy()).cast(kind))


def _ragged(x: Ragged, kind: pa.DataType) -> pa.Array:
    start = (x.start - x.start[0]).to(torch.int32).numpy()
    values = x.values[int(x.start[0]) : int(x.start[-1])]
    return pa.ListArray.from_arrays(start, pa.array(values.numpy()).cast(kind))


def _unragged(data: pa.Table, name: str) -> Ragged:
    column = data[name].combine_chunks()
    start = torch.from_numpy(column.offsets.to_numpy().astype(np.int64))
    values = column.values.to_numpy()
    values = values.astype(np.int64) if values.dtype.kind == "i" else values.copy()
    return Ragged(torch.from_numpy(values), start)


def _flat(data: pa.Table, name: str) -> Tensor:
    return torch.from_numpy(data[name].to_numpy().copy())


def _slicing(data: pa.Table, name: str, names: list[str]) -> Slicing:
    column = data[_SLICE + name].combine_chunks()
    label = torch.from_numpy(column.indices.to_numpy().astype(np.int64))
    return Slicing(name, label, tuple(names))


def _slices(state: dict[str, Any]) -> dict[str, dict[str, dict[str, SliceValue]]]:
    return {
        slicing: {
            part: {metric: SliceValue(**value) for metric, value in metrics.items()}
            for part, metrics in parts.items()
        }
        for slicing, parts in state.items()
    }
