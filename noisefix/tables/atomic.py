"""Write files and folders whole or not at all, and say plainly why one cannot be had."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from noisefix.errors import DataError
from noisefix.tables.addresses import address_error
from noisefix.tables.leftovers import remove_leftovers, scratch_folder, temporary_name
from noisefix.tables.streams import copy_to_stream, is_stream

_SPACE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_ACCESS_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it on success and vanishes otherwise.

    The body writes the temporary file. When it ends well, the file is flushed to the disk and
    renamed, so that a reader (or a run after a kill) finds the old file or the new one. What killed
    processes left in that folder is removed. A pipe or a device cannot be replaced: the whole
    content is written to it when the body has ended well.

    Args:
        path: the file to make or replace, or a stream ("-" is standard output).

    Raises:
        DataError: the folder is missing or read-only, the disk is full, or ``path`` is no plain
            file; the old file is untouched.
    """
    if is_stream(path):
        yield from _streamed(path)
        return
    target = check_can_replace(path)
    remove_leftovers(target.parent)
    temporary = target.with_name(temporary_name())
    try:
        yield temporary
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        _flush(temporary)
        temporary.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise write_error(error, target) from error
    finally:
        # The file may be impossible to remove (the folder vanished); the error above says why.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _streamed(path: str | Path) -> Iterator[Path]:
    with scratch_folder() as scratch:
        content = scratch / "content"
        try:
            yield content
            copy_to_stream(content, path)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise write_error(error, path) from error


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside ``path`` that takes its place on success and vanishes otherwise.

    A folder that is there already is replaced, contents and all; whether that is wanted must be
    checked before. Where the system can exchange two names (Linux), it is so in one step: a kill
    leaves the old folder or the new one. Elsewhere there is a moment without either.

    Args:
        path: the folder to make or replace; folders above it are made.

    Raises:
        DataError: it cannot be written; the old folder is untouched.
    """
    temporary = path.with_name(temporary_name())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        temporary.mkdir()
        yield temporary
        for file in (*temporary.rglob("*"), temporary):
            _flush(file)
        _replace_folder(temporary, path)
        _flush(path.parent)
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(new: Path, old: Path) -> None:
    """Give ``new`` the name of ``old``; afterwards what was there has the name of ``new``."""
    if not old.exists():
        new.rename(old)
        return
    if not _exchange(new, old):
        aside = new.with_name(temporary_name())
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        aside.rename(new)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where that is not possible."""
    current_folder, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(rename(current_folder, names[0], current_folder, names[1], exchange) == 0)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_bytes(path: str | Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DataError: it is missing, a folder, or not readable.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise read_error(error, path) from error


def sha256_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex.

    Raises:
        DataError: it is missing, a folder, or not readable.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise read_error(error, path) from error


def read_error(error: OSError, path: str | Path) -> DataError:
    """Say why a file could not be read, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        address = address_error(path)
        if address is not None:
            return address
        return DataError(f"{path}: no such file", "check the path; the file may have been moved")
    if isinstance(error, IsADirectoryError):
        return DataError(f"{path}: is a folder, not a file", "name the file inside it")
    if error.errno in _ACCESS_ERRORS:
        return DataError(
            f"{path}: permission denied", f"make it readable, for example: chmod u+r {path}"
        )
    return DataError(f"{path}: cannot be read: {_reason(error)}", "check the disk and try again")


def write_error(error: OSError, path: str | Path) -> DataError:
    """Say why a file could not be written, and what to do."""
    if error.errno in _SPACE_ERRORS:
        return DataError(
            f"{path}: cannot be written: the disk is full, or a quota is reached",
            "free some space or choose another place with -o, then run the same command again",
        )
    if error.errno in _ACCESS_ERRORS:
        return DataError(
            f"{path}: cannot be written: the folder is read-only for this user",
            "choose another place with -o, or change the folder's permissions",
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataError(
            f"{path}: cannot be written: the folder {Path(path).parent} does not exist",
            f"make it first: mkdir -p {Path(path).parent}",
        )
    return DataError(f"{path}: cannot be written: {_reason(error)}", "choose another place with -o")


def check_can_make(path: Path) -> None:
    """Check that a file or folder of this name could be made, and the folders above it.

    Raises:
        DataError: the nearest folder above it that exists is none, or is read-only.
    """
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise DataError(
            f"{path}: cannot be written: {above} is a file, not a folder",
            "choose another place with -o",
        )
    if not os.access(above, os.W_OK | os.X_OK):
        raise write_error(PermissionError(errno.EACCES, "read-only folder"), path)


def check_can_replace(path: str | Path) -> Path:
    """Check that a file could be made or replaced; return where it lies, links followed.

    Raises:
        DataError: the folder is missing or read-only, or something other than a plain file is in
            the way.
    """
    target = Path(path)
    try:
        if target.is_symlink():
            target = target.resolve()
    except RuntimeError as error:
        raise write_error(OSError(errno.ELOOP, "a link to itself"), target) from error
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise write_error(FileNotFoundError(), target) from None
        mode = None
    except OSError as error:
        raise write_error(error, target) from error
    if mode is not None and not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a plain file"
        raise DataError(f"{target}: cannot be written: it is {kind}", "choose another file name")
    is_closed = mode is not None and not os.access(target, os.W_OK)
    if is_closed or not os.access(target.parent, os.W_OK | os.X_OK):
        raise write_error(PermissionError(errno.EACCES, "read-only"), target)
    return target


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot flush a folder; the rename is still atomic there.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP} or not path.is_dir():
            raise
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
