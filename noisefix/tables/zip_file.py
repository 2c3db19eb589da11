"""Files in a zip file: one of them is read, and put back among the others."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO

from noisefix.errors import DataError
from noisefix.tables.limits import bounded, too_much_unpacked, unpacked_limit

ENDING = ".zip"
ZIP = b"PK\x03\x04"
_STEP = 1 << 22
_WORKBOOK = (b"[Content_Types].xml", b"xl/")
_FOREIGN = (b"opendocument", b".npy")
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip file can tell: equal data, equal bytes."""


def is_workbook(start: bytes) -> bool:
    """Tell by its beginning whether a file is an Excel workbook, which is a zip file, too."""
    return start.startswith(ZIP) and any(mark in start[:4096] for mark in _WORKBOOK)


def is_zip(start: bytes) -> bool:
    """Tell by its beginning whether a file is a zip file of other files."""
    if not start.startswith(ZIP) or is_workbook(start):
        return False
    return not any(mark in start[:4096] for mark in _FOREIGN)


def unzip(raw: bytes, name: str, member: str | None) -> tuple[str, bytes]:
    """Return name and content of a file in a zip file that is whole in memory.

    Args:
        raw: the zip file.
        name: its name, for messages.
        member: the file in it; None: the only one.

    Raises:
        DataError: damaged, locked with a password, too much in it; no such file, or several.
    """
    with opened_member(io.BytesIO(raw), name, member, len(raw)) as (found, chunks):
        return found, b"".join(chunks)


@contextmanager
def opened_member(
    file: BinaryIO, name: str, member: str | None, size: int
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Open a file in a zip file: its name, and its content in pieces; errors as for ``unzip``."""
    limit = unpacked_limit(size)
    try:
        with zipfile.ZipFile(file) as archive:
            info = _chosen(archive, name, member)
            yield (
                info.filename,
                bounded(_chunks(archive, info), limit, too_much_unpacked(name, limit)),
            )
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise DataError(
            f"{name}: not a whole zip file: {error}",
            "copy or download the file again; check it with: unzip -t FILE",
        ) from error


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as file:
        while chunk := file.read(_STEP):
            yield chunk


def _chosen(archive: zipfile.ZipFile, name: str, member: str | None) -> zipfile.ZipInfo:
    infos = [info for info in archive.infolist() if not _is_beside(info)]
    found = [info for info in infos if member is None or info.filename == member]
    if len(found) != 1:
        names = [f"{name}::{info.filename}" for info in infos]
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        if not infos:
            raise DataError(f"{name}: there is no file in it", "give a zip file with a table in it")
        what = f"holds {len(infos)} files" if member is None else f"has no file {member!r}"
        raise DataError(f"{name}: {what}", f"name one of them: {shown}")
    if found[0].flag_bits & 1:
        raise DataError(
            f"{name}: {found[0].filename} is locked with a password", "unpack it first: unzip FILE"
        )
    return found[0]


def _is_beside(info: zipfile.ZipInfo) -> bool:
    """Tell a folder, and what macOS puts beside files."""
    parts = PurePosixPath(info.filename).parts
    return info.is_dir() or "__MACOSX" in parts or not parts or parts[-1] == ".DS_Store"


def rezip(raw: bytes, name: str, member: str, content: bytes) -> bytes:
    """Return a zip file with another content of one file in it; the others stay.

    Args:
        raw: the zip file.
        name: its name, for messages.
        member: the file in it.
        content: what it shall hold.

    Raises:
        DataError: another file in it is locked, or there is far too much in it.
    """
    file = io.BytesIO()
    limit = unpacked_limit(len(raw))
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as new:
        new.comment = old.comment
        if sum(info.file_size for info in old.infolist()) > limit:
            raise too_much_unpacked(name, limit)
        for info in old.infolist():
            if info.flag_bits & 1:
                raise DataError(
                    f"{name}: {info.filename} is locked with a password",
                    "unpack it first: unzip FILE",
                )
            data = content if info.filename == member else old.read(info)
            new.writestr(info, data, compress_type=info.compress_type)
    return file.getvalue()


def zipped(content: bytes, member: str) -> bytes:
    """Return a zip file with one file in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(member, _FIRST_TIME), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()
