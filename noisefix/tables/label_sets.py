"""Several labels a row: read from cells such as ``a|b``, from lists, or from a column a class."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.labels import class_names, set_text
from noisefix.tables.class_label import item_names
from noisefix.tables.columns import resolve_column, split_names
from noisefix.tables.json_values import KINDS_KEY
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_values import read_labels
from noisefix.tables.source import Source
from noisefix.tables.token_labels import check_token_labels
from noisefix.tables.yes_no import read_yes_no

if TYPE_CHECKING:
    import pyarrow as pa

LISTS = "list"
"""In place of a separator: the cells are lists."""

_SHOWN = 5
_LOOKED_AT = 1000


@dataclass(frozen=True)
class SetReading:
    """How the labels of a row are written.

    Attributes:
        separator: what stands between them in a cell, or ``LISTS``; None: a column a class.
        columns: the columns, one a class; () where they stand in one cell.
    """

    separator: str | None = None
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.separator is not None and not self.separator.strip(" "):
            raise UsageError(
                f"--multi-label {self.separator!r} is no separator",
                f'name what stands between the labels, such as "|", or {LISTS}',
            )


@dataclass(frozen=True, eq=False)
class LabelSets:
    """The labels of N rows.

    Attributes:
        names: (L,) class names in canonical order.
        given: (N, L) bool: the row has the label.
        labelled: (N,) bool: somebody has labelled the row, if only by saying that it has none.
        reading: how they are written.
        spellings: how each class is written in most cells.
        warnings: what a person should know.
    """

    names: tuple[str, ...]
    given: np.ndarray
    labelled: np.ndarray
    reading: SetReading
    spellings: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_text(self) -> list[str | None]:
        """Return (N,) the labels of each row as one text: "a|b"; "" has none, None is unlabelled.

        They come in canonical order, whatever their order in the cell.
        """
        return [
            set_text([self.names[k] for k in np.flatnonzero(row)]) if known else None
            for row, known in zip(self.given, self.labelled.tolist(), strict=True)
        ]


def set_reading(
    multi_label: str | None, label_columns: str | None, source: Source
) -> SetReading | None:
    """Return how the options say that several labels a row are written; None: they do not.

    Raises:
        UsageError: both options, or no separator.
        DataError: a column is not there.
    """
    if multi_label is not None and label_columns is not None:
        raise UsageError(
            "--multi-label and --label-columns exclude each other",
            "the labels of a row stand in one cell, or each class has a column",
        )
    if label_columns is not None:
        return SetReading(columns=_columns(source, label_columns))
    return None if multi_label is None else SetReading(separator=multi_label)


def _columns(source: Source, wanted: str) -> tuple[str, ...]:
    def find(part: str) -> str | None:
        name = part if part in source.columns else part.strip()
        return name if name in source.columns else None

    found = split_names(wanted, source.columns, find)
    if found is None:
        for part in wanted.split(","):
            resolve_column(source, part.strip(), "--label-columns")
        found = [resolve_column(source, part, "--label-columns") for part in wanted.split(",")]
    if len(set(found)) < len(found) or len(found) < 2:
        raise UsageError(
            f"--label-columns {wanted}: two different columns or more are needed",
            "name the column of every class once",
        )
    return tuple(found)


def read_sets(
    source: Source,
    column: str | None,
    reading: SetReading,
    texts: Sequence[str],
    rules: LabelRules = NO_RULES,
) -> LabelSets:
    """Read the labels of every row.

    A blank cell is unlabelled; ``[]`` and a row of zeros say that the row has none of the labels.

    Args:
        source: the file, N rows.
        column: the label column; None where each class has a column.
        reading: how the labels are written.
        texts: (N,) texts, by which labels of words are told from labels of rows.
        rules: what the user says of the spellings.

    Raises:
        DataError: a cell cannot be read so; labels are of words or spans of the text; fewer than
            two classes.
    """
    if reading.columns:
        return _of_columns(source, reading)
    if column is None:
        raise DataError(
            f"{source.name}: no column holds the labels", "name it with --label-column NAME"
        )
    cells = [cell_parts(cell, reading) for cell in _checked(source, column, reading, texts)]
    return _of_parts(source, column, cells, reading, rules)


def _checked(source: Source, column: str, reading: SetReading, texts: Sequence[str]) -> list[Any]:
    """Return the cells as values: texts, lists where there are lists, None where they are blank."""
    where = f"{source.name}, column {column!r}"
    found = cell_values(source.table.column(column), source.table.schema.field(column))
    cells = [None if isinstance(c, str) and not c.strip() else c for c in found]
    check_token_labels(cells, texts, where)
    is_listed = reading.separator == LISTS
    for row, cell in enumerate(cells, 1):
        if isinstance(cell, dict) or (is_listed and not isinstance(cell, list | None)):
            kind = "an object" if isinstance(cell, dict) else f"{str(cell)[:40]!r}"
            raise DataError(
                f"{where}, row {row}: {kind} is no list of labels",
                'write a list such as ["a", "b"]; if a separator stands between the labels, name '
                "it with --multi-label",
            )
        if isinstance(cell, list) and not is_listed:
            raise DataError(
                f"{where}, row {row}: the cell is a list", f"pass --multi-label {LISTS}"
            )
        for part in cell if isinstance(cell, list) else ():
            if isinstance(part, dict | list):
                raise DataError(
                    f"{where}, row {row}: a list within the list", "give a list of labels"
                )
    return cells


def check_one_label(source: Source, column: str, texts: Sequence[str]) -> None:
    """Check that the cells are no lists, nor labels of words or spans of the text.

    Raises:
        DataError: they are.
    """
    from pyarrow import types

    where = f"{source.name}, column {column!r}"
    about = source.table.schema.field(column)
    kinds = (about.metadata or {}).get(KINDS_KEY, b"").decode().split(",")
    cells = cell_values(source.table.column(column).slice(0, _LOOKED_AT), about)
    check_token_labels(cells, texts[:_LOOKED_AT], where)
    if types.is_nested(about.type) or "array" in kinds:
        raise DataError(
            f"{where}: the cells are lists, one label each is needed",
            f"if a row may have several labels: noisefix detect --multi-label {LISTS}",
        )


def cell_values(column: pa.ChunkedArray, about: pa.Field) -> list[Any]:
    """Return cells as Python values; lists that are written as text are lists."""
    from pyarrow import types

    if types.is_nested(column.type):
        return list(column.to_pylist())
    kinds = (about.metadata or {}).get(KINDS_KEY, b"").decode().split(",")
    is_json = "array" in kinds or "object" in kinds
    return [_parsed(cell, is_json=is_json) for cell in column.to_pylist()]


def _parsed(cell: Any, *, is_json: bool) -> Any:
    """Return a list that is written as text, as JSON or Python, as one."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if not (text[:1] == "[" and text[-1:] == "]") and not (is_json and text[:1] == "{"):
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return cell


def cell_parts(cell: Any, reading: SetReading) -> list[str] | None:
    """Return the labels in a cell as they are written, blanks and all; None: unlabelled."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, list):
        return [_as_text(part) for part in cell]
    return str(cell).split(reading.separator)


def _as_text(part: Any) -> str:
    if isinstance(part, bool):
        return "true" if part else "false"
    return "" if part is None else str(part)


def _of_parts(
    source: Source,
    column: str,
    cells: list[list[str] | None],
    reading: SetReading,
    rules: LabelRules,
) -> LabelSets:
    import pyarrow as pa

    where = f"{source.name}, column {column!r}"
    flat = [part for cell in cells for part in cell or ()]
    parts = pa.chunked_array([pa.array(flat, pa.large_string())])
    field, items = pa.field(column, pa.large_string()), item_names(source.table.schema, column)
    values = read_labels(parts, field, where, names=items, rules=rules)
    names = _enough(class_names(values.labels), where, reading)
    place = {name: k for k, name in enumerate(names)}
    given = np.zeros((len(cells), len(names)), dtype=bool)
    labelled = np.array([cell is not None for cell in cells], dtype=bool)
    at, doubled = 0, []
    for row, cell in enumerate(cells):
        found = [x for x in values.labels[at : at + len(cell or ())] if x is not None]
        at += len(cell or ())
        if cell and not found:  # nothing but blanks, or words for no label
            labelled[row] = False
        for label in found:
            if given[row, place[label]]:
                doubled.append(str(row + 1))
            given[row, place[label]] = True
    warnings = values.warnings
    if doubled:
        more = ", ..." if len(doubled) > _SHOWN else ""
        warnings += (
            f"{where}: {len(doubled):,} labels stand twice in their cell (rows "
            f"{', '.join(doubled[:_SHOWN])}{more}): once is enough",
        )
    return LabelSets(names, given, labelled, reading, values.spellings, warnings)


def _enough(names: tuple[str, ...], where: str, reading: SetReading) -> tuple[str, ...]:
    if len(names) < 2:
        found = f"only {names[0]!r}" if names else "none"
        raise DataError(
            f"{where}: two labels or more are needed, and there is {found}",
            f"is {reading.separator!r} what stands between the labels (--multi-label), and this "
            "the label column (--label-column)?",
        )
    return names


def _of_columns(source: Source, reading: SetReading) -> LabelSets:
    """Read one column of yes and no a class; a row with gaps is unlabelled."""
    given, known = read_yes_no(source, reading.columns)
    names = class_names(reading.columns)
    order = [reading.columns.index(name) for name in names]
    labelled = np.asarray(known.all(axis=1))
    gaps = int((known.any(axis=1) & ~labelled).sum())
    warnings: tuple[str, ...] = ()
    if gaps:
        rows = "1 row has" if gaps == 1 else f"{gaps:,} rows have"
        warnings = (
            f"{source.name}: {rows} a label in some of --label-columns and a gap in others: "
            "unlabelled",
        )
    given[~labelled] = False
    return LabelSets(names, given[:, order], labelled, reading, {}, warnings)
