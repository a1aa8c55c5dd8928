"""The texts of the project: doctests run, and nothing speaks of the place it was written in."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess

import pytest

from .source import PACKAGE, ROOT, Source, sources

FILES = sources()


@pytest.mark.parametrize("source", FILES, ids=lambda s: s.name)
def test_doctests_hold(source: Source) -> None:
    if ">>> " not in source.text:
        return
    name = ".".join(["polyrec", *source.path.relative_to(PACKAGE).with_suffix("").parts])
    module = importlib.import_module(name.removesuffix(".__init__"))
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0


def _tracked() -> list[str]:
    out = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    return [name for name in out.splitlines() if (ROOT / name).is_file()]


def test_no_data_weights_or_binaries_are_tracked() -> None:
    banned = (".npy", ".npz", ".safetensors", ".parquet", ".pt", ".pkl", ".png", ".gz", ".whl")
    assert not [name for name in _tracked() if name.endswith(banned)]
    assert not [name for name in _tracked() if (ROOT / name).stat().st_size > 500_000]


def test_texts_name_no_machine_paths() -> None:
    pattern = re.compile(r"/work/|/root/|/home/[a-z]+/|/tmp/plan")
    own = "tests/house/test_texts.py"
    found = [
        f"{name}: {match.group()}"
        for name in _tracked()
        if name != own and (match := pattern.search((ROOT / name).read_text(errors="replace")))
    ]
    assert not found
