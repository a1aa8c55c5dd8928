"""Planetoid archives (Cora, Citeseer): features, labels, edges and the standard split, as .npz.

Arrays only: `x_data x_indices x_indptr x_shape` (features in compressed rows), `y` (a class a
node, -1 = none), `edges` [E, 2], `train val test` (node ids). The original files are pickles,
which are never opened.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from polyrec.data.readers.faults import fault
from polyrec.data.readers.recognise import need_file
from polyrec.data.readers.text.content import refuse_binary

I64 = NDArray[np.int64]
NAMES = ("x_data", "x_indices", "x_indptr", "x_shape", "y", "edges", "train", "val", "test")
# what numpy and zipfile raise on bytes that were changed
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # NotImplementedError among them
    LookupError,
    ArithmeticError,
    SyntaxError,
    TypeError,
    ValueError,
)
REMEDY = "fetch the archive again, or write it anew with these arrays"


@dataclass(frozen=True)
class Planetoid:
    """One archive. Nodes of the split without a label are left out of it and counted."""

    name: str
    features: csr_matrix  # [n, D], float32
    label: I64  # [n], -1 = none
    edges: I64  # [E, 2], as given: one row a pair, or both ways
    train: I64
    valid: I64
    test: I64
    excluded: int  # nodes of the split that have no label
    sha256: str

    @property
    def nodes(self) -> int:
        """n."""
        return len(self.label)

    @property
    def unlabelled(self) -> int:
        """Nodes with label -1."""
        return int((self.label < 0).sum())


def read_planetoid(path: Path) -> Planetoid:
    """Features, labels, edges and split of one archive; label -1 leaves a node out of the split.

    Raises:
        ValueError: it is no such archive, an array is missing or does not fit the others, or a
            part shares nodes with another; the file and the array are named.
        FileNotFoundError: there is no such file.
    """
    held = _arrays(path)
    nodes, width = (int(size) for size in held["x_shape"])
    label = held["y"].astype(np.int64)
    features = _features(path.name, held, nodes, width)
    if len(label) != nodes:
        raise fault(path.name, f"{len(label)} labels y", f"one a node, {nodes}", REMEDY)
    for name in ("edges", "train", "val", "test"):
        _refuse_outside(path.name, name, held[name], nodes)
    if held["edges"].ndim != 2 or held["edges"].shape[1] != 2:
        raise fault(path.name, f"edges of shape {held['edges'].shape}", "[E, 2]", REMEDY)
    parts = [held[name].astype(np.int64) for name in ("train", "val", "test")]
    whole = np.concatenate(parts)
    if len(np.unique(whole)) != len(whole):
        raise fault(path.name, "a node in two parts", "train, val and test share none", REMEDY)
    kept = [part[label[part] >= 0] for part in parts]
    return Planetoid(
        name=path.name,
        features=features,
        label=label,
        edges=held["edges"].astype(np.int64),
        train=kept[0],
        valid=kept[1],
        test=kept[2],
        excluded=sum(map(len, parts)) - sum(map(len, kept)),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    need_file(path)
    with path.open("rb") as file:
        first = file.read(64)
    if not first.startswith(b"PK"):
        refuse_binary(path, first)
        raise fault(
            path.name,
            "is no .npz archive",
            f"a zip of the numpy arrays {', '.join(NAMES)}",
            "name another file, or write yours with numpy.savez",
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in NAMES if name not in archive.files]
            held = {name: archive[name] for name in NAMES if name not in missing}
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise fault(
                path.name,
                "holds Python objects",
                "to read them is to run whatever code they hold, so no flag lifts this",
                "write it anew with plain arrays",
            ) from None
        what = f"is damaged ({' '.join(str(error).split())[:80]})"
        raise fault(path.name, what, "a whole archive", REMEDY) from None
    if missing:
        what = f"lacks {', '.join(missing)}"
        raise fault(path.name, what, f"arrays {', '.join(NAMES)}", REMEDY)
    if held["x_shape"].shape != (2,) or held["x_shape"].dtype.kind not in "iu":
        raise fault(path.name, "x_shape is no pair", "rows and columns of the features", REMEDY)
    if held["y"].dtype.kind not in "iu":
        raise fault(path.name, f"y is {held['y'].dtype}", "a class a node, integers", REMEDY)
    return held


def _features(name: str, held: Mapping[str, NDArray[Any]], nodes: int, width: int) -> csr_matrix:
    try:
        rows = (held["x_data"].astype(np.float32), held["x_indices"], held["x_indptr"])
        made = csr_matrix(rows, (nodes, width))
        made.check_format(full_check=True)
    except (ValueError, TypeError, IndexError) as error:
        raise fault(name, f"features do not fit ({error})", "compressed rows", REMEDY) from None
    if not np.isfinite(made.data).all():
        raise fault(name, "a feature is not finite", "finite numbers", REMEDY)
    return made


def _refuse_outside(name: str, array: str, ids: NDArray[Any], nodes: int) -> None:
    if ids.dtype.kind not in "iu":
        raise fault(name, f"{array} is {ids.dtype}", "node ids are integers", REMEDY)
    if ids.size and (ids.min() < 0 or ids.max() >= nodes):
        worst = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise fault(name, f"{array} names node {worst}", f"nodes are 0..{nodes - 1}", REMEDY)
