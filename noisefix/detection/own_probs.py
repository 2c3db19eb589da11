"""The user's own out-of-sample probabilities, brought into row and class order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from noisefix.confident.validation import check_pred_probs
from noisefix.errors import DataError
from noisefix.tables.label_values import read_ids
from noisefix.tables.numpy_file import CLASS_ORDER_KEY

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5
_ID = "id"


def own_probs(table: pa.Table, ids: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Bring the probabilities into order and check them; see ``align_probs``.

    Raises:
        DataError: they do not fit the data (``align_probs``), or a row is no probability
            distribution (``check_pred_probs``).
    """
    return check_pred_probs(align_probs(table, ids, names))


def align_probs(table: pa.Table, ids: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the probabilities in the order of the rows and classes of the data.

    Args:
        table: one column for each class, named like it; a column ``id`` joins the rows, and
            without one (or with a class of that name) they are taken in order.
        ids: (N,) row ids of the data.
        names: (K,) class names.

    Returns:
        (N, K) float32 where all columns are, else float64.

    Raises:
        DataError: a class has no column, a row has no probabilities, an id is doubled or missing,
            or a cell is not a number.
    """
    import pyarrow as pa

    if is_in_class_order(table):
        if table.num_columns != len(names):
            raise DataError(
                f"the probabilities have {table.num_columns} columns for {len(names)} classes",
                f"one for each class, in this order: {', '.join(names)}",
            )
        table = table.rename_columns(list(names))
    missing = [name for name in names if name not in table.column_names]
    if missing:
        _check_numbered(table.column_names, names)
        raise DataError(
            f"the probabilities have no column for {len(missing)} of {len(names)} classes: "
            f"{', '.join(missing[:_SHOWN])}",
            f"its columns are {', '.join(table.column_names[:10])}; name one after each class",
        )
    order = _order(table, ids, names)
    is_single = all(table.schema.field(name).type == pa.float32() for name in names)
    probs = np.empty((len(ids), len(names)), dtype=np.float32 if is_single else np.float64)
    for k, name in enumerate(names):
        try:
            column = table[name].to_numpy().astype(probs.dtype)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the probabilities' column {name!r} holds something that is not a number"
            ) from error
        probs[:, k] = column if order is None else column[order]
    return probs


def is_in_class_order(table: pa.Table) -> bool:
    """Tell whether the columns are the classes in order, whatever they are called."""
    return CLASS_ORDER_KEY in (table.schema.metadata or {})


def _check_numbered(columns: Sequence[str], names: Sequence[str]) -> None:
    """Say which class is which column where columns have numbers, or values, for names.

    Raises:
        DataError: they have.
    """
    numbers = [name for name in columns if not name.startswith("Unnamed:") and name != _ID]
    if not numbers or not all(_is_number(name) for name in numbers):
        return
    order = ", ".join(f"{number} = {name}" for number, name in zip(numbers, names, strict=False))
    if numbers == [str(k) for k in range(len(numbers))]:
        raise DataError(
            f"the probabilities' columns are numbered, not named after the {len(names)} classes",
            f"if they are in sorted order ({order}), rename them so; a NumPy file (.npy) is "
            "taken to be in that order",
        )
    raise DataError(
        "the probabilities have no header: their first row is numbers",
        f"put a first line above it; if they are in sorted order: {','.join(names)}",
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _order(table: pa.Table, ids: Sequence[str], names: Sequence[str]) -> np.ndarray | None:
    """Return the table's row for each id; None where they are in order already."""
    if _ID not in table.column_names or _ID in names:
        if table.num_rows != len(ids):
            raise DataError(
                f"{table.num_rows} rows of probabilities for {len(ids)} rows of data",
                "give them a column `id`, or one row for each row of the data",
            )
        return None
    known = read_ids(table[_ID], table.schema.field(_ID), "the probabilities, column 'id'")
    place = {key: row for row, key in enumerate(known)}
    if None in place:
        raise DataError(f"the probabilities, column 'id': row {known.index(None) + 1} has no id")
    if len(place) != len(known):
        raise DataError("the probabilities' column `id` has doubled values")
    absent = [key for key in ids if key not in place]
    if absent:
        raise DataError(
            f"{len(absent)} of {len(ids)} rows have no probabilities: ids "
            f"{', '.join(absent[:_SHOWN])}",
            "every row of the data needs probabilities, the unlabelled ones too; without "
            "--id-column, ids are row numbers",
        )
    return np.array([place[key] for key in ids], dtype=np.int64)
