"""Find out a text file's encoding, and turn its bytes into UTF-8 and back without loss."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from noisefix.errors import DataError

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
_HIGH = re.compile(rb"[\x80-\xff]")
_WINDOWS_ONLY = re.compile(rb"[\x80-\x9f]")
_SNIFFED = 4096


@dataclass(frozen=True)
class DecodedText:
    """A text file in UTF-8, and how it was encoded.

    Attributes:
        data: the text as UTF-8 without a byte order mark; not valid UTF-8 when ``is_broken``.
        encoding: Python codec, without a byte order mark.
        bom: the file starts with a byte order mark.
        bad_offset: where in ``data`` the first byte lies that is not UTF-8; None when all is well.
        bad_byte: that byte.
        is_broken: the file is UTF-8 for the most part, so another encoding would garble it.
    """

    data: bytes
    encoding: str
    bom: bool
    bad_offset: int | None = None
    bad_byte: int = 0
    is_broken: bool = False


def decode_text(raw: bytes, name: str) -> DecodedText:
    """Find the encoding of a text file.

    A byte order mark decides; else a clear pattern of NUL bytes means UTF-16; else what is valid
    UTF-8 is UTF-8. The rest is one-byte text (Windows-1252 where its extra characters occur, else
    Latin-1), unless half or more of its non-ASCII characters are valid UTF-8: then it is UTF-8
    with something broken in it, and guessing would garble the good characters.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.

    Raises:
        DataError: a byte order mark or NUL pattern promises an encoding that the bytes are not.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            if encoding == "utf-8":
                return _check_utf8(raw[len(mark) :], bom=True)
            return DecodedText(_transcode(raw[len(mark) :], encoding, name), encoding, bom=True)
    wide = _wide_encoding(raw)
    if wide is not None:
        return DecodedText(_transcode(raw, wide, name), wide, bom=False)
    return _check_utf8(raw, bom=False)


def encode_text(data: bytes, encoding: str, bom: bool, name: str) -> bytes:
    """Turn UTF-8 back into the file's own encoding: the inverse of ``decode_text``.

    Raises:
        DataError: a character that the encoding does not have.
    """
    mark = next((m for m, e in _MARKS if e == encoding), b"") if bom else b""
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


def encoding_warning(decoded: DecodedText, name: str, place: str) -> str:
    """Word the warning for a file that is not UTF-8; ``place`` is its first such byte."""
    title = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}[decoded.encoding]
    return (
        f"{name}: not UTF-8 (byte 0x{decoded.bad_byte:02X} at {place}), read as {title}; if "
        f"letters look wrong, convert it first: iconv -f ENCODING -t utf-8 {name} > utf8_{name}"
    )


def broken_utf8_error(decoded: DecodedText, name: str, place: str) -> DataError:
    """Word the error for UTF-8 with a broken byte in it; ``place`` is where."""
    return DataError(
        f"{name}: byte 0x{decoded.bad_byte:02X} at {place} is not valid UTF-8, while the rest of "
        "the file is UTF-8",
        "repair that cell, or drop all broken bytes: "
        f"iconv -f utf-8 -t utf-8 -c {name} > repaired_{name}",
    )


def _check_utf8(raw: bytes, *, bom: bool) -> DecodedText:
    if raw.isascii():
        return DecodedText(raw, "utf-8", bom)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start
    else:
        return DecodedText(raw, "utf-8", bom)
    bad_byte = raw[offset]
    valid = _MULTIBYTE.findall(raw)
    stray = sum(1 for _ in _HIGH.finditer(raw)) - sum(map(len, valid))
    if bom or len(valid) >= max(stray, 1):
        return DecodedText(raw, "utf-8", bom, offset, bad_byte, is_broken=True)
    encoding = "latin-1"
    if _WINDOWS_ONLY.search(raw):
        try:
            raw.decode("cp1252")
            encoding = "cp1252"
        except UnicodeDecodeError:  # a byte that Windows-1252 leaves undefined
            pass
    before = len(raw[:offset].decode(encoding).encode())
    return DecodedText(raw.decode(encoding).encode(), encoding, bom, before, bad_byte)


def _wide_encoding(raw: bytes) -> str | None:
    sample = raw[:_SNIFFED]
    if len(sample) < 4 or len(raw) % 2:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd >= 0.7 * half and even <= 0.05 * half:
        return "utf-16-le"
    if even >= 0.7 * half and odd <= 0.05 * half:
        return "utf-16-be"
    return None


def _transcode(raw: bytes, encoding: str, name: str) -> bytes:
    try:
        return raw.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: not valid {encoding.upper()} at byte {error.start + 1} ({error.reason})",
            "the file is cut short or damaged: write it again, best as UTF-8",
        ) from error


def _iconv_name(encoding: str) -> str:
    return {"latin-1": "iso-8859-1", "cp1252": "windows-1252"}.get(encoding, encoding)
