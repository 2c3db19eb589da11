"""Notes and warnings for the person, on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import BinaryIO

from noisefix.cli.terminal import sanitize, say


def tell(notes: Iterable[str] = (), warnings: Iterable[str] = (), *, quiet: bool = False) -> None:
    """Write notes and warnings, a line each, unless they are not wanted."""
    if quiet:
        return
    for kind, lines in (("note", notes), ("warning", warnings)):
        for line in lines:
            say(f"{kind}: {sanitize(line)}")


def standard_input(data: str) -> BinaryIO | None:
    """Return the stream that "-" stands for, None for a file; a waiting person is told so."""
    if data != "-":
        return None
    if sys.stdin.isatty():
        say("reading CSV from this terminal; Ctrl-D ends it")
    return sys.stdin.buffer
