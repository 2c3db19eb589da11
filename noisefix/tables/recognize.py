"""Tell the format of a file, and how it is packed, by its name and its beginning."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from noisefix.errors import DataError
from noisefix.tables.compression import Packing, decompress_start, packing_named, packing_of
from noisefix.tables.foreign_formats import foreign_format
from noisefix.tables.formats import FORMATS, format_begun, formats_named, marked_format

_SNIFFED = 1 << 16
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class FoundFormat:
    """The format of a file, how it is packed, and what a person should know."""

    kind: str
    packing: Packing | None
    warnings: tuple[str, ...] = ()


def find_format(raw: bytes, name: str, *, is_stdin: bool = False) -> FoundFormat:
    """Tell the format of a file by its name and its beginning.

    How it is packed is told by its first bytes, whatever its name.

    Args:
        raw: the file, or its first 64 KiB.
        name: the file, for messages.
        is_stdin: it came on standard input, where CSV is expected.
    """
    packing = packing_of(raw)
    if is_stdin:
        return FoundFormat("csv", packing)
    if packing is None and raw:
        packing = packing_named(name)  # what is no such file will say so
    named = formats_named(name)
    if named and packing is not None:  # the format packs by itself, and is seldom packed again
        named = [kind for kind in named if FORMATS[kind].is_text]
    if len(named) == 1:
        return FoundFormat(named[0], packing)
    start = raw[:_SNIFFED] if packing is None else decompress_start(raw, _SNIFFED, packing)
    if start.startswith(_WIDE):
        start = start.decode("utf-16", "ignore").encode()
    if named:
        return FoundFormat(format_begun(start, named), packing)
    kind = format_begun(start)
    warning = f"{name}: the name does not say the format; read as {FORMATS[kind].title}"
    return FoundFormat(kind, packing, (warning,))


def check_format(data: bytes, kind: str, name: str) -> None:
    """Meet the usual mix-ups with a better message than the parser's.

    Args:
        data: the file, or its beginning, not compressed.
        kind: what it should be.
        name: the file, for messages.

    Raises:
        DataError: it is empty, or of another format.
    """
    title = FORMATS[kind].title
    if not data and FORMATS[kind].is_text:
        raise DataError(f"{name}: the file is empty", "give a file with a header and some rows")
    marked = marked_format(data[:_SNIFFED])
    if marked is not None and marked != kind:
        found = FORMATS[marked]
        remedy = f"rename it to end in {found.endings[0]}"
        raise DataError(f"{name}: this is {found.article}, not {title}", remedy)
    foreign = foreign_format(data) if marked is None else None
    if foreign is not None:
        raise DataError(f"{name}: this is {foreign.article}, not {title}", foreign.remedy)
