import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from noisefix.documents import made_of, misfit, parse_json, parse_toml


def test_what_is_nested_too_deeply_is_an_ordinary_error():
    with pytest.raises(ValueError, match="too deeply"):
        parse_json("[" * 100_000 + "]" * 100_000)
    with pytest.raises(ValueError, match="too deeply"):
        parse_toml("a = " + "[" * 100_000 + "]" * 100_000)
    assert parse_json(b"[[1]]") == [[1]]
    assert parse_toml("a = [[1]]") == {"a": [[1]]}


@dataclass
class Inner:
    size: int = 1


@dataclass
class Example:
    name: str
    rate: float = 0.5
    words: tuple[str, ...] = ()
    rows: int | None = None
    facts: dict[str, float] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)
    is_on: bool = False
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    "values",
    [
        {"name": "a", "rate": 1, "words": ["b"], "rows": None, "is_on": True},
        {"facts": {"x": 1, "y": 0.5}, "rest": {"z": [None]}, "inner": Inner()},
        {"unknown": object()},
    ],
)
def test_values_of_the_right_kinds_fit(values):
    assert misfit(Example, values) is None


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("name", 5, "a text"),
        ("rate", "fast", "a finite number"),
        ("rate", float("nan"), "a finite number"),
        ("rate", True, "a finite number"),
        ("words", "abc", r"a list \(a text each\)"),
        ("words", ["a", 1], "a list"),
        ("rows", 1.5, "a whole number or null"),
        ("rows", True, "a whole number or null"),
        ("facts", {"x": "y"}, "a table"),
        ("facts", [], "a table"),
        ("is_on", 1, "true or false"),
        ("inner", {"size": 2}, "by its own parameters"),
    ],
)
def test_others_are_named(name, value, wanted):
    said = misfit(Example, {name: value})
    assert said is not None
    assert re.match(f"{name} is .*: it must be (set )?{wanted}", said)


def test_a_long_value_is_cut():
    assert len(misfit(Example, {"rows": "x" * 10_000}) or "") < 150


def test_a_dataclass_is_made_of_what_it_has_a_name_for():
    record = {"name": "a", "rate": 0.1, "words": ("b",), "rows": 3, "facts": {}, "more": 1}
    record |= {"rest": {"c": 2}, "is_on": True}
    made = made_of(Example, record, rows=4, inner=Inner())
    assert made == Example("a", 0.1, ("b",), 4, {}, {"c": 2}, True)
    del record["rate"]
    with pytest.raises(KeyError):  # a value that has gone missing is not made up
        made_of(Example, record)
