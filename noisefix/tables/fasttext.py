"""Read lines for fastText, ``__label__NAME text``, and take them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from noisefix.errors import DataError
from noisefix.tables.bad_rows import SKIP_HINT, BadRow, bad_rows_warning
from noisefix.tables.content import Content
from noisefix.tables.encoding import TextFile
from noisefix.tables.jsonl import first_bad_line, line_spans

PREFIX = "__label__"
LABEL, TEXT = "label", "text"
_ANY = re.compile(r"(?:^|(?<=[ \t\v\f\r\0]))__label__[^ \t\v\f\r\0]*")
_FIRST = re.compile(r"__label__([^ \t\v\f\r\0]*)([ \t]*)")
"""fastText parts words at blanks, tabs, form feeds, line ends and NULs only."""


@dataclass(frozen=True)
class FastTextLine:
    """A line.

    Attributes:
        label: None where it has none.
        label_end: where the label ends; 0 where there is none.
        text_at: where the text begins.
    """

    label: str | None
    label_end: int
    text_at: int


def begins_fasttext(start: bytes) -> bool:
    """Tell by its beginning whether a file holds lines for fastText."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(PREFIX.encode())


def read_fasttext(raw: bytes, name: str, *, skip_bad: bool = False) -> Content:
    """Read one row a line: columns ``label`` and ``text``; a line without a label has none.

    Args:
        raw: the file's bytes, not compressed.
        name: the file, for messages.
        skip_bad: leave lines out that cannot be read.

    Raises:
        DataError: a line has several labels, or a label without a name; broken encoding.
    """
    import pyarrow as pa

    text = TextFile.whole(raw, name)
    warnings = text.warnings(f"line {first_bad_line(text)}", skip_bad=skip_bad)
    bad: list[BadRow] = []
    labels: list[str | None] = []
    texts: list[str] = []
    data = b"".join(text.chunks())
    for number, start, end in line_places(data):
        try:
            line = data[start:end].decode()
            found = parse_line(line)
        except ValueError as error:
            if not skip_bad:
                raise DataError(
                    f"{name}: line {number} {_reason(error)}",
                    f"one label a line is needed, as in: __label__NAME text; {SKIP_HINT}",
                ) from error
            shown = data[start:end].decode(errors="backslashreplace")
            bad.append(BadRow(number, number, f"the line {_reason(error)}", shown))
            continue
        labels.append(found.label)
        texts.append(line[found.text_at :])
    if not texts:
        raise DataError(f"{name}: there are no rows", "give lines such as: __label__NAME text")
    if bad:
        warnings.append(bad_rows_warning(bad, name))
    kind = pa.large_string()
    table = pa.table({LABEL: pa.array(labels, kind), TEXT: pa.array(texts, kind)})
    return Content(table, tuple(warnings), tuple(bad))


def _reason(error: ValueError) -> str:
    return "is not valid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def line_places(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of every line that is not blank."""
    number, counted = 1, 0
    for start, end in line_spans(data):
        number += data.count(b"\n", counted, start)
        counted = start
        yield number, start, end


def parse_line(line: str) -> FastTextLine:
    """Take a line apart.

    Raises:
        ValueError: several labels, or one that has no name or does not stand first.
    """
    marks = _ANY.findall(line)
    if len(marks) > 1:
        raise ValueError(f"has {len(marks)} labels: {', '.join(marks[:5])}")
    if not marks:
        return FastTextLine(None, 0, 0)
    first = _FIRST.match(line)
    if first is None:
        raise ValueError(f"has its label, {marks[0]}, not at its beginning")
    if not first[1]:
        raise ValueError("has a label without a name")
    return FastTextLine(first[1], first.end(1), first.end())
