"""Which order rows stand in, and in which groups, read from columns of the input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.probing.hidden_chain import NO_PLACE, Sequences
from noisefix.tables.columns import resolve_column
from noisefix.tables.label_values import read_ids

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.dataset import Dataset
    from noisefix.tables.source import Source

_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_UNCLEAR_DATE = re.compile(
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}\b.*|(?:.*\W)?{_MONTH}\.?(?:\W+\d.*)?"
    rf"|\d{{1,2}}\.?\W+{_MONTH}\b.*",
    re.IGNORECASE,
)
_MOSTLY = 0.5
_ISO = "write dates as 2026-11-29 or 2026-11-29T08:30:00, or give a number in their place"


def order_rows(dataset: Dataset, order_column: str, group_column: str | None) -> pa.Table:
    """Return id, group and place of the rows of a data set that have both.

    Args:
        dataset: the input, with its ids.
        order_column: see ``ordered_rows``.
        group_column: likewise.
    """
    purposes = {"text": dataset.text_column, "label": dataset.label_column}
    return ordered_rows(dataset.source, order_column, group_column, dataset.ids, purposes=purposes)


def ordered_rows(
    source: Source,
    order_column: str,
    group_column: str | None,
    ids: Sequence[str],
    *,
    purposes: Mapping[str, str | None],
) -> pa.Table:
    """Return id, group and place of the rows of a table that have both.

    The order is a number, a date (ISO 8601) or text, in which digits count as numbers ("turn 2"
    comes before "turn 10"). Rows of one group with the same order follow each other as in the file.
    Rows without an order or a group are left out: they get no message from others.

    Args:
        source: the table, R rows.
        order_column: name of the column with the order.
        group_column: name of the column with the conversation, document or session; None: all rows
            are one sequence.
        ids: (R,) their ids.
        purposes: the columns that were judged: "text" and "label". Empty where this is another
            table.

    Raises:
        UsageError: a column serves another purpose.
        DataError: there is no such column, nothing in it, or the same in all rows; an order cannot
            be read as most others can.
    """
    import pyarrow as pa

    order = _column(source, order_column, "--order-column", purposes)
    places = _places(_values(source, order), f"{source.name}, column {order!r}")
    groups: Sequence[str | None] = [""] * len(ids)
    if group_column is not None:
        name = _column(source, group_column, "--group-column", purposes)
        where = f"{source.name}, column {name!r}"
        groups = read_ids(source.table[name], source.table.schema.field(name), where)
        if name == order:
            raise UsageError(
                f"one column cannot serve two purposes: --order-column and --group-column {name}",
                "name the column with the order within a group",
            )
        if all(group is None for group in groups):
            raise DataError(
                f"{where}: is empty (--group-column)", "leave it out if all rows are one sequence"
            )
    kept = [
        row for row, group in enumerate(groups) if places[row] != NO_PLACE and group is not None
    ]
    return pa.table(
        {
            "id": pa.array([ids[row] for row in kept], pa.string()),
            "group": pa.array([groups[row] for row in kept], pa.string()),
            "place": pa.array(places[kept], pa.int64()),
        }
    )


def sequences_of(table: pa.Table | None, ids: Sequence[str]) -> Sequences | None:
    """Bring what ``ordered_rows`` returned into the order of the rows; None where nothing was.

    Args:
        table: id, group and place.
        ids: (N,) row ids.
    """
    if table is None:
        return None
    stands = dict(
        zip(
            table["id"].to_pylist(),
            zip(table["group"].to_pylist(), table["place"].to_pylist(), strict=True),
            strict=True,
        )
    )
    found = [stands.get(key, ("", NO_PLACE)) for key in ids]
    names = sorted({group for group, place in found if place != NO_PLACE})
    number = {name: k for k, name in enumerate(names)}
    return Sequences(
        np.array([number.get(group, 0) for group, _ in found], dtype=np.int64),
        np.array([place for _, place in found], dtype=np.int64),
        tuple(names) if names != [""] else (),
    )


def _column(source: Source, column: str, option: str, purposes: Mapping[str, str | None]) -> str:
    name = resolve_column(source, column, option)
    for purpose, other in purposes.items():
        if name == other:
            raise UsageError(
                f"{option} {column}: this is the {purpose} column itself",
                "name a column that says when, or in which place of a conversation, a row was "
                "said; without one leave the option out",
            )
    return name


def _values(source: Source, name: str) -> list[Any]:
    """Return (R,) values; None where there is none."""
    values = source.table[name].to_pylist()
    if any(isinstance(value, (list, dict, bytes)) for value in values):
        raise DataError(
            f"{source.name}, column {name!r}: holds lists or objects, which have no order",
            "name a column of numbers, dates or text with --order-column",
        )
    return [_cleaned(value) for value in values]


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and value != value else value


def _places(values: list[Any], where: str) -> np.ndarray:
    """Return (R,) int64 ranks of the values, equal ones alike; ``NO_PLACE`` where there is none."""
    present = [(row, value) for row, value in enumerate(values) if value is not None]
    if not present:
        raise DataError(
            f"{where}: is empty (--order-column)", "name a column with numbers, dates or text"
        )
    keys = [_key(value) for _, value in present]
    kinds = {kind for kind, _ in keys}
    for kind, what in (("number", "a number"), ("date", "a date")):
        n_kind = sum(found == kind for found, _ in keys)
        if _MOSTLY * len(keys) < n_kind < len(keys):
            odd = next(k for k, (found, _) in enumerate(keys) if found != kind)
            raise DataError(
                f"{where}, row {present[odd][0] + 1}: {str(present[odd][1])[:40]!r} is not "
                f"{what}, as {n_kind:,} others are",
                "mend the row, or empty the cell: it then gets no message from other rows",
            )
    if len(kinds) > 1:
        keys = [("text", _natural(str(value))) for _, value in present]
    if keys[0][0] == "text":
        for row, value in present:
            if _UNCLEAR_DATE.fullmatch(str(value)):
                raise DataError(
                    f"{where}, row {row + 1}: {str(value)[:40]!r} looks like a date, but not one "
                    "whose order is certain",
                    _ISO,
                )
    rank = {key: place for place, key in enumerate(sorted({key for _, key in keys}))}
    if len(rank) < 2:
        raise DataError(
            f"{where}: is the same in every row (--order-column)",
            "name a column that tells which row comes after which",
        )
    places = np.full(len(values), NO_PLACE, dtype=np.int64)
    for (row, _), (_, key) in zip(present, keys, strict=True):
        places[row] = rank[key]
    return places


def _key(value: Any) -> tuple[str, Any]:
    """Return the kind of a value, and what it is sorted by."""
    if isinstance(value, datetime):
        return "date", value.replace(tzinfo=value.tzinfo or UTC)
    if isinstance(value, date):
        return "date", datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str):
        return ("number", value) if not hasattr(value, "isoformat") else ("text", str(value))
    for number in (int, float):
        try:
            found = number(value)
        except ValueError:
            continue
        if isfinite(found):
            return "number", found
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "text", _natural(value)
    return "date", moment.replace(tzinfo=moment.tzinfo or UTC)


def _natural(text: str) -> tuple[tuple[str, int], ...]:
    """Return text and numbers in turn, so that "turn 2" comes before "turn 10"."""
    parts = re.split(r"([0-9]{1,18})", text)
    ahead, numbers = parts[::2], [int(part) for part in parts[1::2]] + [-1]
    return tuple(zip(ahead, numbers, strict=True))
