"""Standard output and pipes: places that are written to, and cannot be replaced."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

STDOUT = "-"
_STDOUT_NAMES = {STDOUT, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}
_OPEN_FILES = ("/dev/fd/", "/proc/self/fd/", "/dev/stderr")


def is_stdout(path: str | Path) -> bool:
    """Tell whether a path stands for standard output: "-", or what the system calls it."""
    return str(path) in _STDOUT_NAMES


def is_stream(path: str | Path) -> bool:
    """Tell whether a path is written to as it is: standard output, a pipe, a device for text."""
    if is_stdout(path) or str(path).startswith(_OPEN_FILES):
        return True
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def copy_to_stream(content: Path, path: str | Path) -> None:
    """Write a file's content to a stream.

    Raises:
        OSError: it cannot be written; BrokenPipeError: nobody reads there any more.
    """
    with content.open("rb") as source:
        if is_stdout(path):
            sys.stdout.flush()
            shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with Path(path).open("wb") as sink:
                shutil.copyfileobj(source, sink)
