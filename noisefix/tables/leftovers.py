"""Temporary names that say who writes there, so that what a killed process left can be removed."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.noisefix-([0-9a-f]{8})-(\d+)(?:-(\d+))?-[0-9a-f]+\.tmp")
_OLD_S = 24 * 3600.0
"""Nobody writes at a file for so long without touching it."""


def temporary_name() -> str:
    """Return a new file name that ``remove_leftovers`` knows, should this process be killed."""
    process = os.getpid()
    started = _start_of(process) or "0"
    return f".noisefix-{_neighbourhood()}-{process}-{started}-{secrets.token_hex(4)}.tmp"


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes were writing; those alive keep theirs.

    A process of this machine is known by its number and its start, so that another one with the
    same number does not stand for it. Of other machines and containers, whose processes cannot be
    seen from here, only what nobody has touched for a day is removed.

    Args:
        folder: where temporary files may lie; need not exist.
    """
    with suppress(OSError):
        for leftover in folder.glob(".noisefix-*.tmp"):
            if _is_abandoned(leftover):
                with suppress(OSError):
                    if leftover.is_dir() and not leftover.is_symlink():
                        shutil.rmtree(leftover)
                    else:
                        leftover.unlink()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a new folder where the system keeps temporary files; it vanishes with its content."""
    folder = make_scratch_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_scratch_folder() -> Path:
    """Make such a folder, for this user alone; should this process be killed, another removes it.

    Raises:
        OSError: it cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    remove_leftovers(parent)
    folder = parent / temporary_name()
    folder.mkdir(mode=0o700)
    return folder


def _is_abandoned(leftover: Path) -> bool:
    name = _NAME.fullmatch(leftover.name)
    if name is None:
        return False
    neighbourhood, process, started = name.groups()
    if neighbourhood == _neighbourhood() and os.name == "posix":
        return not _is_alive(int(process), started)
    return time.time() - leftover.lstat().st_mtime > _OLD_S


@cache
def _neighbourhood() -> str:
    """Return a digest of all that must be equal for a process number to mean the same process."""
    parts = [platform.node()]
    with suppress(OSError):  # Linux: this start of this machine, and this container
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return f"{zlib.crc32(' '.join(parts).encode()):08x}"


def _is_alive(process: int, started: str | None) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        pass
    found = _start_of(process)
    return found is None or started in (None, "0", found)


def _start_of(process: int) -> str | None:
    """Return when a process was started, in ticks; "" of one that has ended; None: not known."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    state, *facts = stat.rpartition(b")")[2].split()  # its name may hold anything
    return "" if state in (b"Z", b"X") else facts[18].decode()
