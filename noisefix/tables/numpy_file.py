"""Probabilities from a NumPy file: what users of cleanlab have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.atomic import read_error

if TYPE_CHECKING:
    import pyarrow as pa

CLASS_ORDER_KEY = b"noisefix_class_order"
"""Schema metadata of a table whose columns are the classes in order, whatever their names."""

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
    import numpy as np
    import pyarrow as pa

    array, name = read_array(path), local_path(path).name
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise DataError(
            f"{name}: holds an array of shape {array.shape} and type {array.dtype}, not "
            "one row of numbers for each row of the data",
            "save an array of shape (rows, classes): numpy.save(FILE, pred_probs)",
        )
    columns = [pa.array(np.ascontiguousarray(array[:, k])) for k in range(array.shape[1])]
    schema = pa.schema(
        [pa.field(str(k), column.type) for k, column in enumerate(columns)],
        metadata={CLASS_ORDER_KEY: b"sorted"},
    )
    return pa.Table.from_arrays(columns, schema=schema)


def read_array(path: str | Path) -> Any:
    """Read a NumPy array of any shape; nothing in the file is executed.

    Args:
        path: a .npy file, or a .npz file with one array, or one named ``pred_probs``.

    Raises:
        DataError: no such array.
    """
    import numpy as np

    location = local_path(path)
    try:
        with location.open("rb") as file:
            if not file.read(8).startswith(_MAGIC):
                raise DataError(
                    f"{location.name}: is no NumPy file", "write it with numpy.save(FILE, array)"
                )
            file.seek(0)
            loaded: Any = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _only(loaded, location.name)
    except OSError as error:
        raise read_error(error, location) from error
    except (ValueError, EOFError, KeyError) as error:
        raise DataError(
            f"{location.name}: cannot be read as a NumPy array: {error}",
            "save numbers only: numpy.save(FILE, array.astype(float))",
        ) from error


def _only(archive: Any, name: str) -> Any:
    names = list(archive.files)
    chosen = "pred_probs" if "pred_probs" in names else names[0] if len(names) == 1 else None
    if chosen is None:
        raise DataError(
            f"{name}: holds {len(names)} arrays: {', '.join(names[:10])}",
            "name one of them pred_probs, or save it alone with numpy.save",
        )
    return archive[chosen]
