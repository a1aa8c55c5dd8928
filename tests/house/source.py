"""The source tree as the house tests see it: files, their room, their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "polyrec"

LAYER = {
    "types": 0,
    "requests": -1,
    "progress": -1,
    "files": -1,
    "process": -1,
    "kernels": 1,
    "data": 2,
    "index": 2,
    "run": 2,
    "graph": 3,
    "worlds": 3,
    "nn": 4,
    "losses": 4,
    "negatives": 4,
    "balance": 4,
    "metrics": 4,
    "models": 5,
    "train": 6,
    "recommend": 6,
    "evaluate": 7,
    "trust": 8,
    "recipes": 8,
    "report": 9,
    "experiment": 10,
    "serve": 11,
    "cluster": 11,
    "cli": 12,
    "__main__": 13,
}


@dataclass(frozen=True)
class Source:
    """One file of the package."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def room(self) -> str:
        return self.path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def imports(self) -> Iterator[str]:
        """Dotted names of every module imported, relative ones resolved."""
        package = ["polyrec", *self.path.relative_to(PACKAGE).parts[:-1]]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                prefix = ".".join([*base, *([node.module] if node.module else [])])
                yield prefix
                yield from (f"{prefix}.{alias.name}" for alias in node.names)

    def calls(self) -> Iterator[tuple[str, int]]:
        """(last name of the callee, line) of every call."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Attribute):
                    yield node.func.attr, node.lineno
                elif isinstance(node.func, ast.Name):
                    yield node.func.id, node.lineno

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node


def sources() -> list[Source]:
    """Every Python file of the package but the root's `__init__`."""
    return [Source(p) for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def code_lines(node: ast.AST, text: str) -> int:
    """Lines of a function that hold code: no blank lines, comments or docstring."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    body = node.body
    first = body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        body = body[1:]
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : node.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))
