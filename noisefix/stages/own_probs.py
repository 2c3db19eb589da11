"""The user's own out-of-sample probabilities, brought into row and class order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5


def align_probs(table: pa.Table, ids: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Return the probabilities in the order of the rows and classes of the data.

    Args:
        table: one column for each class, named like it; a column ``id`` joins the rows, and
            without one they are taken in order.
        ids: (N,) row ids of the data.
        names: (K,) class names.

    Returns:
        (N, K) float64.

    Raises:
        DataError: a class has no column, a row has no probabilities, an id is doubled, or a cell
            is not a number.
    """
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise DataError(
            f"the probabilities have no column for {len(missing)} of {len(names)} classes: "
            f"{', '.join(missing[:_SHOWN])}",
            f"its columns are {', '.join(table.column_names[:10])}; name one after each class",
        )
    columns = []
    for name in names:
        try:
            columns.append(table[name].to_numpy().astype(np.float64))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the probabilities' column {name!r} holds something that is not a number"
            ) from error
    probs = np.stack(columns, axis=1)
    if "id" not in table.column_names:
        if len(probs) != len(ids):
            raise DataError(
                f"{len(probs)} rows of probabilities for {len(ids)} rows of data",
                "give them a column `id`, or one row for each row of the data",
            )
        return probs
    place = {str(key): row for row, key in enumerate(table["id"].to_pylist())}
    if len(place) != table.num_rows:
        raise DataError("the probabilities' column `id` has doubled values")
    absent = [key for key in ids if key not in place]
    if absent:
        raise DataError(
            f"{len(absent)} of {len(ids)} rows have no probabilities: ids "
            f"{', '.join(absent[:_SHOWN])}",
            "every row of the data needs probabilities, the unlabelled ones too",
        )
    return probs[[place[key] for key in ids]]
