"""Class names and class ids: the one place that fixes the order of the classes.

Class names are strings everywhere outside of arrays; inside arrays a label is an integer in
0..K-1, and -1 stands for a row without a label.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from noisefix.errors import DataError

UNLABELLED = -1

BETWEEN = "|"
"""What stands between the labels of a row, where it has several, in what noisefix writes."""

_ESCAPED = re.compile(r"[\\|]")
_PART = re.compile(r"((?:[^\\|]|\\.)*)(?:\||$)", re.DOTALL)

MOST_CLASSES = 5_000
"""The tables of classes by classes have 25 million rows then, and each row as many numbers."""

_FEW_CLASSES = 100
_LEAST_ROWS_A_CLASS = 2
"""On average; where nearly every row has a label of its own there is nothing to compare it with."""


def class_names(labels: Iterable[str | None]) -> tuple[str, ...]:
    """Return the distinct labels in their canonical order.

    Integers sort by value ("2" before "10"), anything else by code point, so that the order never
    depends on the order of the rows or on the locale.

    Args:
        labels: one label a row; None for a row without a label.
    """
    distinct = {label for label in labels if label is not None}
    if all(_is_canonical_integer(label) for label in distinct):
        return tuple(sorted(distinct, key=int))
    return tuple(sorted(distinct))


def set_text(labels: Iterable[str]) -> str:
    """Return the labels of a row as one text: "a|b"; "" has none.

    A ``|`` within a label has a backslash in front, and so has a backslash.
    """
    return BETWEEN.join(_ESCAPED.sub(r"\\\g<0>", label) for label in labels)


def set_labels(text: str) -> tuple[str, ...]:
    """Return the labels that ``set_text`` was given."""
    if not text:
        return ()
    parts = (hit[1] for hit in _PART.finditer(f"{text}{BETWEEN}") if hit[0])
    return tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts)


def ordered_set(labels: Collection[str], names: Sequence[str]) -> str:
    """Return ``set_text`` of labels in the order of the class names, unknown ones last."""
    known = [name for name in names if name in labels]
    return set_text([*known, *sorted(set(labels) - set(known))])


def check_class_count(n_classes: int, n_labelled: int, where: str) -> None:
    """Check that labels can be compared, before any long work.

    Args:
        n_classes: K.
        n_labelled: labelled rows.
        where: file and column, for the message.

    Raises:
        DataError: more than 5,000 classes; or more than 100 of less than two rows on average, as
            an id or text column has them.
    """
    is_unique = n_classes > _FEW_CLASSES and n_labelled < _LEAST_ROWS_A_CLASS * n_classes
    if n_classes <= MOST_CLASSES and not is_unique:
        return
    limit = (
        "less than two rows a class, as in a column of ids or texts"
        if is_unique
        else f"{MOST_CLASSES:,} is the limit"
    )
    raise DataError(
        f"{where}: {n_classes:,} different labels in {n_labelled:,} labelled rows: {limit}",
        "name the column of the classes with --label-column, or merge rare classes into coarser "
        "ones first",
    )


def encode_labels(labels: Sequence[str | None], names: Sequence[str]) -> np.ndarray:
    """Turn label strings into class ids.

    Args:
        labels: (N,) labels; None for a row without a label.
        names: the K class names in canonical order.

    Returns:
        (N,) int64 in 0..K-1, or ``UNLABELLED``.

    Raises:
        DataError: a label is not among the names.
    """
    index = {name: k for k, name in enumerate(names)}
    ids = np.empty(len(labels), dtype=np.int64)
    for row, label in enumerate(labels):
        if label is None:
            ids[row] = UNLABELLED
        elif label in index:
            ids[row] = index[label]
        else:
            raise DataError(
                f"row {row + 1}: label {label!r} is not one of the {len(names)} known classes",
                f"known classes: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}",
            )
    return ids


def decode_labels(ids: np.ndarray, names: Sequence[str]) -> list[str | None]:
    """Turn class ids back into label strings; ``UNLABELLED`` becomes None."""
    return [None if k == UNLABELLED else names[k] for k in ids.tolist()]


def _is_canonical_integer(label: str) -> bool:
    digits = label[1:] if label.startswith("-") else label
    if len(digits) > 18 or not (digits.isascii() and digits.isdigit()):
        return False
    return str(int(label)) == label
