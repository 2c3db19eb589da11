"""What models say of a test set: files of predictions, brought into the order of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.tables.compression import without_packing

if TYPE_CHECKING:
    from noisefix.tables.source import Source

_SHOWN = 5
_ID = "id"
_LABELS = ("label", "predicted_label", "prediction")
_HINT = "noisefix predict MODEL DATA -o FILE writes one: id and label of every row"


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's predictions for the rows of a test set.

    Attributes:
        name: what the model is called: the file's name without its ending.
        labels: (N,) class ids; -1 where the class is none of the test set's.
        unknown: rows of each such class.
        foreign_rows: rows of the file that are not among those of the test set.
    """

    name: str
    labels: np.ndarray
    unknown: dict[str, int]
    foreign_rows: int


def read_predictions(
    paths: Sequence[str | Path], ids: Sequence[str], class_names: Sequence[str]
) -> list[Predictions]:
    """Read files of predictions.

    Args:
        paths: tables with the columns ``id`` and ``label`` (or ``predicted_label``,
            ``prediction``), in any order of the rows; without ``id`` they are taken in the order of
            the test set. Or .npy: (N,) labels or class ids, or (N, K) probabilities, in that order.
        ids: (N,) ids of the test set.
        class_names: (K,) in the order of class ids.

    Raises:
        DataError: a file cannot be read, has no label for a row, or has one id twice.
    """
    names = _model_names([Path(path) for path in paths])
    return [
        _read(Path(path), name, ids, class_names) for path, name in zip(paths, names, strict=True)
    ]


def _model_names(paths: list[Path]) -> list[str]:
    """Return the names of files: with their folder's, then a number, where they are equal."""
    short = [Path(without_packing(path.name)).stem for path in paths]
    long = [f"{path.parent.name}/{name}" for path, name in zip(paths, short, strict=True)]
    names = [
        one if short.count(one) == 1 else other for one, other in zip(short, long, strict=True)
    ]
    return [
        name if names.count(name) == 1 else f"{name} ({place})"
        for place, name in enumerate(names, 1)
    ]


def _read(path: Path, name: str, ids: Sequence[str], class_names: Sequence[str]) -> Predictions:
    from noisefix.tables.numpy_file import is_numpy

    if is_numpy(path):
        labels = _array_labels(path, class_names)
        _check_rows(path.name, len(labels), len(ids))
        return _encoded(name, path.name, labels, class_names, 0)
    labels, foreign = _table_labels(path, ids, class_names)
    return _encoded(name, path.name, labels, class_names, foreign)


def _encoded(
    name: str, file: str, labels: list[str | None], class_names: Sequence[str], foreign: int
) -> Predictions:
    if None in labels:
        empty = labels.count(None)
        raise DataError(
            f"{file}: {empty:,} of {len(labels):,} rows have no label, the first is row "
            f"{labels.index(None) + 1} of the test set",
            f"a model must say something of every row; {_HINT}",
        )
    place = {label: k for k, label in enumerate(class_names)}
    found = np.array([place.get(str(label), UNLABELLED) for label in labels], dtype=np.int64)
    unknown = Counter(str(label) for label in labels if label not in place)
    if unknown.total() == len(labels):
        raise DataError(
            f"{file}: no label is a class of the test set (found: "
            f"{', '.join(sorted(unknown)[:_SHOWN])})",
            f"its classes are {', '.join(class_names[:10])}",
        )
    return Predictions(name, found, dict(sorted(unknown.items())), foreign)


def _check_rows(file: str, n_found: int, n_rows: int) -> None:
    if n_found != n_rows:
        raise DataError(
            f"{file}: {n_found:,} predictions for {n_rows:,} rows, and no ids to join them by",
            f"give one for each row of the test set, in its order, or a table with the column "
            f"`id`; {_HINT}",
        )


def _table_labels(
    path: Path, ids: Sequence[str], class_names: Sequence[str]
) -> tuple[list[str | None], int]:
    """Return the labels in the order of the ids, and how many rows have another id."""
    from noisefix.tables.formulas import restored, restored_labels
    from noisefix.tables.label_values import column_labels, read_ids
    from noisefix.tables.source import read_source

    source = read_source(path)
    column = _label_column(source)
    labels = restored_labels(column_labels(source, column).labels, set(class_names))
    if _ID not in source.columns:
        _check_rows(source.name, len(labels), len(ids))
        return labels, 0
    where = f"{source.name}, column 'id'"
    known = read_ids(source.table.column(_ID), source.table.schema.field(_ID), where)
    if None in known:
        raise DataError(f"{where}: row {known.index(None) + 1} has no id", "give every row one")
    wanted = set(ids)
    keys = [key if key in wanted else restored(str(key)) for key in known]
    found = dict(zip(keys, labels, strict=True))
    if len(found) < len(keys):
        doubled = next(key for key, count in Counter(keys).items() if count > 1)
        raise DataError(f"{where}: id {doubled!r} appears more than once", "give each row one")
    missing = [key for key in ids if key not in found]
    if missing:
        raise DataError(
            f"{source.name}: no prediction for {len(missing):,} of {len(ids):,} rows: ids "
            f"{', '.join(missing[:_SHOWN])}{', ...' if len(missing) > _SHOWN else ''}",
            "all models must have said something of the same rows: predict the whole test set, "
            "with the ids of the run",
        )
    return [found[key] for key in ids], len(keys) - len(ids)


def _label_column(source: Source) -> str:
    for name in _LABELS:
        if name in source.columns:
            return name
    others = [name for name in source.columns if name != _ID]
    if len(others) == 1:
        return others[0]
    raise DataError(
        f"{source.name}: no column is called {', '.join(_LABELS[:-1])} or {_LABELS[-1]}",
        f"name the predicted labels so; the columns are: {', '.join(source.columns[:30])}",
    )


def _array_labels(path: Path, class_names: Sequence[str]) -> list[str | None]:
    from noisefix.tables.numpy_file import load_array

    array = load_array(path, "predictions").values
    if array.ndim == 2 and array.dtype.kind in "fiu":
        if array.shape[1] != len(class_names):
            raise DataError(
                f"{path.name}: {array.shape[1]} columns of probabilities for "
                f"{len(class_names)} classes",
                f"one for each class, in this order: {', '.join(class_names[:20])}",
            )
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise DataError(f"{path.name}: row {row + 1} holds what is not a number", "mend it")
        return [class_names[k] for k in array.argmax(axis=1).tolist()]
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise DataError(
            f"{path.name}: holds an array of shape {array.shape} and type {array.dtype}",
            "save labels or class ids, one for each row, or probabilities of shape (rows, classes)",
        )
    if array.dtype.kind == "U":
        return [label.strip() or None for label in array.tolist()]
    return _numbered(path.name, array, class_names)


def _numbered(file: str, array: np.ndarray, class_names: Sequence[str]) -> list[str | None]:
    """Return labels for whole numbers: names, where classes are called so, else class ids."""
    if all(name.removeprefix("-").isdigit() for name in class_names):
        return [str(value) for value in array.tolist()]
    outside = np.flatnonzero((array < 0) | (array >= len(class_names)))
    if outside.size:
        raise DataError(
            f"{file}: row {outside[0] + 1} holds class {array[outside[0]]}, and the classes are 0 "
            f"to {len(class_names) - 1}",
            f"number them in this order: {', '.join(class_names[:20])}",
        )
    return [class_names[k] for k in array.tolist()]
