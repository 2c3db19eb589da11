"""Is the first line of a CSV file a header, or the first row of data."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

_LOOKED_AT = 5000
_SHOWN = 40
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")
_LINK = re.compile(r"(https?://|www\.)\S+|\S+@\S+\.\w+")
_HEX = re.compile(r"(?=.*\d)[0-9a-f-]{8,}", re.IGNORECASE)
_FEW_VALUES = 0.5
_SENTENCE_WORDS = 4


def check_header(source: Source, is_known_name: Callable[[str], bool]) -> list[str]:
    """Check that the columns of a CSV file are called by names, not by the cells of its first row.

    A name is a cell of data where the same cell is below it, in a column with few different values,
    or where it is a number, a date, a link or an id like all cells below it. Names that are the
    usual ones for a column say that there is a header, whatever the others are; so do numbers that
    count the columns.

    Args:
        source: the file, or its beginning.
        is_known_name: tells a usual column name.

    Returns:
        A warning where a name is a sentence and nothing else can tell.

    Raises:
        DataError: the first line is data.
    """
    if source.format != "csv":
        return []
    below = {name: _values(source.table, name) for name in source.columns}
    is_repeated = all(name in below[name] for name in source.columns)  # a second header
    if any(is_known_name(name) and (is_repeated or name not in below[name]) for name in below):
        return []
    if _counts_columns(source.columns):
        return []
    data = [name for name in source.columns if _is_cell(name.strip(), below[name])]
    sentences = [name for name in source.columns if _is_sentence(name, below[name])]
    if data:
        raise DataError(
            f"{source.name}: the first line looks like data, not like column names: "
            f"{', '.join(_shortened(name) for name in [*data, *sentences][:3])}",
            f"put a line with names in front, such as {_example(source)}; if these are names, say "
            "which column holds the texts: --text-column NAME",
        )
    return [
        f"{source.name}: the first line is taken for column names, one of which is a sentence: "
        f"{_shortened(name)}; if it is data, put a line with names in front"
        for name in sentences[:1]
    ]


def _values(table: pa.Table, name: str) -> list[str]:
    cells = table.column(name).slice(0, _LOOKED_AT).to_pylist()
    return [cell.strip() for cell in cells if cell and cell.strip()]


def _is_cell(name: str, values: Collection[str]) -> bool:
    if not values or not name:
        return False
    if name in values:
        return len(set(values)) <= max(1, _FEW_VALUES * len(values))
    kinds = (_NUMBER, _DATE, _LINK, _HEX)
    return any(kind.fullmatch(name) and all(map(kind.fullmatch, values)) for kind in kinds)


def _is_sentence(name: str, values: Collection[str]) -> bool:
    if len(name.split()) < _SENTENCE_WORDS or not values:
        return False
    mean = sum(map(len, values)) / len(values)
    return mean / 4 <= len(name) <= mean * 4 and not name.rstrip().endswith((":", "?"))


def _counts_columns(names: Collection[str]) -> bool:
    """Tell whether the numbers among the names are 0, 1, 2, ... or 1, 2, 3, ...: nobody's data."""
    numbers = [int(name) for name in names if name.isdecimal()]
    return (
        bool(numbers)
        and numbers
        in (
            list(range(len(numbers))),
            list(range(1, len(numbers) + 1)),
        )
        and (len(numbers) == len(names) or len(numbers) > 1)
    )


def _shortened(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[: _SHOWN - 3] + "...")


def _example(source: Source) -> str:
    delimiter = source.dialect.delimiter if source.dialect is not None else ","
    names = [f"column_{k}" for k in range(1, len(source.columns) + 1)]
    if len(names) == 2:
        first, second = (sum(map(len, _values(source.table, name))) for name in source.columns)
        names = ["text", "label"] if first >= second else ["label", "text"]
    return repr(delimiter.join(names))
