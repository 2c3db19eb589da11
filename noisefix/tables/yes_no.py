"""Columns of yes and no: has the row the label that the column is called after?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.label_values import column_labels
from noisefix.tables.source import Source

_OPPOSITES = (("1", "0"), ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("x", "-"))
_YES = frozenset(yes for yes, _ in _OPPOSITES)
_NO = frozenset(no for _, no in _OPPOSITES)


def read_yes_no(source: Source, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, L) bool, does the cell say yes, and (N, L) bool, does it say anything.

    Args:
        source: the file, N rows.
        columns: names of L of its columns.

    Raises:
        DataError: a cell says something else.
    """
    given = np.zeros((len(source), len(columns)), dtype=bool)
    known = np.zeros_like(given)
    for k, column in enumerate(columns):
        for row, value in enumerate(column_labels(source, column).labels):
            if value is None:
                continue
            if value.casefold() not in _YES | _NO:
                raise DataError(
                    f"{source.name}, column {column!r}, row {row + 1}: {value[:40]!r} is neither "
                    "1 nor 0",
                    "each of --label-columns holds 1 (the row has the label) or 0",
                )
            known[row, k], given[row, k] = True, is_yes(value)
    return given, known


def is_yes(word: str) -> bool:
    """Tell whether a word of a column a class says that the row has the label."""
    return word.casefold() in _YES


def yes_like(no: str) -> str:
    """Return what stands for yes where this stands for no."""
    return next((yes for yes, other in _OPPOSITES if other == no.casefold()), "1")


def no_like(yes: str) -> str:
    """Return what stands for no where this stands for yes."""
    return next((no for other, no in _OPPOSITES if other == yes.casefold()), "0")
