"""The texts of a table, which may stand in several columns: title and body, premise and hypothesis.

Several columns are named with commas between them, in the order in which they are read. Their
cells become one text with a paragraph break between the parts. Many encoders see no line breaks;
so that they see where a part ends, one that ends in a letter or a digit gets a full stop.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError
from noisefix.tables.columns import resolve_column, split_names
from noisefix.tables.label_values import read_texts

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.source import Source

_BREAK = "\n\n"
_WIDE = ("W", "F")


def resolve_texts(source: Source, wanted: str, option: str = "--text-column") -> str:
    """Return the text columns that the user means, with commas between them.

    A column whose own name holds commas is found as well: the longest names go first.

    Raises:
        DataError: one of them is not there; the message lists the columns and the nearest name.
        UsageError: one is named twice.
    """
    found = split_names(wanted, source.columns, lambda name: _resolved(source, name, option))
    if found is None:  # say of one name what is wrong with it
        parts = [part.strip() for part in wanted.split(",")]
        for part in [wanted] if len(parts) == 1 or not all(parts) else parts:
            resolve_column(source, part, option)
    names = found or []
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{option} {wanted}: names {twice[0]!r} twice", "name it once")
    return ",".join(names)


def text_names(columns: Collection[str], text_column: str | None) -> tuple[str, ...]:
    """Return the columns that a resolved ``--text-column`` is made of; () if one is missing.

    Args:
        columns: all columns of a table.
        text_column: what ``resolve_texts`` returned for it, or for a table like it.
    """
    if text_column is None:
        return ()
    found = split_names(text_column, columns, lambda name: name if name in columns else None)
    return tuple(found or ())


def remembered_texts(reading: Mapping[str, Any], columns: Collection[str]) -> str | None:
    """Return the text columns that tables of a kind have, for ``find_columns``.

    Args:
        reading: what a model or run remembers, "text_column" perhaps.
        columns: those of the table to be read. One column that is not there may be called
            otherwise, and is guessed; several are to be named.
    """
    known: str | None = reading.get("text_column")
    return known if known is not None and ("," in known or known in columns) else None


def column_texts(table: pa.Table, text_column: str, name: str) -> list[str]:
    """Return the (N,) texts of a table; a row without any is "".

    Args:
        table: the table, or a block of it.
        text_column: as ``resolve_texts`` returned it.
        name: the file, for messages.

    Raises:
        DataError: the cells are lists or objects.
    """
    parts = [
        read_texts(table.column(column), table.schema.field(column), f"{name}, column {column!r}")
        for column in text_names(table.column_names, text_column)
    ]
    if len(parts) == 1:
        return parts[0]
    return [joined(cells) for cells in zip(*parts, strict=True)]


def joined(cells: Sequence[str]) -> str:
    r"""Return the cells of a row as one text; empty ones leave no trace.

    >>> joined(["Refund please", "", "Where is my money?"])
    'Refund please.\n\nWhere is my money?'
    """
    said = [text for cell in cells if (text := cell.strip())]
    return _BREAK.join([*map(_ended, said[:-1]), *said[-1:]])


def _ended(part: str) -> str:
    if unicodedata.category(part[-1])[0] not in "LN":
        return part
    return f"{part}{'。' if unicodedata.east_asian_width(part[-1]) in _WIDE else '.'}"


def _resolved(source: Source, name: str, option: str) -> str | None:
    if name in source.columns:
        return name
    try:
        return resolve_column(source, name.strip(), option)
    except DataError:
        return None
