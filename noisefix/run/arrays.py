"""Columns of a table as arrays, without pandas, which Arrow loads for its own ``to_numpy``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_STRINGS = 4096  # made at once


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


class Strings(Sequence[str]):
    """A column of N strings, made into Python's own as they are asked for; null counts as empty."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _STRINGS):
            yield from self[first : first + _STRINGS]

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            first, last, step = place.indices(len(self))
            found = self._column.slice(first, max(last - first, 0)).to_pylist()[::step]
            return [value or "" for value in found]
        value = self._column[place].as_py()
        return value or ""


def class_ids(column: pa.ChunkedArray, names: Sequence[str]) -> np.ndarray:
    """Return a column of labels as (N,) int64 class ids, -1 where there is none.

    Args:
        column: (N,) strings, each null or one of the names.
        names: (K,) class names.
    """
    index = {name: k for k, name in enumerate(names)}
    found = [np.empty(0, dtype=np.int64)]
    for chunk in column.dictionary_encode().chunks:
        of_code = np.array([*(index.get(name, -1) for name in chunk.dictionary.to_pylist()), -1])
        codes = np.from_dlpack(chunk.indices.fill_null(len(of_code) - 1))
        found.append(of_code[codes])
    return np.concatenate(found)


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
