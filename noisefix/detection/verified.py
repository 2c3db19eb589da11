"""Which rows a person has verified, read from a column of the input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.labels import UNLABELLED, class_names
from noisefix.tables.columns import resolve_column
from noisefix.tables.formulas import restored_labels
from noisefix.tables.label_rules import NO_RULES, LabelRules
from noisefix.tables.label_values import column_labels
from noisefix.tables.text_columns import text_names

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.dataset import Dataset
    from noisefix.tables.source import Source

_YES = frozenset({"true", "1", "yes", "y", "t", "x", "verified", "trusted", "gold"})
_NO = frozenset({"false", "0", "no", "n", "f"})


@dataclass(frozen=True, eq=False)
class Trusted:
    """Which of N rows a person vouches for, and what they said.

    Attributes:
        is_trusted: (N,) bool.
        labels: (N,) int64 indices into ``names``, -1 = not verified.
        is_fair: (N,) bool: rows that were not picked for being right, whose errors tell of others.
        names: the class names, then verified labels that no row was given.
    """

    is_trusted: np.ndarray
    labels: np.ndarray
    is_fair: np.ndarray
    names: tuple[str, ...]


def trusted_rows(dataset: Dataset, column: str) -> pa.Table:
    """Return id and verified_label of the rows of a data set that a person has verified.

    Args:
        dataset: the input, with its ids.
        column: name of the column; see ``verified_rows``.

    Raises:
        DataError: there is no such column, or nothing in it; or its values can be read both ways.
    """
    purposes = {
        "text": dataset.text_column,
        "label": dataset.label_column,
        "id": dataset.id_column,
    }
    return verified_rows(
        dataset.source,
        column,
        dataset.ids,
        dataset.given_labels,
        purposes=purposes,
        rules=dataset.rules,
    )


def verified_rows(
    source: Source,
    column: str,
    ids: Sequence[str],
    given_labels: Iterable[str | None],
    *,
    purposes: Mapping[str, str | None],
    rules: LabelRules = NO_RULES,
) -> pa.Table:
    """Return id and verified_label of the rows of a table that a person has verified.

    The column holds either yes and no (any of true/false, 1/0, yes/no, x), and then the given
    label is the verified one and ``verified_label`` is null; or the verified label itself, empty
    where a row was not looked at. A verified label may be one that no row was given. Where classes
    are called like marks (0 and 1), a column with both and with empty cells holds labels.

    Args:
        source: the table, R rows.
        column: name of the column.
        ids: (R,) their ids.
        given_labels: the labels that were given, in any order and number.
        purposes: the columns that were judged, by purpose: "text", "label", "id". Empty where
            this is another table.
        rules: how the given labels were read.

    Raises:
        UsageError: the column serves another purpose: labels do not verify themselves.
        DataError: there is no such column, or nothing in it; or its values can be read both ways.
    """
    import pyarrow as pa

    name = resolve_column(source, column, "--trusted-column")
    for purpose, other in purposes.items():
        if name in text_names(source.columns, other):
            raise UsageError(
                f"--trusted-column {column}: this is the {purpose} column itself, which says "
                "nothing of what a person has verified",
                "name the column in which a person has marked, or labelled again, what they have "
                "looked at; without one leave the option out",
            )
    where = f"{source.name}, column {name!r}"
    values = column_labels(source, name, like=purposes.get("label"), rules=rules).labels
    labels = {label for label in given_labels if label is not None}
    values = restored_labels(values, labels)
    present = {value for value in values if value is not None}
    if not present:
        raise DataError(
            f"{source.name}: the trusted column {name!r} is empty",
            "fill in the verified label, or yes, where a person has looked at a row",
        )
    is_marks = all(value.lower() in _YES | _NO for value in present)
    if is_marks and present <= labels:
        if None not in values or len({value.lower() in _YES for value in present}) < 2:
            raise DataError(
                f"{where}: {' and '.join(map(repr, sorted(present)))} may be marks of verified "
                "rows, or verified labels: there are classes of that name",
                "mark the verified rows with x and leave the others empty",
            )
        is_marks = False
    keys, verified = [], []
    for key, value in zip(ids, values, strict=True):
        if value is None or (is_marks and value.lower() in _NO):
            continue
        keys.append(key)
        verified.append(None if is_marks else value)
    return pa.table(
        {"id": pa.array(keys, pa.string()), "verified_label": pa.array(verified, pa.string())}
    )


def align_trusted(
    table: pa.Table | None, ids: Sequence[str], names: tuple[str, ...], given_labels: np.ndarray
) -> Trusted:
    """Bring what ``trusted_rows`` returned into the order of the rows and classes.

    Args:
        table: id and verified_label, and where people decided is_dropped; None: nothing is
            verified.
        ids: (N,) row ids.
        names: (K,) class names.
        given_labels: (N,) class ids, -1 = unlabelled.
    """
    import pyarrow.compute as pc

    nobody = np.zeros(len(ids), dtype=bool)
    labels = np.full(len(ids), UNLABELLED, dtype=np.int64)
    if table is None:
        return Trusted(nobody, labels, nobody, names)
    said: dict[str, str | None] = dict(
        zip(table["id"].to_pylist(), table["verified_label"].to_pylist(), strict=True)
    )
    dropped = set()
    if "is_dropped" in table.column_names:
        dropped = set(table.filter(pc.fill_null(table["is_dropped"], False))["id"].to_pylist())
    all_names = names + class_names(
        label for label in said.values() if label is not None and label not in names
    )
    index = {name: k for k, name in enumerate(all_names)}
    is_trusted, is_fair = nobody.copy(), nobody.copy()
    for row, key in enumerate(ids):
        if key not in said:
            continue
        is_trusted[row] = True
        label = said[key]
        if key in dropped:  # of no class: nothing to learn, and nothing to flag
            continue
        if label is None:  # marked as right, and perhaps chosen for it
            labels[row] = given_labels[row]
        else:
            labels[row], is_fair[row] = index[label], True
    return Trusted(is_trusted, labels, is_fair, all_names)
