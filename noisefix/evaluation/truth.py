"""The true labels of a run's rows: from a column of its input, or of another table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source


def read_truth(
    folder: RunFolder,
    issues: pa.Table,
    names: tuple[str, ...],
    truth: str,
    data: str | Path | None,
    id_column: str | None,
    bad_rows: str,
) -> list[str | None]:
    """Return (N,) true labels in the order of the issues; None where not known.

    Args:
        folder: the run folder.
        issues: its issues, with id, row_number and text.
        names: the run's classes.
        truth: column with the true labels.
        data: table that holds it, joined by id; None: the input of the run.
        id_column: id column of ``data``; None: named as in the input.
        bad_rows: for ``data``: "stop" or "skip".

    Raises:
        DataError: no such column, ids do not match, or no row has a truth.
        UsageError: the column is that of the given labels.
    """
    from noisefix.tables.formulas import restored_labels
    from noisefix.tables.label_values import column_labels
    from noisefix.tables.source import read_source

    about = folder.read()["input"]
    columns = about["columns"]
    source = folder.input.source() if data is None else read_source(data, bad_rows=bad_rows)
    _check_column(source, truth, "--truth")
    if truth == columns["label"]:
        raise UsageError(
            f"--truth {truth}: is the column that the run took the given labels from",
            "name the column with the verified labels",
        )
    where = f"{source.name}, column {truth!r}"
    cells = column_labels(source, truth, like=columns["label"], rules=folder.label_rules()).labels
    labels = restored_labels(cells, names)
    join_column = id_column or columns["id"]
    if join_column is None and columns["text"] is None:
        raise UsageError(
            f"--data {data}: {folder.path} does not tell the columns of its input",
            "name the column with the ids of its tables with --id-column",
        )
    if source.sha256 == about.get("sha256"):
        keys, wanted = list(range(1, len(source) + 1)), issues["row_number"].to_pylist()
    elif join_column is None:
        _check_same_rows(source, issues, columns["text"], folder.path)
        keys, wanted = list(range(1, len(source) + 1)), issues["row_number"].to_pylist()
    else:
        keys, wanted = _unique_ids(source, join_column), issues["id"].to_pylist()
    found = dict(zip(keys, labels, strict=True))
    joined = [found.get(key) for key in wanted]
    if all(label is None for label in joined):
        matched = sum(key in found for key in wanted)
        raise DataError(
            f"{where}: no truth for any of the {len(wanted)} rows of {folder.path} "
            f"({matched} of their ids are in this file)",
            "check --truth, --data and --id-column",
        )
    return joined


def _unique_ids(source: Source, column: str) -> list[Any]:
    from noisefix.tables.label_values import read_ids

    _check_column(source, column, "--id-column")
    where = f"{source.name}, column {column!r}"
    ids = read_ids(source.table.column(column), _field(source, column), where)
    doubled = next((value for value, n in Counter(ids).items() if n > 1), None)
    if doubled is not None:
        rows = [str(row) for row, value in enumerate(ids, 1) if value == doubled]
        raise DataError(
            f"{where}: id {doubled!r} appears more than once, in rows {', '.join(rows[:5])}",
            "a truth can be joined by unique ids only",
        )
    return ids


def _check_same_rows(source: Source, issues: pa.Table, text_column: str, run: Path) -> None:
    """Without ids, rows are told apart by position: make sure that it means the same."""
    from noisefix.tables.text_columns import column_texts, text_names

    hint = "run detect with --id-column, or name the column with the run's ids here"
    if len(source) != issues.num_rows:
        raise DataError(
            f"{source.name}: has {len(source)} rows, but {run} was made from {issues.num_rows}, "
            "and there is no id column to join them by",
            hint,
        )
    if text_names(source.columns, text_column):
        theirs = column_texts(source.table, text_column, source.name)
        ours = dict(zip(issues["row_number"].to_pylist(), issues["text"].to_pylist(), strict=True))
        row = next((i for i, text in enumerate(theirs, 1) if text != (ours[i] or "")), None)
        if row is not None:
            raise DataError(
                f"{source.name}: row {row} has another text than row {row} of {run}, "
                "and there is no id column to join them by",
                hint,
            )


def _check_column(source: Source, column: str, option: str) -> None:
    if column not in source.columns:
        raise DataError(
            f"{source.name}: {option}: there is no column {column!r}",
            f"the columns are: {', '.join(source.columns)}",
        )


def _field(source: Source, column: str) -> pa.Field:
    return source.table.schema.field(column)
