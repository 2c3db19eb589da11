"""What is typed where a table is wanted: a file, and what inside of it is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

INSIDE = "::"
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+(?:[^/]*(?=/))?")


def split_inside(given: str | Path) -> tuple[str, tuple[str, ...]]:
    """Part ``FILE::INSIDE`` into the file and what inside of it is meant.

    A file that is called so with its colons is meant as a whole; colons in the host of an address
    part nothing.
    """
    text = str(given)
    host = _HOST.match(text)
    at = text.find(INSIDE, host.end() if host else 0)
    if at <= 0 or (host is None and Path(text).exists()):
        return text, ()
    return text[:at], tuple(text[at + len(INSIDE) :].split(INSIDE))


def with_inside(path: str | Path, inside: Sequence[str]) -> str:
    """Return what ``split_inside`` parts so."""
    return INSIDE.join((str(path), *inside))
