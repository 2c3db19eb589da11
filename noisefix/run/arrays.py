"""Columns of a table as arrays, without pandas, which Arrow loads for its own ``to_numpy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def column_array(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of N numbers or booleans as (N,); numbers with nulls become floats with NaN.

    Args:
        column: no null where it holds booleans.
    """
    import pyarrow as pa

    if not len(column):
        return np.empty(0, column.type.to_pandas_dtype())
    values = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    if pa.types.is_boolean(values.type):
        return np.from_dlpack(values.cast(pa.int8())).astype(bool)
    if not values.null_count:
        return np.from_dlpack(values)
    is_there = np.from_dlpack(values.is_valid().cast(pa.int8())).astype(bool)
    raw = np.frombuffer(values.buffers()[1], values.type.to_pandas_dtype())
    return np.where(is_there, raw[values.offset : values.offset + len(values)], np.nan)


def list_matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of N lists of one length as (N, length)."""
    flat = column.combine_chunks().flatten()
    found = np.from_dlpack(flat) if len(flat) and not flat.null_count else _converted(flat)
    return found.reshape(len(column), len(flat) // max(len(column), 1))


def take_rows(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return some rows of a table, in the order given.

    Args:
        table: N rows.
        rows: (R,) row numbers, 0-based.
    """
    import pyarrow as pa

    numbers = np.ascontiguousarray(rows, np.int64)
    return table.take(pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(numbers)]))


def _converted(flat: pa.Array) -> np.ndarray:
    found: np.ndarray = flat.to_numpy(zero_copy_only=False)
    return found
