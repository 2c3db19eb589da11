"""Imports point down only, read from the source; heavy libraries wait inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "noisefix"

LAYERS = (
    {"__main__"},
    {"cli"},
    {"pipeline"},
    {"stages"},
    {"training"},
    {"probing"},
    {"encoders", "confident", "neighbors", "annotators", "evaluation", "gates"},
    {"tables"},
    {
        "schemas",
        "labels",
        "label_descriptions",
        "progress",
        "threads",
        "config",
        "memory",
        "processor",
        "seeds",
    },
    {"documents"},
    {"errors"},
    {"redaction"},
)
"""From the top down; a module may import from its own unit and from the layers below."""

LIGHT = {"__init__", "errors", "redaction", "schemas", "config", "progress", "cli", "__main__"}
"""Units that load at the start of every command: not even NumPy at the top of a module."""

SLOW = {
    "aiohttp",
    "cleanlab",
    "pandas",
    "pyarrow",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "tokenizers",
    "torch",
    "transformers",
}


def unit_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(tree: ast.AST, *, top_level_only: bool) -> Iterator[str]:
    """Yield the modules imported, leaving out those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "noisefix":
                yield from (f"noisefix.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""
        elif not _is_left_out(node, top_level_only):
            yield from imports(node, top_level_only=top_level_only)


def _is_left_out(node: ast.AST, top_level_only: bool) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return top_level_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


FILES = sorted(PACKAGE.rglob("*.py"))
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    unit = unit_of(path)
    if unit == "__init__":
        return
    assert unit in RANK, f"{unit} has no layer: give it one in tests/test_layers.py"
    for module in imports(ast.parse(path.read_text()), top_level_only=False):
        if not module.startswith("noisefix."):
            assert not module.startswith("."), "imports are absolute"
            continue
        other = module.split(".")[1]
        if other == unit or other == "__version__":
            continue
        assert RANK[other] > RANK[unit], f"{unit} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_slow_libraries_are_imported_where_they_are_used(path):
    banned = SLOW | ({"numpy", "rich"} if unit_of(path) in LIGHT else set())
    if unit_of(path) == "cli":
        banned |= {"rich"}
    tops = {m.split(".")[0] for m in imports(ast.parse(path.read_text()), top_level_only=True)}
    assert not tops & banned


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_shell_prints(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    prints = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert not prints
