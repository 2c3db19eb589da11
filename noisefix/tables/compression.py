"""Packed files: gzip in and out, the same bytes every time; bzip2, xz and Zstandard in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from noisefix.errors import DataError

_STEP = 1 << 22
_ANY_GZIP = zlib.MAX_WBITS + 16


@dataclass(frozen=True)
class Packing:
    """A way of packing files.

    Attributes:
        title: in words.
        ending: of file names, in lower case.
        magic: what a packed file begins with.
        open: returns a new unpacker of one stream; None where they are unpacked all at once.
        pack: packs bytes, the same way each time.
        tool: the shell command that packs; with -t it checks a file.
    """

    title: str
    ending: str
    magic: bytes
    open: Callable[[], Any] | None
    pack: Callable[[bytes], bytes]
    tool: str


class _GzipStream:
    """``zlib.decompressobj`` with the interface of the others."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(_ANY_GZIP)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._unpacker.decompress(self._unpacker.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._unpacker.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data


class _Reader(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = chunk
        part = self._left[: len(buffer)]
        self._left = self._left[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def _zstd_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.PythonFile(_Reader(chunks), mode="r"), "zstd") as stream:
        while data := stream.read(_STEP):
            yield data


def _pack_zstd(data: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.Codec("zstd").compress(data))


GZIP = Packing(
    "gzip",
    ".gz",
    b"\x1f\x8b",
    _GzipStream,
    # Without a time stamp: equal data, equal bytes.
    lambda data: gzip.compress(data, compresslevel=6, mtime=0),
    "gzip",
)
_BZIP2 = Packing("bzip2", ".bz2", b"BZh", bz2.BZ2Decompressor, bz2.compress, "bzip2")
_XZ = Packing("xz", ".xz", b"\xfd7zXZ\x00", lzma.LZMADecompressor, lzma.compress, "xz")
_ZSTD = Packing("Zstandard", ".zst", b"\x28\xb5\x2f\xfd", None, _pack_zstd, "zstd")
PACKINGS = (GZIP, _BZIP2, _XZ, _ZSTD)
_ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError)


def packing_of(start: bytes) -> Packing | None:
    """Tell by its first bytes how a file is packed; None where it is not."""
    return next((kind for kind in PACKINGS if start.startswith(kind.magic)), None)


def packing_named(name: str) -> Packing | None:
    """Tell by its name how a file is or shall be packed."""
    return next((kind for kind in PACKINGS if name.lower().endswith(kind.ending)), None)


def without_packing(name: str) -> str:
    """Return a file name in lower case without the ending of a packed file, .zip too."""
    lower = name.lower().removesuffix(".zip")
    for kind in PACKINGS:
        lower = lower.removesuffix(kind.ending)
    return lower


def decompress(raw: bytes, name: str, packing: Packing = GZIP) -> bytes:
    """Unpack a file that is whole in memory, all streams of it.

    Raises:
        DataError: not packed so, damaged, or cut short.
    """
    view = memoryview(raw)
    parts = (bytes(view[at : at + _STEP]) for at in range(0, len(raw), _STEP))
    return b"".join(decompress_chunks(parts, name, packing))


def decompress_chunks(
    chunks: Iterable[bytes], name: str, packing: Packing = GZIP
) -> Iterator[bytes]:
    """Unpack what comes in pieces; however well it is packed, what comes out is in pieces too.

    Args:
        chunks: the packed bytes.
        name: the file, for messages.
        packing: how they are packed.

    Yields:
        At most 4 MiB at a time.

    Raises:
        DataError: not packed so, damaged, or cut short.
    """
    try:
        if packing.open is None:
            yield from _zstd_chunks(chunks)
        else:
            yield from _stream_chunks(chunks, packing.open)
    except _ERRORS as error:
        raise _damaged(name, packing, str(error)) from error


def _stream_chunks(chunks: Iterable[bytes], open_stream: Callable[[], Any]) -> Iterator[bytes]:
    unpacker = None
    n_streams = 0
    for chunk in chunks:
        rest = chunk
        while rest or (unpacker is not None and not unpacker.needs_input):
            if unpacker is None:
                rest = rest.lstrip(b"\0") if n_streams else rest  # padding after a stream
                if not rest:
                    break
                unpacker = open_stream()
            data = unpacker.decompress(rest, _STEP)
            rest = b""
            if data:
                yield data
            if unpacker.eof:
                rest, unpacker = unpacker.unused_data, None
                n_streams += 1
    if unpacker is not None:
        raise EOFError("it is cut short")


def decompress_start(raw: bytes, size: int, packing: Packing = GZIP) -> bytes:
    """Return the first bytes of what is packed; fewer, or none, where it is damaged."""
    found = b""
    try:
        for chunk in decompress_chunks([raw], "", packing):
            found += chunk[: size - len(found)]
            if len(found) >= size:
                break
    except DataError:
        pass  # the beginning of a file looks as if it were cut short
    return found


def _damaged(name: str, packing: Packing, reason: str) -> DataError:
    return DataError(
        f"{name}: not a whole {packing.title} file: {reason}",
        f"copy or download the file again; check it with: {packing.tool} -t FILE",
    )
