"""The candidates table, for some rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.neighbors.candidates import Candidates


def build_candidates(
    rows: pa.Table, found: Candidates, every_id: pa.ChunkedArray, class_names: Sequence[str]
) -> pa.Table:
    """Return the candidates of some rows as a table.

    Args:
        rows: (R,) of the embeddings table: id and given_label.
        found: of these rows.
        every_id: (N,) ids of all rows, which the neighbours are indices of.
        class_names: (K,) in canonical order.
    """
    import pyarrow as pa

    order = np.argsort(-found.weights, axis=1, kind="stable")
    ranked = np.take_along_axis(found.weights, order, axis=1)
    is_label = ranked > 0  # the first few of each row
    near = found.neighbors
    is_there = near.indices >= 0
    names = pa.array(class_names, pa.string())
    ids = every_id.take(pa.array(near.indices[is_there])).combine_chunks().cast(pa.string())
    return pa.table(
        {
            "id": rows["id"],
            "given_label": rows["given_label"],
            "candidate_labels": _lists(is_label, names.take(pa.array(order[is_label]))),
            "candidate_weights": _lists(is_label, pa.array(ranked[is_label])),
            "is_certain": pa.array(found.is_certain),
            "neighbor_ids": _lists(is_there, ids),
            "neighbor_similarities": _lists(is_there, pa.array(near.similarities[is_there])),
        }
    )


def _lists(is_there: np.ndarray, flat: pa.Array) -> pa.Array:
    """Return lists of which the values lie one after the other, as many a row as are there."""
    import pyarrow as pa

    ends = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), flat)
