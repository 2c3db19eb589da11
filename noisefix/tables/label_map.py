"""``--label-map``: a file that says what the codes in a label column are called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from noisefix.documents import parse_toml
from noisefix.errors import DataError
from noisefix.tables.atomic import read_bytes
from noisefix.tables.source import read_source

_RAW, _NAME = "raw", "name"
_HOW = (
    'a CSV file has the columns raw and name, a TOML file lines such as "0" = "refund", and a '
    'JSON file one object {"0": "refund"}'
)
_KINDS = {".toml", ".json"}


def read_label_map(path: str | Path) -> dict[str, str]:
    """Return class names by what stands in the cells, in the order of the file.

    ``.toml`` and ``.json`` hold names by cell; any other file is a table with the columns raw and
    name, or with two columns only. Several cells may have one name.

    Raises:
        DataError: it cannot be read, a name or a cell is blank, or a cell has two names.
    """
    file = Path(path)
    ending = file.suffix.lower()
    pairs = _of_document(file, ending) if ending in _KINDS else _of_table(file)
    names: dict[str, str] = {}
    for where, raw, name in pairs:
        if not raw or not name:
            what = "no name" if raw else "a name for an empty cell"
            raise DataError(
                f"{file}: {where}: {what}",
                "leave the line out, or make such rows unlabelled with --missing-labels",
            )
        if names.setdefault(raw, name) != name:
            raise DataError(
                f"{file}: {where}: {raw!r} is called {name!r} and {names[raw]!r}",
                "give every code one name",
            )
    if not names:
        raise DataError(f"{file}: names no label", _HOW)
    return names


def _of_table(file: Path) -> Iterable[tuple[str, str, str]]:
    source = read_source(file)
    columns = (_RAW, _NAME) if {_RAW, _NAME} <= set(source.columns) else source.columns
    if len(columns) != 2:
        raise DataError(f"{file}: has the columns {', '.join(columns)}", _HOW)
    cells = zip(*(source.table.column(name).to_pylist() for name in columns), strict=True)
    for row, (raw, name) in enumerate(cells, 1):
        yield f"row {row}", _text(raw), _text(name)


def _of_document(file: Path, ending: str) -> Iterable[tuple[str, str, str]]:
    data = read_bytes(file)
    try:
        text = data.decode("utf-8-sig")
        content: Any = parse_toml(text) if ending == ".toml" else _parse(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read: {error}", _HOW) from error
    if isinstance(content, dict):
        content = list(content.items())
    if not isinstance(content, list):
        raise DataError(f"{file}: holds no names by code", _HOW)
    for entry in content:
        if not isinstance(entry, tuple) or not isinstance(entry[1], str):
            raise DataError(f"{file}: {str(entry)[:60]!r} is no code with its name", _HOW)
        yield repr(entry[0]), entry[0].strip(), entry[1].strip()


def _parse(text: str) -> Any:
    """Parse JSON; an object becomes its pairs, so that a code that stands there twice is seen."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
