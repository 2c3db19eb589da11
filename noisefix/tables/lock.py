"""One writer at a time: a lock that the system takes back when its holder ends in any way."""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from noisefix.errors import DataError
from noisefix.tables.atomic import write_error

_STEP_S = 0.05
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_FAR_AWAY = 1 << 30
"""Where the locked byte lies on Windows: what is locked there cannot be read."""

_mine = threading.local()


@contextmanager
def hold(path: Path, holder: str, *, wait_s: float) -> Iterator[None]:
    """Hold a lock; a thread that holds it already may do so again.

    The lock is the system's, on a file that says who holds it. The file goes with the lock; one
    that a killed process left locks nobody out.

    Args:
        path: the lock's file, in a folder that is there.
        holder: who asks for it, e.g. "noisefix detect".
        wait_s: how long to wait for another holder, in seconds.

    Raises:
        DataError: another one holds it all the time, and the message says who; or the file cannot
            be made.
    """
    held: set[str] = vars(_mine).setdefault("held", set())
    key = os.path.realpath(path)
    if key in held:
        yield
        return
    handle = _acquire(path, wait_s)
    held.add(key)
    try:
        _sign(handle, holder)
        yield
    finally:
        held.discard(key)
        with suppress(OSError):
            path.unlink()
        os.close(handle)
        if os.name == "nt":  # an open file cannot be removed there
            with suppress(OSError):
                path.unlink()


def _acquire(path: Path, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise write_error(error, path) from error
        try:
            if _try_lock(handle) and _is_current(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() >= deadline:
            raise DataError(
                f"{path.parent}: {_holder(path)} is writing there",
                "wait until it is done, then run the same command again",
            )
        time.sleep(_STEP_S)


def _is_current(handle: int, path: Path) -> bool:
    """Say whether the locked file still has the name: its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR_AWAY, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Where the file system knows no locks, to refuse all work would be worse than to go on.
        return error.errno in _NO_LOCKS
    return True


def _sign(handle: int, holder: str) -> None:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    about = {"pid": os.getpid(), "host": platform.node(), "command": holder, "since": since}
    os.lseek(handle, 0, os.SEEK_SET)
    os.ftruncate(handle, 0)
    os.write(handle, json.dumps(about).encode())


def _holder(path: Path) -> str:
    try:
        about = json.loads(path.read_bytes())
        return (
            f"{about['command']} (process {about['pid']} on {about['host']}, since "
            f"{about['since']})"
        )
    except (OSError, ValueError, KeyError, TypeError):  # it has not signed yet
        return "another noisefix process"
