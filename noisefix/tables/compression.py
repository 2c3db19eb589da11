"""Gzip in and out; the same bytes every time."""

from __future__ import annotations

import gzip
import zlib

from noisefix.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"


def is_gzip(raw: bytes) -> bool:
    """Tell whether bytes start like a gzip file."""
    return raw.startswith(GZIP_MAGIC)


def decompress(raw: bytes, name: str) -> bytes:
    """Unpack gzip, all members of it.

    Raises:
        DataError: not gzip, damaged, or cut short.
    """
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        reason = "it is cut short" if isinstance(error, EOFError) else str(error)
        raise DataError(
            f"{name}: not a whole gzip file: {reason}",
            "copy or download the file again; check it with: gzip -t FILE",
        ) from error


def compress(data: bytes) -> bytes:
    """Pack with gzip, without a time stamp: equal data, equal bytes."""
    return gzip.compress(data, compresslevel=6, mtime=0)
