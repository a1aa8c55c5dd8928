"""What is listed is explained, held by a contract test, and said in the docs as it is in help."""

from __future__ import annotations

import ast

import pytest

from polyrec.cli.reference import reference
from polyrec.experiment import shelves

from .source import ROOT

SHELVES = shelves()
# kind of part -> its catalogue, and the contract test that runs over it
CONTRACTS = {
    "recipes": ("RECIPES", "test_recipes.py"),
    "variants": ("variants", "test_recipes.py"),
    "models": ("MODELS", "test_models.py"),
    "losses": ("LOSSES", "test_losses.py"),
    "label losses": ("LABEL_LOSSES", "test_losses.py"),
    "samplers": ("SAMPLERS", "test_negatives.py"),
    "similarities": ("SIMILARITIES", "test_nn.py"),
    "quantizers": ("QUANTIZERS", "test_quantize.py"),
    "balances": ("BALANCES", "test_balance.py"),
    "optimisers": ("OPTIMS", "test_train.py"),
    "schedules": ("SCHEDULES", "test_train.py"),
    "read-outs": ("PICKS", "test_train.py"),
    "recommenders": ("RECOMMENDERS", "test_recommend.py"),
    "streams": ("STREAMS", "test_streams.py"),
    "splits": ("SPLITS", "test_splits.py"),
    "readers": ("READERS", "test_readers.py"),
    "metrics": ("RANKING", "test_metrics.py"),
    "dialects": ("DIALECTS", "test_metrics.py"),
    "worlds": ("WORLDS", "test_worlds.py"),
}
ENTRIES = [(kind, name) for kind, parts in SHELVES.items() for name in parts]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_a_listed_part_has_its_line(kind: str, name: str) -> None:
    assert SHELVES[kind][name].strip()


def parametrised(tree: ast.Module) -> set[str]:
    """Names that parametrise tests, and the module's names those are made of."""
    asked, made = set[str](), list[tuple[str, set[str]]]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.parametrize":
            asked |= _names(node)
    for node in tree.body:
        if isinstance(node, ast.Assign):
            made.append((ast.unparse(node.targets[0]), _names(node.value)))
        elif isinstance(node, ast.FunctionDef):
            made.append((node.name, _names(node)))
    for name, parts in reversed(made):
        asked |= parts if name in asked else set()
    return asked


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


@pytest.mark.parametrize("kind", SHELVES)
def test_a_catalogue_has_a_contract_test_over_all_of_it(kind: str) -> None:
    catalogue, file = CONTRACTS[kind]
    tree = ast.parse((ROOT / "tests" / "contracts" / file).read_text())
    assert catalogue in parametrised(tree)


def test_the_docs_say_what_help_says() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference()
