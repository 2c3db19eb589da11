"""Find out a text file's encoding, and turn its bytes into UTF-8 and back without loss."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT

# UTF-32 before UTF-16: its little-endian mark starts with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_UNDEFINED_IN_WINDOWS = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_SNIFFED = 4096


@dataclass(frozen=True)
class TextEncoding:
    """How a text file is encoded, and what in it is not.

    Attributes:
        encoding: Python codec, without a byte order mark.
        bom: the file starts with a byte order mark.
        bad_offset: where the first byte lies that is not UTF-8, counted from after the mark; None
            when all is well.
        bad_byte: that byte.
        is_broken: the file is UTF-8 for the most part, so another encoding would garble it.
    """

    encoding: str
    bom: bool
    bad_offset: int | None = None
    bad_byte: int = 0
    is_broken: bool = False

    @property
    def mark(self) -> bytes:
        """The byte order mark that the file starts with; empty where there is none."""
        return next((m for m, e in _MARKS if e == self.encoding), b"") if self.bom else b""


@dataclass(frozen=True)
class DecodedText:
    """A text file in UTF-8, and how it was encoded.

    Attributes:
        data: the text as UTF-8 without a byte order mark; not valid UTF-8 when it is broken.
        found: how it was encoded.
        bad_offset: where in ``data`` the first byte lies that was not UTF-8.
    """

    data: bytes
    found: TextEncoding
    bad_offset: int | None = None

    @property
    def encoding(self) -> str:
        """Python codec, without a byte order mark."""
        return self.found.encoding

    @property
    def bom(self) -> bool:
        """The file starts with a byte order mark."""
        return self.found.bom


def decode_text(raw: bytes, name: str) -> DecodedText:
    """Find the encoding of a text file that is whole in memory, and turn it into UTF-8.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.

    Raises:
        DataError: a byte order mark or NUL pattern promises an encoding that the bytes are not.
    """
    found = survey_encoding([raw])
    data = b"".join(decode_chunks([raw], found, name))
    return DecodedText(data, found, decoded_offset([raw], found))


@dataclass(frozen=True)
class TextFile:
    """A text file as UTF-8 without a byte order mark, read from its start as often as needed.

    Attributes:
        name: the file, for messages.
        found: how it is encoded.
        bad_offset: where in the UTF-8 the first byte lies that was none.
        chunks: reads it, in pieces.
        watched: reads it too, and tells somebody how far it has come.
    """

    name: str
    found: TextEncoding
    bad_offset: int | None
    chunks: Callable[[], Iterable[bytes]]
    watched: Callable[[], Iterable[bytes]]

    @classmethod
    def whole(cls, raw: bytes, name: str) -> TextFile:
        """Return a file that is whole in memory, in one piece; errors as for ``decode_text``."""
        decoded = decode_text(raw, name)

        def chunks() -> Iterable[bytes]:
            return [decoded.data]

        return cls(name, decoded.found, decoded.bad_offset, chunks, chunks)

    @classmethod
    def in_pieces(
        cls,
        raw: Callable[[], Iterable[bytes]],
        name: str,
        watched: Callable[[], Iterable[bytes]] | None = None,
    ) -> TextFile:
        """Return a file of any size.

        Args:
            raw: reads its bytes, not compressed; the first piece as for ``survey_encoding``.
            name: the file, for messages.
            watched: reads them too, and tells somebody how far it has come.
        """
        found = survey_encoding(raw())
        return cls(
            name,
            found,
            decoded_offset(raw(), found),
            lambda: decode_chunks(raw(), found, name),
            lambda: decode_chunks((watched or raw)(), found, name),
        )

    def warnings(self, place: str, *, skip_bad: bool) -> list[str]:
        """Word what is to say of the byte at ``place`` that is not UTF-8, if there is one.

        Raises:
            DataError: the rest of the file is UTF-8, and rows with such bytes are not left out.
        """
        if self.bad_offset is None or (skip_bad and self.found.is_broken):
            return []
        if self.found.is_broken:
            raise broken_utf8_error(self.found, self.name, place)
        return [encoding_warning(self.found, self.name, place)]


def survey_encoding(chunks: Iterable[bytes]) -> TextEncoding:
    """Find the encoding of a text file that comes in pieces; they are looked at once.

    A byte order mark decides; else a clear pattern of NUL bytes means UTF-16; else what is valid
    UTF-8 is UTF-8. The rest is one-byte text (Windows-1252 where its extra characters occur, else
    Latin-1), unless half or more of its non-ASCII characters are valid UTF-8: then it is UTF-8
    with something broken in it, and guessing would garble the good characters.

    Args:
        chunks: the file's bytes, not compressed; the first piece holds 4 KiB or the whole file.
    """
    start, size, bom = b"", 0, False
    survey = _Utf8Survey()
    for index, chunk in enumerate(chunks):
        if not index:
            for mark, encoding in _MARKS:
                if chunk.startswith(mark):
                    if encoding != "utf-8":
                        return TextEncoding(encoding, bom=True)
                    chunk, bom = chunk[len(mark) :], True
                    break
            start = chunk[:_SNIFFED]
        size += len(chunk)
        survey.feed(chunk)
    wide = None if bom else _wide_encoding(start, size)
    return TextEncoding(wide, bom=False) if wide is not None else survey.finish(bom)


def decode_chunks(chunks: Iterable[bytes], found: TextEncoding, name: str) -> Iterator[bytes]:
    """Turn a text file that comes in pieces into UTF-8 without a byte order mark.

    Args:
        chunks: the file's bytes, from its beginning.
        found: what ``survey_encoding`` says of them.
        name: the file, for messages.

    Raises:
        DataError: the bytes are not of this encoding.
    """
    decoder = codecs.getincrementaldecoder(found.encoding)()
    is_utf8 = found.encoding == "utf-8"
    skip, done, pending = len(found.mark), 0, 0
    try:
        for index, chunk in enumerate(chunks):
            body = chunk[skip:] if skip and not index else chunk
            if is_utf8:
                yield body
                continue
            yield decoder.decode(body).encode()
            done += len(body)
            pending = len(decoder.getstate()[0])
        if not is_utf8:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: not valid {found.encoding.upper()} at byte "
            f"{done - pending + error.start + 1} ({error.reason})",
            "the file is cut short or damaged: write it again, best as UTF-8",
        ) from error


def decoded_offset(chunks: Iterable[bytes], found: TextEncoding) -> int | None:
    """Return where the first byte that is not UTF-8 lies once the text has been turned into it."""
    if found.bad_offset is None or found.is_broken:
        return found.bad_offset
    left, at = found.bad_offset + len(found.mark), 0
    for chunk in chunks:
        part = chunk[:left]
        at += len(part) if part.isascii() else len(part.decode(found.encoding).encode())
        left -= len(part)
        if not left:
            break
    return at - len(found.mark)


class _Utf8Survey:
    """Is this UTF-8, and if not, where not and how much of it."""

    def __init__(self) -> None:
        self._offset = 0  # of the first byte not looked at yet
        self._cut = b""  # the beginning of a character
        self._valid = 0  # characters of several bytes
        self._stray = 0  # bytes that belong to none
        self._counts = np.zeros(256, dtype=np.int64)
        self._bad: tuple[int, int] | None = None

    def feed(self, chunk: bytes) -> None:
        """Look at the next piece."""
        data = self._cut + chunk if self._cut else chunk
        whole = len(data) - _unfinished(data)
        self._cut = data[whole:]
        self._look(data[:whole])

    def finish(self, bom: bool) -> TextEncoding:
        """Decide."""
        self._look(self._cut)
        if self._bad is None:
            return TextEncoding("utf-8", bom)
        offset, byte = self._bad
        if bom or self._valid >= max(self._stray, 1):
            return TextEncoding("utf-8", bom, offset, byte, is_broken=True)
        has_extra = bool(self._counts[0x80:0xA0].any())
        has_undefined = bool(self._counts[list(_UNDEFINED_IN_WINDOWS)].any())
        encoding = "cp1252" if has_extra and not has_undefined else "latin-1"
        return TextEncoding(encoding, bom, offset, byte)

    def _look(self, data: bytes) -> None:
        if not data.isascii():
            counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
            self._counts += counts
            try:
                data.decode("utf-8")
                self._valid += int(counts[0xC0:].sum())
            except UnicodeDecodeError as error:
                if self._bad is None:
                    self._bad = self._offset + error.start, data[error.start]
                found = _MULTIBYTE.findall(data)
                self._valid += len(found)
                self._stray += int(counts[0x80:].sum()) - sum(map(len, found))
        self._offset += len(data)


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end are the beginning of a character that goes on."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            return 0
    return 0


def encode_text(data: bytes, encoding: str, bom: bool, name: str) -> bytes:
    """Turn UTF-8 back into the file's own encoding: the inverse of ``decode_text``.

    Raises:
        DataError: a character that the encoding does not have.
    """
    mark = TextEncoding(encoding, bom).mark
    if encoding == "utf-8":
        return mark + data
    try:
        return mark + data.decode("utf-8").encode(encoding)
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise DataError(
            f"{name}: the character U+{ord(character):04X} cannot be written in {encoding}, "
            "the encoding of the input",
            "convert the input to UTF-8 first: "
            f"iconv -f {_iconv_name(encoding)} -t utf-8 {name} > utf8_{name}",
        ) from error


def encoding_warning(found: TextEncoding, name: str, place: str) -> str:
    """Word the warning for a file that is not UTF-8; ``place`` is its first such byte."""
    title = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}[found.encoding]
    return (
        f"{name}: not UTF-8 (byte 0x{found.bad_byte:02X} at {place}), read as {title}; if "
        f"letters look wrong, convert it first: iconv -f ENCODING -t utf-8 {name} > utf8_{name}"
    )


def broken_utf8_error(found: TextEncoding, name: str, place: str) -> DataError:
    """Word the error for UTF-8 with a broken byte in it; ``place`` is where."""
    return DataError(
        f"{name}: byte 0x{found.bad_byte:02X} at {place} is not valid UTF-8, while the rest of "
        "the file is UTF-8",
        "repair that cell, or drop all broken bytes: "
        f"iconv -f utf-8 -t utf-8 -c {name} > repaired_{name}; {SKIP_HINT}",
    )


def _wide_encoding(sample: bytes, size: int) -> str | None:
    if len(sample) < 4 or size % 2:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd >= 0.7 * half and even <= 0.05 * half:
        return "utf-16-le"
    if even >= 0.7 * half and odd <= 0.05 * half:
        return "utf-16-be"
    return None


def _iconv_name(encoding: str) -> str:
    return {"latin-1": "iso-8859-1", "cp1252": "windows-1252"}.get(encoding, encoding)
