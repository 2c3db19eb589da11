"""The result of ``calibrate`` as a file, which a later one is compared with; it holds no text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisefix.documents import misfit, parse_json
from noisefix.errors import DataError
from noisefix.tables.atomic import read_bytes, write_bytes
from noisefix.version import __version__

_KIND = "noisefix calibration"
_REMEDY = "name a file that noisefix calibrate -o has written"


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each class was called what.

    Attributes:
        names: (K,) classes.
        table: (K, K) rows with a truth, [true, said].
    """

    names: tuple[str, ...]
    table: np.ndarray

    def among(self, names: tuple[str, ...]) -> np.ndarray:
        """Return the table in another class order, which holds all of these classes."""
        place = [names.index(name) for name in self.names]
        wide = np.zeros((len(names), len(names)), dtype=np.int64)
        wide[np.ix_(place, place)] = self.table
        return wide


@dataclass(frozen=True)
class _Stored:
    class_names: list[str]
    counts: list[list[int]]


def write_calibration(output: str | Path, counts: Counts, measured: Mapping[str, Any]) -> None:
    """Write a result.

    Args:
        output: the file.
        counts: what a later result is compared with.
        measured: JSON values for people and programs to read, without NaN.
    """
    content = {
        "kind": _KIND,
        "noisefix_version": __version__,
        **measured,
        "class_names": list(counts.names),
        "counts": counts.table.tolist(),
    }
    write_bytes(output, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_calibration(path: str | Path) -> Counts:
    """Read a result.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    try:
        content = parse_json(read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}", _REMEDY) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise DataError(f"{path}: not a result of calibrate", _REMEDY)
    missing = [key for key in ("class_names", "counts") if key not in content]
    wrong = f"{missing[0]} is missing" if missing else misfit(_Stored, content)
    if wrong is None and not _is_square(content["class_names"], content["counts"]):
        wrong = "counts is not a table of whole numbers with a row and a column for each class"
    if wrong is not None:
        raise DataError(f"{path}: {wrong}", _REMEDY)
    size = len(content["class_names"])
    table = np.array(content["counts"], dtype=np.int64).reshape(size, size)
    return Counts(tuple(content["class_names"]), table)


def _is_square(names: list[str], counts: list[list[int]]) -> bool:
    size = len(names)
    return (
        len(set(names)) == size == len(counts)
        and all(len(row) == size for row in counts)
        and all(0 <= cell < 2**40 for row in counts for cell in row)
        and any(any(row) for row in counts)
    )
