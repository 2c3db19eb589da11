"""A file's bytes, to be read from the start as often as needed, and never whole in memory."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from noisefix.errors import DataError
from noisefix.tables.addresses import local_path
from noisefix.tables.atomic import read_error, write_error
from noisefix.tables.compression import Packing, decompress_chunks
from noisefix.tables.limits import (
    bounded,
    pipe_limit,
    too_long_a_pipe,
    too_much_unpacked,
    unpacked_limit,
)
from noisefix.tables.remote import file_name, is_remote, opened_remote, shown_address

CHUNK = 1 << 22
START = 1 << 16
STDIN_NAME = "<stdin>"

BytesCallback = Callable[[int, int], None]
"""Called with the bytes read in this pass, and the bytes there are."""


class RawFile:
    """An open file.

    Attributes:
        name: for messages: the file's name, or ``<stdin>``.
        path: where it is; None for standard input.
        size: bytes there are, compressed if they are.
        file: the file itself, at any position.
    """

    def __init__(
        self, name: str, path: Path | None, file: BinaryIO, sha256: str | None = None
    ) -> None:
        """Take an open file.

        Args:
            name: for messages.
            path: where it is.
            file: the file.
            sha256: the digest to tell it by, where that is not the file's own.
        """
        self.name, self.path, self.file = name, path, file
        self._sha256 = sha256
        self._state = _state(file)
        self.size = self._state[0]

    def start(self) -> bytes:
        """Return the first 64 KiB."""
        self.file.seek(0)
        return self.file.read(START)

    def chunks(self, on_bytes: BytesCallback | None = None) -> Iterator[bytes]:
        """Yield the bytes as they are, 4 MiB at a time.

        Raises:
            DataError: the file cannot be read, or has changed since it was opened.
        """
        at = 0
        while True:
            try:
                self.file.seek(at)
                chunk = self.file.read(CHUNK)
            except OSError as error:
                raise read_error(error, self.path or self.name) from error
            if not chunk:
                break
            at += len(chunk)
            yield chunk
            if on_bytes is not None:
                on_bytes(at, self.size)
        self.check_unchanged()

    def sha256(self) -> str:
        """Return the digest of the bytes as they are, in hex."""
        if self._sha256 is not None:
            return self._sha256
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def plain_chunks(
        self, packing: Packing | None, on_bytes: BytesCallback | None = None
    ) -> Iterator[bytes]:
        """Yield the bytes, unpacked where they are packed, some 4 MiB at a time.

        Raises:
            DataError: as ``chunks``; or it is not packed so, or holds far too much.
        """
        chunks = self.chunks(on_bytes)
        if packing is None:
            return chunks
        return _filled(unpacked(chunks, self.name, packing, self.size))

    def check_unchanged(self) -> None:
        """Check that nobody writes to the file while it is read.

        Raises:
            DataError: its size or time is another than at the opening.
        """
        if _state(self.file) != self._state:
            raise DataError(
                f"{self.name}: the file has changed while it was read",
                "run the command again when nothing writes to it",
            )


@contextmanager
def open_raw(path: str | Path, stdin: BinaryIO | None = None) -> Iterator[RawFile]:
    """Open a file for reading in pieces.

    What can be read once only (standard input, a pipe) is first copied into a nameless temporary
    file, in ``$TMPDIR`` or where the system keeps such; it vanishes with the process.

    Args:
        path: the file; "-" for standard input; an address, which is copied, too.
        stdin: where "-" reads from; the process's standard input by default.

    Raises:
        DataError: it is missing, a folder, not readable, or there is no room for the copy.
    """
    if str(path) == "-":
        stream = sys.stdin.buffer if stdin is None else stdin
        with copied(stream_chunks(stream, STDIN_NAME), STDIN_NAME) as copy:
            yield RawFile(STDIN_NAME, None, copy)
        return
    if is_remote(path):
        shown = shown_address(path)
        with opened_remote(path) as found, copied(stream_chunks(found, shown), shown) as copy:
            yield RawFile(file_name(path), None, copy)
        return
    location = local_path(path)
    try:
        file = location.open("rb")
    except OSError as error:
        raise read_error(error, location) from error
    with file:
        mode = os.fstat(file.fileno()).st_mode
        if is_device(mode):
            raise DataError(f"{path}: is a device, not a file", "name a file or a pipe")
        if stat.S_ISREG(mode):
            yield RawFile(location.name, location, file)
        else:
            with copied(stream_chunks(file, location.name), location.name) as copy:
                yield RawFile(location.name, location, copy)


def read_whole(path: Path) -> bytes:
    """Return the bytes of a file, or of a pipe that ends.

    Raises:
        DataError: it is missing, a folder or a device, not readable, or a pipe without an end.
    """
    try:
        mode = path.stat().st_mode
        if is_device(mode):
            raise DataError(f"{path}: is a device, not a file", "name a file or a pipe")
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            return path.read_bytes()
        with path.open("rb") as file:
            return b"".join(stream_chunks(file, str(path)))
    except OSError as error:
        raise read_error(error, path) from error


def stream_chunks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what comes from a pipe, 4 MiB at a time.

    Raises:
        DataError: it cannot be read, or does not seem to end.
    """
    limit = pipe_limit()

    def pieces() -> Iterator[bytes]:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as error:
                raise read_error(error, name) from error
            if not chunk:
                return
            yield chunk

    return bounded(pieces(), limit, too_long_a_pipe(name, limit))


def unpacked(
    chunks: Iterable[bytes], name: str, packing: Packing, packed_size: int
) -> Iterator[bytes]:
    """Unpack pieces of bytes, up to a limit.

    Raises:
        DataError: not packed so, damaged, or of more than it may hold.
    """
    limit = unpacked_limit(packed_size)
    found = decompress_chunks(chunks, name, packing)
    return bounded(found, limit, too_much_unpacked(name, limit))


def is_device(mode: int) -> bool:
    """Tell of a file's mode whether it is a device, which may have no end (/dev/zero)."""
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


@contextmanager
def copied(chunks: Iterable[bytes], name: str) -> Iterator[BinaryIO]:
    """Yield a nameless temporary file with these bytes, at no certain position.

    Args:
        chunks: the bytes.
        name: the file that they are from, for messages.

    Raises:
        DataError: there is no room for it.
    """
    with tempfile.TemporaryFile() as copy:
        for chunk in chunks:
            try:
                copy.write(chunk)
            except OSError as error:
                where = Path(tempfile.gettempdir()) / f"a copy of {name}"
                raise write_error(error, where) from error
        copy.flush()
        yield copy


def _filled(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Join pieces until they are as long as those of a plain file."""
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    if size:
        yield b"".join(parts)


def _state(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
