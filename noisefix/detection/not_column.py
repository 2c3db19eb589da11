"""``--not-column``: labels that somebody ruled out, from a column of the input."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError
from noisefix.labels import class_names
from noisefix.tables.columns import resolve_column
from noisefix.tables.formulas import restored

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.dataset import Dataset

SEPARATOR = "|"
_SHOWN = 5


def not_labels(dataset: Dataset, column: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Return id and label of what a column rules out, a row for each, and warnings.

    A cell holds a class name, several with ``|`` between, a list of them (JSON Lines, Parquet), or
    nothing. A class whose name has ``|`` in it is found as a whole.

    Args:
        dataset: the input.
        column: name of the column.

    Raises:
        DataError: there is no such column, or it names no class of the data.
        UsageError: the column serves another purpose.
    """
    import pyarrow as pa

    name = resolve_column(dataset.source, column, "--not-column")
    if name in (dataset.text_column, dataset.label_column, dataset.id_column):
        raise UsageError(
            f"--not-column {column}: holds the texts, the labels or the ids",
            "name the column of labels that were ruled out",
        )
    where = f"{dataset.source.name}, column {name!r}"
    known = set(class_names(dataset.given_labels))
    keys, labels = [], []
    unknown: Counter[str] = Counter()
    for key, cell in zip(dataset.ids, dataset.source.table.column(name).to_pylist(), strict=True):
        for label in dict.fromkeys(_named(cell, known)):
            if label in known:
                keys.append(key)
                labels.append(label)
            else:
                unknown[label] += 1
    if not keys:
        raise DataError(
            f"{where}: names no class of the data"
            + (f" (but {', '.join(map(repr, list(unknown)[:_SHOWN]))})" if unknown else ""),
            f"fill in what a row is not, several with {SEPARATOR} between; the classes are "
            f"{', '.join(sorted(known)[:10])}",
        )
    warnings: tuple[str, ...] = ()
    if unknown:
        shown = ", ".join(map(repr, list(unknown)[:_SHOWN]))
        warnings = (f"{where}: no classes, and not counted: {shown} ({unknown.total():,} in all)",)
    table = {"id": pa.array(keys, pa.string()), "label": pa.array(labels, pa.string())}
    return pa.table(table), warnings


def _named(cell: Any, known: set[str]) -> list[str]:
    """Return what a cell names."""
    if cell is None:
        return []
    if isinstance(cell, list):
        return [label for part in cell for label in _named(part, known)]
    whole = _bare(_text(cell), known)
    if whole in known or SEPARATOR not in whole:
        return [whole] if whole else []
    parts = (_bare(part, known) for part in whole.split(SEPARATOR))
    return [part for part in parts if part]


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell != cell else str(cell)  # NaN


def _bare(text: str, known: set[str]) -> str:
    text = text.strip()
    return restored(text) if text not in known and restored(text) in known else text
