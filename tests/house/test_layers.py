"""Rooms import downwards only, and each dangerous act has a single home."""

from __future__ import annotations

import sys

import pytest

from .source import LAYER, Source, sources

FILES = sources()
by_name = pytest.mark.parametrize("source", FILES, ids=lambda s: s.name)


@by_name
def test_a_room_imports_only_lower_layers_and_itself(source: Source) -> None:
    own = LAYER[source.room]
    for module in source.imports():
        parts = module.split(".")
        if parts[0] != "polyrec" or len(parts) < 2 or parts[1] == "__version__":
            continue
        if parts[1] == source.room:
            continue
        assert LAYER[parts[1]] < own, f"{source.name} (layer {own}) imports {module}"


@by_name
def test_numba_lives_only_in_kernels(source: Source) -> None:
    if source.room != "kernels":
        assert "numba" not in {module.split(".")[0] for module in source.imports()}


@by_name
def test_data_frames_live_only_at_the_borders(source: Source) -> None:
    at_border = source.name.startswith(("data/readers/", "data/check/", "report/")) or (
        source.room == "experiment"
    )
    if not at_border:
        roots = {module.split(".")[0] for module in source.imports()}
        assert not roots & {"polars", "pandas"}, source.name


@by_name
def test_gradients_are_taken_only_in_balance(source: Source) -> None:
    if source.room != "balance":
        called = [
            line
            for name, line in source.calls()
            if name == "backward" and "balance.backward(" not in source.text.splitlines()[line - 1]
        ]
        assert not called, f"{source.name}:{called}"
        assert "autograd.grad(" not in source.text


@by_name
def test_optimisers_step_only_in_the_loop(source: Source) -> None:
    if source.name != "train/loop.py":
        assert not [line for name, line in source.calls() if name == "step"], source.name


@by_name
def test_top_k_is_chosen_only_in_the_index(source: Source) -> None:
    if source.room not in ("index", "kernels"):
        found = [line for name, line in source.calls() if name in ("topk", "argpartition")]
        assert not found, f"{source.name}:{found}"


@by_name
def test_devices_are_named_only_in_the_command_line(source: Source) -> None:
    if source.room != "cli":
        assert '"cuda' not in source.text, source.name
        assert '"mps"' not in source.text, source.name


@by_name
def test_nothing_unpickles(source: Source) -> None:
    roots = {module.split(".")[0] for module in source.imports()}
    assert not roots & {"pickle", "dill", "joblib", "shelve", "marshal"}, source.name
    for banned in ("torch.load(", "allow_pickle=True", "weights_only=False"):
        assert banned not in source.text, f"{source.name}: {banned}"


@by_name
def test_libraries_do_not_print(source: Source) -> None:
    if source.room not in ("cli", "serve"):
        assert not [line for name, line in source.calls() if name == "print"], source.name


@by_name
def test_third_party_private_names_stay_private(source: Source) -> None:
    for module in source.imports():
        parts = module.split(".")
        if parts[0] == "polyrec" and len(parts) > 2 and parts[1] != source.room:
            assert not any(part.startswith("_") for part in parts[1:]), f"{source.name}: {module}"


def test_every_room_has_a_layer() -> None:
    assert {source.room for source in FILES} <= set(LAYER)


def test_the_package_imports_without_torch_for_help() -> None:
    import subprocess

    code = "import sys, polyrec.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
