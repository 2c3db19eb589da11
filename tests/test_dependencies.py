"""What pyproject.toml asks for is what noisefix imports, and the page about it names each."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
NAMED_OTHERWISE = {"sklearn": "scikit-learn"}
"""Modules whose package is not called like them."""


def packages_of(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def imported(folder: Path) -> set[str]:
    """Return the packages that the files of a folder import, inside functions too."""
    modules = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    modules -= sys.stdlib_module_names | {"noisefix"}
    return {NAMED_OTHERWISE.get(module, module.replace("_", "-")) for module in modules}


def test_the_dependencies_are_what_is_imported() -> None:
    extras = [e for name, e in PROJECT["optional-dependencies"].items() if name != "dev"]
    dependencies, found = packages_of(PROJECT["dependencies"]), imported(ROOT / "noisefix")
    assert dependencies <= found
    assert found - dependencies <= packages_of([name for extra in extras for name in extra])


@pytest.mark.parametrize("package", sorted(packages_of(PROJECT["dependencies"])))
def test_the_page_says_what_a_dependency_is_for(package: str) -> None:
    assert any(line.startswith(f"| {package} |") for line in PAGE.splitlines())


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_the_page_says_what_the_extras_bring(extra: str) -> None:
    packages = packages_of(PROJECT["optional-dependencies"][extra])
    assert packages <= set(re.findall(r"[\w-]+", PAGE.partition("## Extras")[2]))


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_each_dependency_has_a_lower_bound_to_try(requirement: str) -> None:
    assert re.fullmatch(r"[\w-]+>=[\d.]+(,<[\d.]+)?", requirement), "read by .ci/oldest"


def test_the_walk_sees_imports_inside_functions() -> None:
    assert {"torch", "aiohttp", "scikit-learn"} <= imported(ROOT / "noisefix")
