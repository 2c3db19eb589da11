"""What the user knows of the labels as a whole, matched with the classes of the data."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.tables.columns import split_names

_SHARES_TOLERANCE = 0.01
_SHOWN = 10


def known_shares(given: tuple[tuple[str, float], ...], names: tuple[str, ...]) -> np.ndarray | None:
    """Return (K,) shares that sum to 1; classes not named share what is left equally.

    Raises:
        DataError: a name is not among the classes.
        UsageError: the shares cannot be.
    """
    if not given:
        return None
    known = dict(given)
    _check_classes("--class-shares", known, names)
    total = sum(known.values())
    left = [name for name in names if name not in known]
    if any(not 0 <= share <= 1 for share in known.values()):
        raise UsageError("--class-shares: a share is outside of 0 to 1", "give 0.25 for 25 %")
    if total > 1 + _SHARES_TOLERANCE or (not left and total < 1 - _SHARES_TOLERANCE):
        raise UsageError(
            f"--class-shares sum to {total:g}",
            "shares of all classes sum to 1; classes left out share what is left",
        )
    rest = max(1 - total, 0.0) / max(len(left), 1)
    shares = np.array([known.get(name, rest) for name in names])
    normalised: np.ndarray = shares / shares.sum()
    return normalised


def known_class(option: str, name: str | None, names: tuple[str, ...]) -> int | None:
    """Return the id of a class that the user names; None where none is named.

    Raises:
        DataError: it is not among the classes.
    """
    if name is None:
        return None
    _check_classes(option, [name], names)
    return names.index(name)


def known_order(ordinal: str | None, names: tuple[str, ...]) -> np.ndarray | None:
    """Return (K,) the place of each class in the order that the user names; None without one.

    A class that no row has may stand in the order: it counts as a step.

    Raises:
        DataError: a class of the data is not in the order.
        UsageError: a class stands there twice.
    """
    if ordinal is None:
        return None
    order = ordered_names(ordinal, names)
    twice = sorted({name for name in order if order.count(name) > 1})
    if twice:
        raise UsageError(f"--ordinal names {twice[0]!r} twice", "name every class once, in order")
    left = [name for name in names if name not in order]
    if left:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        raise DataError(
            f"--ordinal leaves out {', '.join(map(repr, left[:_SHOWN]))}{more}",
            "name every class of the data, from one end to the other, with commas between them",
        )
    return np.array([order.index(name) for name in names], dtype=np.int64)


def ordered_names(ordinal: str, names: tuple[str, ...]) -> list[str]:
    """Return the classes that ``--ordinal`` names; those of the data may hold commas."""
    known = set(names)

    def find(part: str) -> str | None:
        name = part.strip()
        return name if name in known or (name and "," not in name) else None

    found = split_names(ordinal, names, find)
    if found is None:
        raise UsageError(
            f"--ordinal {ordinal!r} holds an empty name", "for instance --ordinal 1,2,3,4,5"
        )
    return found


def _check_classes(option: str, named: Iterable[str], names: tuple[str, ...]) -> None:
    unknown = [name for name in named if name not in names]
    if unknown:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise DataError(
            f"{option} names {unknown[0]!r}, which is not a class of the data",
            f"the classes are {', '.join(names[:_SHOWN])}{more}",
        )
