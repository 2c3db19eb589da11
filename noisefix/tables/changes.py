"""What shall change in a source, checked against it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from noisefix.errors import DataError
from noisefix.tables.source import Source


@dataclass(frozen=True)
class NewRow:
    """A row to put after all others of its file.

    Attributes:
        like: number of the row (1 = first data row) after which it is made.
        values: what it holds, by column; those of added columns too. All else is empty.
        kept: columns in which it holds what that row holds.
    """

    like: int
    values: Mapping[str, str]
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Changes:
    """Edits, dropped rows, added columns and new rows that fit a source of N rows.

    Attributes:
        edits: new values by row number (1 = first data row), then by column name.
        dropped: row numbers to leave out.
        added: (N,) values of each new column.
        new_rows: rows to add, in order.
    """

    edits: dict[int, dict[str, str | None]]
    dropped: frozenset[int]
    added: dict[str, Sequence[str | None]]
    new_rows: tuple[NewRow, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when nothing changes."""
        return not (self.edits or self.dropped or self.added or self.new_rows)

    @classmethod
    def checked(
        cls,
        source: Source,
        edits: Mapping[tuple[int, str], str | None],
        dropped: Collection[int],
        added: Mapping[str, Sequence[str | None]],
        new_rows: Sequence[NewRow] = (),
    ) -> Changes:
        """Check the changes against the source; edits of dropped rows fall away.

        Raises:
            DataError: a row or column that is not there, a new column that is, or one with another
                number of values than there are rows.
        """
        gone = frozenset(int(row) for row in dropped)
        by_row: dict[int, dict[str, str | None]] = {}
        for (row, column), value in edits.items():
            if column not in source.columns:
                raise DataError(f"{source.name}: there is no column {column!r} to edit")
            if row not in gone:
                by_row.setdefault(int(row), {})[column] = value
        for row in (*gone, *by_row, *(new.like for new in new_rows)):
            if not 1 <= row <= len(source):
                raise DataError(f"{source.name}: there is no row {row}; it has {len(source)} rows")
        for column, values in added.items():
            if column in source.columns:
                raise DataError(
                    f"{source.name}: there is a column {column!r} already",
                    "choose another name for the new column",
                )
            if len(values) != len(source):
                raise DataError(
                    f"{source.name}: {len(values)} values for the new column {column!r}, but "
                    f"{len(source)} rows"
                )
        return cls(by_row, gone, dict(added), tuple(new_rows))


def split_changes(changes: Changes, sizes: Sequence[int]) -> list[Changes]:
    """Return the changes of each of several files.

    Args:
        changes: the changes of all their rows.
        sizes: rows of each file.
    """
    ends = list(accumulate(sizes))
    starts = [end - size for end, size in zip(ends, sizes, strict=True)]
    edits: list[dict[int, dict[str, str | None]]] = [{} for _ in sizes]
    dropped: list[set[int]] = [set() for _ in sizes]
    for row, edited in changes.edits.items():
        k = bisect_left(ends, row)
        edits[k][row - starts[k]] = edited
    for row in changes.dropped:
        k = bisect_left(ends, row)
        dropped[k].add(row - starts[k])
    new_rows: list[list[NewRow]] = [[] for _ in sizes]
    for new in changes.new_rows:
        k = bisect_left(ends, new.like)
        new_rows[k].append(replace(new, like=new.like - starts[k]))
    return [
        Changes(
            edits[k],
            frozenset(dropped[k]),
            {name: values[starts[k] : ends[k]] for name, values in changes.added.items()},
            tuple(new_rows[k]),
        )
        for k in range(len(sizes))
    ]


def refuse_new_rows(source: Source, changes: Changes, kind: str) -> None:
    """Refuse rows to add where a kind of file cannot take them.

    Raises:
        DataError: there are some.
    """
    if changes.new_rows:
        raise DataError(
            f"{source.name}: rows cannot be added to {kind}",
            "save the input as CSV, JSON Lines or Parquet, and run noisefix detect on that",
        )


def cannot_hold(source: Source, row: int, column: str, value: str, why: str) -> DataError:
    """Word the error for a value that does not fit into its cell."""
    return DataError(
        f"{source.name}: row {row}, column {column!r}: {value!r} cannot be written: {why}",
        "map it to a value that fits, or convert the file to a format that holds any text (CSV)",
    )
