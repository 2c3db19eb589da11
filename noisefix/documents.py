"""JSON and TOML that others may have written: reading it, and checking the kinds of its values."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")
_TOO_DEEP = "nested too deeply"


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not JSON, not UTF-8, or nested too deeply; the message says where.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is not TOML, or nested too deeply; the message has line and column.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def made_of(kind: type[_T], values: Mapping[str, Any], **own: Any) -> _T:
    """Return a dataclass made of values of the same names, and of others.

    Args:
        kind: a dataclass.
        values: by name of the field; other names are not looked at.
        own: values of fields that are not among these, or are another there.
    """
    names = (f.name for f in fields(cast(Any, kind)) if f.name not in own)
    return kind(**{name: values[name] for name in names}, **own)


def misfit(kind: type, values: Mapping[str, Any]) -> str | None:
    """Say which value a dataclass could not hold, and why; None: it can hold all of them.

    Args:
        kind: a dataclass. Its fields may be texts, numbers (never NaN or infinity), booleans,
            lists, tuples and dictionaries of these, and dataclasses.
        values: by name of the field; other names are not looked at.
    """
    hints = get_type_hints(kind)
    for name in (f.name for f in fields(kind)):
        if name in values and not _fits(values[name], hints[name]):
            return f"{name} is {_shown(values[name])}: it must be {_called(hints[name])}"
    return None


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin in (tuple, list):
        return isinstance(value, (tuple, list)) and all(_fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            _fits(k, parts[0]) and _fits(v, parts[1]) for k, v in value.items()
        )
    if hint is float:
        return _fits(value, int) or (isinstance(value, float) and math.isfinite(value))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _called(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_called(part) for part in parts)
    if origin in (tuple, list):
        return f"a list ({_called(parts[0])} each)"
    names = {
        str: "a text",
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        dict: "a table",
        NoneType: "null",
    }
    return names.get(origin or hint, "set by its own parameters")
