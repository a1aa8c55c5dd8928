"""Files, functions and rooms stay small enough to read."""

from __future__ import annotations

import ast
import statistics
from collections import Counter

import pytest

from .source import PACKAGE, Source, code_lines, sources

FILES = sources()
by_name = pytest.mark.parametrize("source", FILES, ids=lambda s: s.name)


@by_name
def test_a_file_has_at_most_300_lines(source: Source) -> None:
    assert len(source.text.splitlines()) <= 300


@by_name
def test_a_function_has_at_most_40_code_lines(source: Source) -> None:
    long = {f.name: code_lines(f, source.text) for f in source.functions()}
    assert not {name: n for name, n in long.items() if n > 40}


@by_name
def test_a_function_has_at_most_six_parameters(source: Source) -> None:
    # The command line's verbs declare one parameter an option; that is typer's language.
    if source.room == "cli":
        return
    for function in source.functions():
        arguments = function.args
        names = [a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
        names = [name for name in names if name not in ("self", "cls")]
        assert len(names) <= 6, f"{source.name}: {function.name} takes {len(names)}"
        assert arguments.kwarg is None, f"{source.name}: {function.name} takes **kwargs"


@by_name
def test_names_are_nouns_and_verbs_of_the_field(source: Source) -> None:
    for node in source.classes():
        assert not node.name.startswith("Base"), node.name
        assert not node.name.endswith(("Manager", "Utils", "Helper")), node.name
    for function in source.functions():
        assert not function.name.startswith("get_"), function.name
    assert source.path.name != "utils.py"


@by_name
def test_public_things_say_what_they_are(source: Source) -> None:
    assert ast.get_docstring(source.tree), f"{source.name} has no docstring"
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{source.name}: {node.name} has no docstring"


@by_name
def test_errors_are_never_swallowed(source: Source) -> None:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{source.name}:{node.lineno} bare except"
            silent = all(isinstance(step, ast.Pass) for step in node.body)
            named = ast.unparse(node.type)
            broad = named in ("Exception", "BaseException")
            assert not (broad and silent), f"{source.name}:{node.lineno}"


def test_the_median_function_is_short() -> None:
    lengths = [code_lines(f, s.text) for s in FILES for f in s.functions()]
    assert statistics.median(lengths) < 12


def test_a_room_has_at_most_ten_files() -> None:
    rooms = Counter(source.path.parent for source in FILES if source.path.name != "__init__.py")
    rooms.pop(PACKAGE, None)
    assert not {str(room): n for room, n in rooms.items() if n > 10}


def test_inheritance_is_at_most_two_deep() -> None:
    bases = {
        node.name: [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]
        for source in FILES
        for node in source.classes()
    }

    def depth(name: str) -> int:
        return 1 + max((depth(base) for base in bases[name] if base in bases), default=0)

    assert not [name for name in bases if depth(name) > 3]
