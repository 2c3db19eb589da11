"""How much a file may turn out to hold, so that none of them fills the memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from noisefix.errors import DataError, UsageError

VARIABLE = "NOISEFIX_MAX_UNPACKED"
_FLOOR = 1 << 28
_RATIO = 64
"""Text packs three to twenty times; what packs far better is mostly not text."""
_ENDLESS = 1 << 31
"""Bytes of a pipe, of which nobody can say how long it is."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def unpacked_limit(packed_size: int) -> int:
    """Return how many bytes a packed file may unpack to: 64 times its size, at least 256 MiB.

    Args:
        packed_size: bytes of the file.

    Raises:
        UsageError: NOISEFIX_MAX_UNPACKED is set, and is no size.
    """
    wanted = _wanted()
    return max(_FLOOR, _RATIO * packed_size) if wanted is None else wanted


def pipe_limit() -> int:
    """Return how many bytes are read of what has no known end: 2 GiB.

    Raises:
        UsageError: NOISEFIX_MAX_UNPACKED is set, and is no size.
    """
    wanted = _wanted()
    return _ENDLESS if wanted is None else wanted


def bounded(chunks: Iterable[bytes], limit: int, error: DataError) -> Iterator[bytes]:
    """Yield pieces until they are longer than a limit in all.

    Raises:
        DataError: ``error``, once they are.
    """
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise error
        yield chunk


def too_much_unpacked(name: str, limit: int) -> DataError:
    """Word the error for a packed file that holds more than it should."""
    return DataError(
        f"{name}: unpacks to more than {size_words(limit)}, far more than text does",
        f"if that is right, allow more: {VARIABLE}=100G noisefix ...; or unpack it first",
    )


def too_long_a_pipe(name: str, limit: int) -> DataError:
    """Word the error for a stream that does not end."""
    return DataError(
        f"{name}: more than {size_words(limit)}, and no end yet",
        f"save it as a file and name that; or allow more: {VARIABLE}=100G noisefix ...",
    )


def size_words(size: int) -> str:
    """Return a number of bytes for reading, e.g. "256 MiB"."""
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size / (1 << power):.4g} {unit}"
    return f"{size} bytes"


def _wanted() -> int | None:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    found = re.fullmatch(r"(\d+)\s*([KMGT]?)(i?B)?", text, re.IGNORECASE)
    if found is None:
        raise UsageError(f"{VARIABLE}={text}: is no size", "write it like 500M or 20G")
    return int(found[1]) * _UNITS[found[2].upper()]
