"""Vectors that a user has of the rows: from an array, a file, or a column of the data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.columns import list_columns, resolve_column
from noisefix.tables.label_values import read_ids
from noisefix.tables.numpy_file import RowsOnDisk, is_numpy, read_array, rows_on_disk
from noisefix.tables.source import Source, read_source
from noisefix.vectors import InMemory, Vectors, blocks

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "column:"
"""Begins the name of a column of the data, where a file might stand."""

_ID = "id"
_USUAL = ("embedding", "embeddings", "vector", "vectors", "emb", "features")
_SHOWN = 5
_BLOCK = 1 << 22
"""Numbers that are brought to unit length at a time."""

_AS_ARRAY = "save an array of shape (rows, numbers): numpy.save(FILE, embeddings)"


def read_vectors(given: Any, source: Source, ids: Sequence[str]) -> np.ndarray:
    """Return the vectors of the rows of a table, in their order and of unit length.

    Args:
        given: an (N, D) array; a .npy or .npz file of one; a Parquet (or JSON Lines) file with a
            column of lists, or one column a number; or "column:NAME", a column of the table.
            A column ``id`` of a file, or an array ``ids`` of a .npz file, joins the rows; without
            one they are taken in order.
        source: the table.
        ids: (N,) ids of its rows.

    Returns:
        (N, D) float32.

    Raises:
        DataError: they cannot be read, are of another number than the rows, hold what is no finite
            number, or are zero.
    """
    name = given if isinstance(given, str | Path) else f"an array ({type(given).__name__})"
    if isinstance(given, str) and given.startswith(COLUMN):
        column = resolve_column(source, given.removeprefix(COLUMN), "--embeddings")
        name = f"{source.name}, column {column!r}"
        return unit_rows(_list_cells(source.table, column, name), name)
    title = f"--embeddings {name}"
    if not isinstance(given, str | Path):
        return unit_rows(_in_order(as_matrix(given, title), None, ids, title), title)
    if is_numpy(given):
        stored = read_array(given, "embeddings", "numbers")
        return unit_rows(_in_order(stored.values, stored.ids, ids, title), title)
    table = read_source(given)
    if table.format == "csv":
        raise DataError(f"{title}: {table.name} is neither a NumPy file nor Parquet", _AS_ARRAY)
    matrix, known = _of_table(table, title)
    return unit_rows(_in_order(matrix, known, ids, title), title)


def as_matrix(given: Any, title: str) -> np.ndarray:
    """Return what may stand for an array of two dimensions as one.

    Args:
        given: an array, a tensor or lists of numbers.
        title: for messages.

    Raises:
        DataError: it is none of numbers, or of other dimensions.
    """
    try:
        matrix = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{title}: rows of different lengths, or no numbers", _AS_ARRAY) from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiub":
        raise DataError(
            f"{title}: an array of shape {matrix.shape} and type {matrix.dtype}, not one row of "
            "numbers for each row of the data",
            "give an array of shape (rows, numbers)",
        )
    return matrix


def unit_rows(matrix: np.ndarray, title: str) -> np.ndarray:
    """Return (N, D) float32 rows of unit length.

    Args:
        matrix: (N, D) numbers of any type.
        title: for messages.

    Raises:
        DataError: a row holds NaN or infinity, or is zero; or there are no columns.
    """
    n_rows, size = matrix.shape
    if not size:
        raise DataError(f"{title}: the vectors hold no numbers", _AS_ARRAY)
    unit, faults = np.empty((n_rows, size), dtype=np.float32), _Faults(title)
    step = max(_BLOCK // size, 1)
    for start in range(0, n_rows, step):
        unit[start : start + step] = faults.unit(matrix[start : start + step], start)
    faults.tell()
    return unit


class _Faults:
    """Brings rows to unit length, and remembers those that cannot be."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bad: list[int] = []
        self._zero: list[int] = []

    def unit(self, matrix: np.ndarray, start: int) -> np.ndarray:
        """Return (R, D) float64 rows of unit length, of the rows from ``start`` on."""
        rows = matrix.astype(np.float64)
        finite = np.isfinite(rows).all(axis=1)
        rows[~finite] = 1
        # By the largest number first: squares of what is huge or tiny leave the range of floats.
        largest = np.abs(rows).max(axis=1, keepdims=True)
        is_zero = largest[:, 0] == 0
        largest[is_zero] = 1
        rows /= largest
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        lengths[is_zero] = 1
        self._bad += (start + 1 + np.flatnonzero(~finite)).tolist()
        self._zero += (start + 1 + np.flatnonzero(is_zero)).tolist()
        rows /= lengths
        return rows

    def tell(self) -> None:
        """Raise what is wrong with the rows, if anything is."""
        if self._bad:
            raise DataError(
                f"{self._title}: NaN or infinity in the vectors of {_rows(self._bad)}",
                "compute these vectors again, or leave the rows out",
            )
        if self._zero:
            raise DataError(
                f"{self._title}: all numbers are zero in the vectors of {_rows(self._zero)}, which "
                "says nothing of what they stand for",
                "compute these vectors again, or leave the rows out",
            )


@dataclass(frozen=True)
class _UnitRows:
    """The rows of a file, brought to unit length as they are read."""

    source: RowsOnDisk
    title: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def rows(self, first: int, last: int) -> np.ndarray:
        first, last, _ = slice(first, last).indices(len(self))
        rows = self.source.rows(first, max(first, last))
        return _Faults(self.title).unit(rows, first).astype(np.float32)

    def take(self, rows: np.ndarray) -> np.ndarray:
        taken = [self.rows(row, row + 1) for row in np.asarray(rows).tolist()]
        return np.concatenate([np.empty((0, self.shape[1]), np.float32), *taken])

    def check(self) -> None:
        faults = _Faults(self.title)
        for first, last in blocks(len(self), max(_BLOCK // self.shape[1], 1)):
            faults.unit(self.source.rows(first, last), first)
        faults.tell()


def open_vectors(given: Any, source: Source, ids: Sequence[str]) -> Vectors:
    """Return what ``read_vectors`` does; a .npy file is not held, but read when it is asked for.

    Args:
        given: as for ``read_vectors``.
        source: the table.
        ids: (N,) ids of its rows.

    Raises:
        DataError: as ``read_vectors``.
    """
    is_file = isinstance(given, str | Path) and not str(given).startswith(COLUMN)
    on_disk = rows_on_disk(given) if is_file and is_numpy(given) else None
    if on_disk is None or len(on_disk) != len(ids) or not on_disk.shape[1]:
        return InMemory(read_vectors(given, source, ids))
    rows = _UnitRows(on_disk, f"--embeddings {given}")
    rows.check()
    return rows


def _rows(numbers: list[int]) -> str:
    more = ", ..." if len(numbers) > _SHOWN else ""
    noun = "row" if len(numbers) == 1 else f"{len(numbers):,} rows:"
    return f"{noun} {', '.join(map(str, numbers[:_SHOWN]))}{more}"


def _in_order(
    matrix: np.ndarray, known: Sequence[str | None] | None, ids: Sequence[str], title: str
) -> np.ndarray:
    """Return the rows in the order of the data."""
    if known is None:
        if len(matrix) != len(ids):
            raise DataError(
                f"{title}: {len(matrix):,} vectors for {len(ids):,} rows of data",
                "give one for each row of the data, in their order; or a Parquet file with a "
                "column `id`",
            )
        return matrix
    place = {key: row for row, key in enumerate(known)}
    if len(known) != len(matrix) or None in place or len(place) != len(known):
        raise DataError(
            f"{title}: {len(matrix):,} vectors with {len(known):,} ids, of which "
            f"{len(set(known) - {None}):,} differ",
            "every vector needs an id of its own",
        )
    absent = [key for key in ids if key not in place]
    if absent:
        raise DataError(
            f"{title}: {len(absent):,} of {len(ids):,} rows have no vector: ids "
            f"{', '.join(absent[:_SHOWN])}",
            "every row of the data needs one, the unlabelled ones too; without --id-column, ids "
            "are row numbers",
        )
    order = np.array([place[key] for key in ids], dtype=np.int64)
    in_order: np.ndarray = matrix[order]
    return in_order


def _of_table(table: Source, title: str) -> tuple[np.ndarray, list[str | None] | None]:
    from pyarrow import types

    schema = table.table.schema
    known = None
    if _ID in table.columns:
        known = read_ids(table.table[_ID], schema.field(_ID), f"{table.name}, column {_ID!r}")
    others = [name for name in table.columns if name != _ID]
    lists = [name for name in others if _is_list(schema.field(name).type)]
    usual = [name for name in lists if name in _USUAL]
    if len(lists) == 1 or usual:
        chosen = (usual or lists)[0]
        return _list_cells(table.table, chosen, f"{title}, column {chosen!r}"), known
    numbers = [
        name
        for name in others
        if types.is_floating(schema.field(name).type) or types.is_integer(schema.field(name).type)
    ]
    if lists or not numbers or len(numbers) < len(others):
        raise DataError(
            f"{title}: no column is clearly the vectors; the columns are: {list_columns(table)}",
            "name the column of lists embedding, and a column of ids id",
        )
    filled = [table.table[name].to_numpy(zero_copy_only=False) for name in numbers]
    return np.stack(filled, axis=1), known


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(
        is_list and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type))
    )


def _list_cells(table: pa.Table, column: str, title: str) -> np.ndarray:
    """Return a column of lists of one length, or of such lists written as JSON, as a matrix."""
    cells = table.column(column)
    if not _is_list(cells.type):
        return _stacked([_parsed(cell, title, row) for row, cell in enumerate(cells, 1)], title)
    if cells.null_count:
        missing = [row for row, cell in enumerate(cells, 1) if not cell.is_valid]
        raise DataError(f"{title}: no vector in {_rows(missing)}", _REMEDY)
    return _stacked([chunk for part in cells.chunks for chunk in _arrays(part)], title)


_REMEDY = "give every row of the data a vector, the unlabelled ones too"


def _arrays(part: pa.Array) -> list[np.ndarray]:
    from pyarrow import types

    values = part.flatten().to_numpy(zero_copy_only=False)  # a null within it is NaN
    if types.is_fixed_size_list(part.type):
        size = part.type.list_size
        return list(values.reshape(len(part), size)) if size else []
    ends = np.cumsum(part.value_lengths().to_numpy(zero_copy_only=False))
    return np.split(values, ends[:-1]) if len(part) else []


def _parsed(cell: Any, title: str, row: int) -> np.ndarray:
    text = cell.as_py()
    try:
        numbers = json.loads(text) if isinstance(text, str) else None
        vector = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError, RecursionError):
        vector = np.array(None)
    if vector.ndim != 1:
        raise DataError(
            f"{title}: row {row} is no list of numbers",
            "write each vector as a list: [0.12, -0.5, ...]",
        )
    return vector


def _stacked(vectors: list[np.ndarray], title: str) -> np.ndarray:
    lengths = np.array([len(vector) for vector in vectors])
    other = np.flatnonzero(lengths != lengths[0])
    if len(other):
        raise DataError(
            f"{title}: {lengths[0]} numbers in row 1, but {lengths[other[0]]} in row "
            f"{other[0] + 1}",
            "every vector must have the same number of numbers",
        )
    return np.stack(vectors)
