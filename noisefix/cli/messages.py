"""Notes and warnings for the person, on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.cli.terminal import Screen, sanitize, say, write_json
from noisefix.errors import UsageError

if TYPE_CHECKING:
    from noisefix.cli.options import Shown


def tell(notes: Iterable[str] = (), warnings: Iterable[str] = (), *, quiet: bool = False) -> None:
    """Write notes and warnings, a line each, unless they are not wanted."""
    if quiet:
        return
    for kind, lines in (("note", notes), ("warning", warnings)):
        for line in lines:
            say(f"{kind}: {sanitize(line)}")


def tell_and_show(
    result: Any,
    shown: Shown,
    show: Callable[[Screen, Any], None],
    notes: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> None:
    """Write notes and warnings, then the result: as JSON, or as ``show`` writes it."""
    tell(notes, warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
    else:
        show(Screen(), result)


def standard_input(data: str | list[str]) -> BinaryIO | None:
    """Return the stream that "-" stands for, None for a file; a waiting person is told so."""
    if data not in ("-", ["-"]):
        return None
    if sys.stdin.isatty():
        say("reading CSV from this terminal; Ctrl-D ends it")
    return sys.stdin.buffer


def screen_beside(output: str | Path | None, *, as_json: bool) -> Screen:
    """Return where to say what was done: stdout, or stderr where the output itself goes to stdout.

    Args:
        output: the file that is written; None: none.
        as_json: an object on stdout is wanted too.

    Raises:
        UsageError: both want stdout.
    """
    from noisefix.tables.streams import is_stdout

    if output is None or not is_stdout(output):
        return Screen()
    if as_json:
        raise UsageError(f"--json and -o {output} both want stdout", "name a file with -o")
    return Screen(sys.stderr)
