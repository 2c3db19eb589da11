"""Probabilities and vectors from a NumPy file: what users of cleanlab have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.atomic import read_error

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CLASS_ORDER_KEY = b"noisefix_class_order"
"""Schema metadata of a table whose columns are the classes in order, whatever their names."""

_IDS = "ids"
_MAGIC = (b"\x93NUMPY", b"PK\x03\x04")


def is_numpy(path: str | Path) -> bool:
    """Tell whether a file is a NumPy array by its name or its first bytes."""
    if str(path).lower().endswith((".npy", ".npz")):
        return True
    try:
        with Path(path).open("rb") as file:
            return file.read(8).startswith(_MAGIC[0])
    except OSError:
        return False


def read_matrix(path: str | Path) -> pa.Table:
    """Read an (N, K) array of numbers as a table of K columns; nothing in the file is executed.

    Args:
        path: a .npy file, or a .npz file with one array, or one named ``pred_probs``.

    Raises:
        DataError: no such array, or not of two dimensions and numbers.
    """
    return matrix_table(read_array(path, "pred_probs", "classes").values)


def matrix_table(array: np.ndarray) -> pa.Table:
    """Return (N, K) numbers as a table of K columns, which are the classes in order."""
    import numpy as np
    import pyarrow as pa

    columns = [pa.array(np.ascontiguousarray(array[:, k])) for k in range(array.shape[1])]
    schema = pa.schema(
        [pa.field(str(k), column.type) for k, column in enumerate(columns)],
        metadata={CLASS_ORDER_KEY: b"sorted"},
    )
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """An array of N rows, and (N,) ids where a .npz file holds some; else None."""

    values: np.ndarray
    ids: list[str] | None


def read_array(path: str | Path, name: str, columns: str) -> ArrayFile:
    """Read an array of two dimensions, as ``load_array`` does.

    Args:
        path: the file.
        name: what the array is called in a .npz file.
        columns: what its columns are, for messages.

    Raises:
        DataError: no such array, or not of two dimensions and numbers.
    """
    found = load_array(path, name)
    array = found.values
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(
            f"{local_path(path).name}: holds an array of shape {array.shape} and type "
            f"{array.dtype}, not one row of numbers for each row of the data",
            f"save an array of shape (rows, {columns}): numpy.save(FILE, {name})",
        )
    return found


@dataclass(frozen=True)
class RowsOnDisk:
    """N rows of an array in a .npy file, read as they are asked for; nothing is kept open."""

    path: Path
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, first: int, last: int) -> np.ndarray:
        """Read the rows first..last-1, in the type of the file."""
        import numpy as np

        width = self.shape[1]
        place = self.offset + first * width * self.dtype.itemsize
        found = np.fromfile(self.path, self.dtype, (last - first) * width, offset=place)
        return found.reshape(-1, width)


def rows_on_disk(path: str | Path) -> RowsOnDisk | None:
    """Return the rows of a .npy file; None where it holds none of numbers, row after row.

    The file is not mapped into memory: pages of a map count as the process's own.
    """
    import numpy as np

    location = local_path(path)
    try:
        with location.open("rb") as file:
            if not file.read(8).startswith(_MAGIC[0]):
                return None
        found = np.load(location, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):  # told by ``read_array``
        return None
    if found.ndim != 2 or found.dtype.kind not in "fiu" or not found.flags.c_contiguous:
        return None
    n_rows, width = found.shape
    return RowsOnDisk(location, found.dtype, found.offset, (n_rows, width))


def load_array(path: str | Path, name: str) -> ArrayFile:
    """Read an array of any shape; nothing in the file is executed.

    Args:
        path: a .npy file, or a .npz file with one array, or one of that name; an array ``ids``
            beside it is read too.
        name: what the array is called in a .npz file.

    Raises:
        DataError: no such array.
    """
    import zipfile

    import numpy as np

    location = local_path(path)
    ids = None
    try:
        with location.open("rb") as file:
            if not file.read(8).startswith(_MAGIC):
                raise DataError(
                    f"{location.name}: is no NumPy file", "write it with numpy.save(FILE, array)"
                )
            file.seek(0)
            loaded: Any = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                array = loaded
            else:
                array = _only(loaded, location.name, name)
                ids = _ids(loaded, location.name)
    except OSError as error:
        raise read_error(error, location) from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{location.name}: cannot be read as a NumPy array: {error}",
            "save numbers only: numpy.save(FILE, array.astype(float))",
        ) from error
    return ArrayFile(array, ids)


def _only(archive: Any, file: str, name: str) -> Any:
    names = [key for key in archive.files if key != _IDS]
    chosen = name if name in names else names[0] if len(names) == 1 else None
    if chosen is None:
        raise DataError(
            f"{file}: holds {len(names)} arrays: {', '.join(names[:10])}",
            f"name one of them {name}, or save it alone with numpy.save",
        )
    return archive[chosen]


def _ids(archive: Any, file: str) -> list[str] | None:
    if _IDS not in archive.files:
        return None
    ids = archive[_IDS]
    if ids.ndim != 1 or ids.dtype.kind not in "iuU":
        raise DataError(
            f"{file}: ids is an array of shape {ids.shape} and type {ids.dtype}",
            "save one id a row, as text or whole numbers",
        )
    return [str(value) for value in ids.tolist()]
