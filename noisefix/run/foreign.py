"""Tables that somebody else made: what they must hold to take the place of a stage's own.

Columns are checked as docs/tables.md names them; what is found wrong is told with file, column, row
and a remedy. Class names come from the given labels, in canonical order, unless the table's
``noisefix`` metadata name them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import class_names
from noisefix.probability import mean_half_width
from noisefix.run.arrays import list_matrix
from noisefix.run.checks import check_key, conform
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa

_TOLERANCE = 1e-3
_ACTIONS = ("keep", "relabel", "review", "drop")
_REMEDY = "docs/tables.md names the columns, and what each must hold"


def accept(
    table: pa.Table, schema: TableSchema, where: str, provenance: Provenance | None
) -> tuple[pa.Table, Provenance]:
    """Check a table that no stage has written, and say what is known of it.

    Args:
        table: (N rows) the documented columns, in any order, and any others.
        schema: the table it stands for.
        where: its file, for messages.
        provenance: what its metadata say, if anything: ``class_names`` there give the order of
            the classes.

    Returns:
        The table in the schema's types (whole numbers become ids, doubles in lists floats), and a
        provenance with class names and, for issues, the facts that other commands need: the noise
        rate is the mean p_error, its interval that of a sum of independent errors of these
        probabilities.

    Raises:
        DataError: a column is missing or has another type; a value is out of range; a key is not
            unique.
    """
    try:
        ready = conform(_eased(table, schema), schema, where)
        check_key(ready, schema, where)
    except DataError as error:
        raise DataError(error.message, error.hint or _REMEDY) from error
    known = provenance or Provenance(schema.name, schema.version, noisefix_version="")
    if not known.class_names and "given_label" in ready.column_names:
        known = replace(known, class_names=class_names(ready["given_label"].to_pylist()))
    check = _CHECKS.get(schema.name)
    if check is not None:
        check(_Columns(ready, f"{where}: {schema.name} table"), known.class_names)
    if schema.name == "issues":
        known = replace(known, results=_facts(ready) | known.results)
    return ready, known


def _eased(table: pa.Table, schema: TableSchema) -> pa.Table:
    """Return the table with whole numbers as ids and labels, and doubles as floats in lists."""
    import pyarrow as pa

    wanted = {column.name: column.type for column in schema.columns}
    for place, field in enumerate(table.schema):
        kind, target = field.type, wanted.get(field.name, "")
        if target == "string" and pa.types.is_integer(kind):
            table = table.set_column(place, field.name, table[field.name].cast(pa.string()))
        elif "list<float>" in target and getattr(kind, "value_type", None) == pa.float64():
            is_fixed = pa.types.is_fixed_size_list(kind)
            floats = pa.list_(pa.float32(), kind.list_size if is_fixed else -1)
            table = table.set_column(place, field.name, table[field.name].cast(floats))
    return table


class _Columns:
    """The columns of a table, and a way to refuse the first row that is wrong."""

    def __init__(self, table: pa.Table, title: str) -> None:
        self.table, self.title = table, title

    def refuse(self, bad: np.ndarray, column: str, what: str, remedy: str = _REMEDY) -> None:
        """Raise an error where any of (N,) rows is bad."""
        rows = np.flatnonzero(bad)
        if rows.size:
            raise DataError(
                f"{self.title}, column {column!r}, row {rows[0] + 1}: {what} "
                f"({rows.size} such rows)",
                remedy,
            )

    def matrix(self, column: str) -> np.ndarray:
        """Return a column of lists of one length as (N, length) float64."""
        matrix: np.ndarray = list_matrix(self.table[column]).astype(np.float64)
        self.refuse(~np.isfinite(matrix).all(axis=1), column, "NaN or infinity")
        return matrix

    def known_labels(self, column: str, names: tuple[str, ...]) -> None:
        """Refuse a label that is none of the classes."""
        labels = self.table[column].to_pylist()
        bad = np.array([label is not None and label not in names for label in labels], dtype=bool)
        first = labels[int(bad.argmax())] if bad.any() else None
        self.refuse(bad, column, f"{first!r} is no class; the classes are {_listed(names)}")


def _embeddings(columns: _Columns, names: tuple[str, ...]) -> None:
    lengths = np.linalg.norm(columns.matrix("embedding"), axis=1)
    columns.refuse(
        (np.abs(lengths - 1) > _TOLERANCE) & (lengths > 0),
        "embedding",
        "a vector of another length than 1",
        "divide every vector by its length",
    )


def _issues(columns: _Columns, names: tuple[str, ...]) -> None:
    is_labelled = np.array(
        [label is not None for label in columns.table["given_label"].to_pylist()]
    )
    p_error = columns.table["p_error"].to_numpy(zero_copy_only=False).astype(np.float64)
    for column in ("p_error", "rank"):
        is_null = columns.table[column].is_null().to_numpy()
        columns.refuse(is_null & is_labelled, column, "null, though the row has a given_label")
    columns.refuse(is_labelled & ~((p_error >= 0) & (p_error <= 1)), "p_error", "outside 0 to 1")
    columns.refuse(~is_labelled & ~np.isnan(p_error), "p_error", "not null, but given_label is")
    for column in ("pred_probs", "true_label_probs"):
        probs = columns.matrix(column)
        if probs.shape[1] != len(names):
            raise DataError(
                f"{columns.title}, column {column!r}: {probs.shape[1]} probabilities a row, but "
                f"{len(names)} classes ({_listed(names)})",
                "classes that no row was given must be named: class_names in the noisefix metadata "
                "(docs/tables.md)",
            )
        is_wrong = (probs < 0).any(axis=1) | (np.abs(probs.sum(axis=1) - 1) > _TOLERANCE)
        columns.refuse(is_wrong, column, "no probabilities: they must sum to 1")
    for column in ("given_label", "predicted_label", "suggested_label"):
        columns.known_labels(column, names)


def _candidates(columns: _Columns, names: tuple[str, ...]) -> None:
    labels = columns.table["candidate_labels"].to_pylist()
    weights = columns.table["candidate_weights"].to_pylist()
    pairs = list(zip(labels, weights, strict=True))
    differ = np.array([len(row) != len(values) for row, values in pairs], dtype=bool)
    columns.refuse(differ, "candidate_weights", "not one weight for each candidate label")
    off = [bool(row) and not abs(sum(row) - 1) <= _TOLERANCE for row in weights]
    columns.refuse(np.array(off, dtype=bool), "candidate_weights", "they must sum to 1")


def _relabels(columns: _Columns, names: tuple[str, ...]) -> None:
    actions = columns.table["action"].to_pylist()
    columns.refuse(
        np.array([action not in _ACTIONS for action in actions], dtype=bool),
        "action",
        f"none of {', '.join(_ACTIONS)}",
    )
    finals = columns.table["final_label"].to_pylist()
    columns.refuse(
        np.array([a == "relabel" and f is None for a, f in zip(actions, finals, strict=True)]),
        "final_label",
        "null, though the action is relabel",
    )


_CHECKS: dict[str, Callable[[_Columns, tuple[str, ...]], None]] = {
    "embeddings": _embeddings,
    "issues": _issues,
    "candidates": _candidates,
    "relabels": _relabels,
}


def _facts(issues: pa.Table) -> dict[str, Any]:
    """Return what the joint stage hands on, as far as p_error alone tells it."""
    p_error = issues["p_error"].drop_null().to_numpy()
    rate = float(p_error.mean()) if p_error.size else 0.0
    spread = mean_half_width(p_error)
    return {
        "rows": issues.num_rows,
        "labelled": int(p_error.size),
        "issues": int(issues["is_issue"].to_numpy().sum()),
        "noise_rate": rate,
        "noise_rate_low": max(rate - spread, 0.0),
        "noise_rate_high": min(rate + spread, 1.0),
        "can_relabel": False,
    }


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
