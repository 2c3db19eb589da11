"""Imports point down only, read from the source; heavy libraries wait inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "noisefix"

LAYERS = (
    {"__main__"},
    {"cli"},
    {"recipes"},
    {"reviewing"},
    {"reporting"},
    {"evaluation"},
    {"classifiers", "auditing"},
    {"relabelling"},
    {"detection"},
    {"cleaning"},
    {"training"},
    {"run"},
    {"probing"},
    {"encoders", "confident", "neighbors", "annotators", "metrics", "cluster"},
    {"tables"},
    {
        "labels",
        "label_descriptions",
        "progress",
        "threads",
        "vectors",
        "executors",
        "config",
        "hardware",
        "probability",
    },
    {"common_options", "wording"},
    {"documents", "options", "seeds"},
    {"errors"},
    {"redaction"},
    {"version"},
)
"""From the top down: packages, and modules that stand apart from their package. A module may import
from its own unit and from the layers below."""

LIGHT = {
    "__init__",
    "options",
    "common_options",
    "errors",
    "redaction",
    "config",
    "progress",
    "cli",
    "__main__",
    "version",
}
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


DERIVES = {"classifiers/estimator.py": {"sklearn"}}
"""What a module's classes derive from; such a module is imported when its class is asked for."""


def module_of(path: Path) -> str:
    """Return the dotted name below the package; a package stands for its ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts if len(parts) == 1 or parts[-1] != "__init__" else parts[:-1])


def unit_of(module: str) -> str:
    return module if module in RANK else module.split(".")[0]


def imports(tree: ast.AST, *, top_level_only: bool) -> Iterator[str]:
    """Yield the names of the modules imported, leaving out those for type checkers."""
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


MODULES = {module_of(path): path for path in FILES}


def imported_modules(module: str) -> set[str]:
    """Return the modules of the package that a module imports, at its top or in a function."""
    found = set()
    for node in _import_nodes(ast.parse(MODULES[module].read_text())):
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        inner = [name.removeprefix("noisefix.") for name in names if name != "noisefix"]
        known = [name for name in inner if name in MODULES]
        found |= {known[-1]} if known else set()
    return found - {module}


def _import_nodes(tree: ast.AST) -> Iterator[ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module.split(".")[0] == "noisefix":
                yield node
        elif not _is_left_out(node, top_level_only=False):
            yield from _import_nodes(node)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    unit = unit_of(module)
    if unit == "__init__":
        return
    assert unit in RANK, f"{unit} has no layer: give it one in tests/test_layers.py"
    for other in imported_modules(module):
        is_own = other.split(".")[0] == module.split(".")[0]
        down = RANK[unit_of(other)] - RANK[unit]
        assert down > 0 or (is_own and down == 0), f"{module} must not import {other}"


def test_no_circle_between_modules():
    graph = {module: imported_modules(module) for module in MODULES}
    assert graph["cli.app"], "nothing was read"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_slow_libraries_are_imported_where_they_are_used(path):
    banned = SLOW | ({"numpy", "rich"} if unit_of(module_of(path)) in LIGHT else set())
    if unit_of(module_of(path)) == "cli":
        banned |= {"rich"}
    banned -= DERIVES.get(path.relative_to(PACKAGE).as_posix(), set())
    tops = {m.split(".")[0] for m in imports(ast.parse(path.read_text()), top_level_only=True)}
    assert not tops & banned


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_shell_prints(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    prints = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert not prints
