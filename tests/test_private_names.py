"""No private name of another library is used, but for those listed here with a reason.

A private name may go with any release. So each one listed has a test that it is there today, with
the newest releases that pyproject.toml allows, and one that its absence is noticed.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from noisefix.encoders import products

PACKAGE = Path(__file__).parents[1] / "noisefix"
FILES = sorted(PACKAGE.rglob("*.py"))

ALLOWED = {
    ("encoders/products.py", "_reorder_linear_weight"): "the only way to oneDNN's fp32 product",
    ("encoders/products.py", "_linear_pointwise"): "the only way to oneDNN's fp32 product",
    ("annotators/openai_connection.py", "_replace"): "namedtuple's documented method",
    ("annotators/secrets.py", "_replace"): "namedtuple's documented method of the standard library",
}

PRIVATE = re.compile(r"_[a-zA-Z]\w*")  # __dunders__ are Python's own


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that a file gives to something of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name


def used_names(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file takes from something, whatever it is."""
    for node in ast.walk(tree):
        words: list[str] = []
        match node:
            case ast.Attribute(attr=name):
                words = [name]
            case ast.ImportFrom(module=module, names=names):
                words = [*(module or "").split("."), *(alias.name for alias in names)]
            case ast.Import(names=names):
                words = [part for alias in names for part in alias.name.split(".")]
            case ast.Call(func=ast.Name(id="getattr" | "hasattr" | "setattr"), args=args):
                words = [str(arg.value) for arg in args if isinstance(arg, ast.Constant)]
        yield from filter(PRIVATE.fullmatch, words)


OWN = {name for path in FILES for name in defined_names(ast.parse(path.read_text()))}
FOUND = {
    (str(path.relative_to(PACKAGE)), name)
    for path in FILES
    for name in used_names(ast.parse(path.read_text()))
    if name not in OWN
}


def test_no_private_name_of_another_library_is_used():
    assert FOUND - set(ALLOWED) == set()
    assert set(ALLOWED) - FOUND == set(), "a name that is not used any more: take it off the list"


@pytest.mark.parametrize(
    "line",
    [
        "import torch\ntorch.cpu._is_amx_tile_supported()",
        "from transformers._private import thing",
        "from typer import _click",
        "import typer._click.core",
        "value = getattr(module, '_hidden')",
        "hasattr(cache, '_seen_tokens')",
    ],
)
def test_every_way_to_a_private_name_is_seen(line):
    assert list(used_names(ast.parse(line)))


def test_nothing_is_told_by_the_name_of_its_class():
    """What a library calls its classes inside is as private as a name with an underscore."""
    compared = {
        ast.unparse(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and "__name__" in ast.unparse(node)
    }
    assert compared == {"__name__ == '__main__'"}


def test_the_standard_library_has_its_name():
    from urllib.parse import urlsplit

    assert urlsplit("http://a")._replace(netloc="b").geturl() == "http://b"


@pytest.mark.skipif(sys.platform != "linux", reason="torch is built with oneDNN there")
def test_onednn_takes_the_products():
    """This fails when a torch release renames the operators: then look for their new names."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch is built without oneDNN")
    weight, bias = torch.eye(64), torch.ones(64)
    assert products.make_product(weight, bias).__qualname__.startswith("_onednn")


@pytest.mark.parametrize("name", ["_reorder_linear_weight", "_linear_pointwise"])
def test_the_absence_of_an_operator_is_noticed(name, monkeypatch):
    real = torch.ops.mkldnn

    class Without:
        def __getattr__(self, asked):
            if asked == name:
                raise AttributeError(asked)
            return getattr(real, asked)

    monkeypatch.setattr(torch.ops, "mkldnn", Without())
    weight, bias, x = torch.eye(64) * 2, torch.ones(64), torch.arange(64.0).view(1, 64)
    product = products.make_product(weight, bias)
    assert not product.__qualname__.startswith("_onednn")
    assert torch.equal(product(x), 2 * x + 1)
