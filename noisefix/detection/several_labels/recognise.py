"""How several labels a row are written in a table, told from the table itself."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import partial

from noisefix.errors import DataError
from noisefix.tables.dataset import FoundColumns, find_columns
from noisefix.tables.label_checks import separator_of
from noisefix.tables.label_sets import LISTS, SetReading, cell_values
from noisefix.tables.label_values import column_labels
from noisefix.tables.source import Source
from noisefix.tables.text_columns import text_names
from noisefix.tables.yes_no import read_yes_no

_LEAST_COLUMNS = 2


def recognised(
    source: Source,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
) -> SetReading | None:
    """Tell whether rows have several labels, and how they are written; None: nothing says so.

    Lists in the label column say so, and cells such as ``a|b`` where the parts are labels of other
    cells. Where no column is the label, two columns or more of nothing but yes and no do.

    Args:
        source: the table.
        text_column: the user's choice; None: it is guessed.
        label_column: likewise.
        id_column: likewise.
    """
    find = partial(find_columns, source, text_column=text_column, id_column=id_column)
    label = None
    with suppress(DataError):  # what is wrong with the columns, whoever reads the rows says
        label = find(label_column=label_column, needs_labels=True).label
    if label is None and label_column is None:
        with suppress(DataError):
            return _columns(source, find(label_column=None, needs_labels=False))
    if label is None:
        return None
    cells = cell_values(source.table.column(label), source.table.schema.field(label))
    if any(isinstance(cell, list) for cell in cells):
        return SetReading(LISTS) if all(_is_flat(cell) for cell in cells) else None
    separator = separator_of(column_labels(source, label).labels)
    return None if separator is None else SetReading(separator)


def _is_flat(cell: object) -> bool:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return True
    return isinstance(cell, list) and not any(isinstance(part, list | dict) for part in cell)


def _columns(source: Source, found: FoundColumns) -> SetReading | None:
    """Return the columns of yes and no, where there are two or more."""
    texts = () if found.text is None else text_names(source.columns, found.text)
    columns = [name for name in source.columns if name not in {*texts, found.id.column}]
    classes = tuple(name for name in columns if _is_yes_no(source, name))
    return SetReading(columns=classes) if len(classes) >= _LEAST_COLUMNS else None


def _is_yes_no(source: Source, column: str) -> bool:
    """Tell a column in which some rows say yes, some say no, and none says anything else."""
    try:
        given, known = read_yes_no(source, (column,))
    except DataError:
        return False
    return bool(given.any() and (known & ~given).any())


def how_it_is_read(reading: SetReading) -> str:
    """Say in words how the labels are read, and by which option."""
    if reading.columns:
        return f"several labels a row: {_listed(reading.columns)} hold yes and no (label_columns)"
    if reading.separator == LISTS:
        return "several labels a row: the label cells are lists (multi_label)"
    return f"several labels a row: {reading.separator!r} stands between them (multi_label)"


def _listed(names: Collection[str]) -> str:
    some = list(names)
    return ", ".join(some[:5]) + (f" and {len(some) - 5} more" if len(some) > 5 else "")
