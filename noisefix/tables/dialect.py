"""How a CSV file is written down: encoding, delimiter, quotes, line ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from noisefix.tables.csv_fields import Fields, Grammar, MalformedQuoteError, split_fields
from noisefix.tables.csv_suspects import find_strays

DELIMITERS = (",", "\t", ";", "|")
_PREAMBLE = re.compile(rb'"?[sS][eE][pP]=(?P<mark>[^\w"\'\r\n\x80-\xff])"?(\r\n|\r|\n)')
_LONGEST_PREAMBLE = 16
_OPENED = re.compile(rb'(?<![^\t\r\n])"')
_ENCLOSED = re.compile(rb'(?<![^\t\r\n])"[^"\t]*+(?:""[^"\t]*+)*+"(?=[\t\r\n]|\Z)')
SAMPLE = 1 << 20
"""Bytes by which it is told what quotes are, where a file cannot be read as it begins."""
_FIRST_SAMPLE = 1 << 18
_ENOUGH_RECORDS = 300


@dataclass(frozen=True)
class CsvDialect:
    """All that is needed to write a CSV file the way it was.

    Attributes:
        encoding: Python codec without a byte order mark, e.g. "utf-8", "utf-16-le", "cp1252".
        bom: the file starts with a byte order mark.
        delimiter: one character.
        quote: the quote character; empty where quotes are ordinary text.
        terminator: line end used for new lines: LF, CR LF or CR.
        quote_all: every field is quoted, and new ones will be.
        escape: a backslash where quotes inside a quoted field stand after one; else empty: they
            are doubled.
        padded: a blank follows each delimiter.
        preamble: a first line that names the delimiter ("sep=;"), its line end included.
    """

    encoding: str = "utf-8"
    bom: bool = False
    delimiter: str = ","
    quote: str = '"'
    terminator: str = "\n"
    quote_all: bool = False
    escape: str = ""
    padded: bool = False
    preamble: str = ""

    @property
    def grammar(self) -> Grammar:
        """What separates the fields."""
        return Grammar(self.delimiter, self.quote, self.terminator, self.escape, self.padded)

    def format_field(self, value: str, *, quoted: bool = False) -> str | None:
        """Write a value as a field.

        Args:
            value: what the field shall read as.
            quoted: quote it even where that is not needed.

        Returns:
            The field; None when the dialect has no quotes and the value would need them.
        """
        needs = any(mark in value for mark in (self.delimiter, "\n", "\r", self.quote or "\n"))
        needs = needs or (self.padded and value.startswith(" "))
        if not self.quote:
            return None if needs else value
        if not (needs or quoted or self.quote_all):
            return value
        if self.escape:
            escaped = value.replace(self.escape, self.escape * 2)
            return self.quote + escaped.replace(self.quote, self.escape + self.quote) + self.quote
        return self.quote + value.replace(self.quote, self.quote * 2) + self.quote


@dataclass(frozen=True, order=True)
class _Fit:
    """How well a delimiter and a quote explain a sample; the greatest wins, the first of equals.

    More records beat fewer at the end: quotes that swallow line ends between even rows are text.
    """

    is_plausible: bool  # two columns or more, and some of the rows are as long as the header
    share: float  # rows as long as the header
    is_sound: bool  # every quote closes
    width: int  # columns of the header
    records: int
    n_strays: int  # quotes in fields without, turned about: the fewer the better


def dialect_of_start(read: Callable[[int], bytes], *, prefer_tab: bool = False) -> CsvDialect:
    r"""Find delimiter, quote and line end by how evenly they cut the first few hundred records.

    Quotes that are plain text (common in tab-separated files) are found where the quoted reading
    fails and the plain one does not; single quotes where double quotes give uneven rows. An
    unclosed quote in a comma-separated file is left for ``scan_records`` to report.

    Args:
        read: returns so many bytes of the file's beginning, as UTF-8 without a byte order mark, or
            all of it where it is shorter.
        prefer_tab: the name says that it is tab-separated.

    Returns:
        The dialect; its encoding, ``bom`` and ``quote_all`` are for the caller to set.
    """
    start = read(_LONGEST_PREAMBLE)
    named = _PREAMBLE.match(start)
    preamble = named[0] if named is not None else b""
    only = None if named is None else named["mark"].decode()
    size = _FIRST_SAMPLE
    while True:
        sample = read(size + 1 + len(preamble))[len(preamble) :]
        is_whole = len(sample) <= size
        if not is_whole:
            # Never cut between CR and LF: half a line end looks like text after a closing quote.
            sample = sample[: sample.rfind(b"\n", 0, size) + 1] or sample[:size]
        order: tuple[str, ...] = DELIMITERS if only is None else (only,)
        if prefer_tab:
            order = tuple(sorted(order, key=lambda mark: mark != "\t"))
        dialect, fit = _best(sample, is_whole, "\n", order)
        if _first_line_end(sample) == b"\r":
            other, other_fit = _best(sample, is_whole, "\r", order)
            if other_fit.is_plausible or other_fit > fit:
                dialect, fit = other, other_fit
        if is_whole or fit.records >= _ENOUGH_RECORDS:
            return replace(dialect, preamble=preamble.decode())
        size *= 8


def _first_line_end(sample: bytes) -> bytes:
    found = re.search(rb"\r\n|\r|\n", sample)
    return found[0] if found else b""


def _best(
    sample: bytes, is_whole: bool, terminator: str, delimiters: tuple[str, ...]
) -> tuple[CsvDialect, _Fit]:
    fits: dict[Grammar, _Fit] = {}
    for delimiter in delimiters:
        plain = Grammar(delimiter, '"', terminator)
        ways = [plain]
        if b'\\"' in sample:
            ways.append(replace(plain, escape="\\"))
        if delimiter != "\t" and re.search(re.escape(delimiter).encode() + b' +"', sample):
            ways += [replace(way, padded=True) for way in ways]
        if delimiter == "\t" and b'"' in sample and not mostly_enclosed(sample):
            ways.append(replace(plain, quote=""))
        for way in ways:
            fits[way] = _fit(sample, is_whole, way)
        double = fits[plain]
        if double.is_sound and double.share < 1 and b"'" in sample:
            single = _fit(sample, is_whole, replace(plain, quote="'"))
            begins = re.escape(delimiter).encode()
            is_used = re.search(
                b"(^|[\r\n]|" + begins + b")'[^']*'(" + begins + b"|[\r\n]|$)", sample
            )
            if single.is_sound and is_used:
                fits[replace(plain, quote="'")] = single
    way, fit = max(fits.items(), key=lambda item: item[1])
    ending = "\r\n" if terminator == "\n" and _first_line_end(sample) == b"\r\n" else terminator
    dialect = CsvDialect(
        delimiter=way.delimiter,
        quote=way.quote,
        terminator=ending,
        escape=way.escape,
        padded=way.padded,
    )
    return dialect, fit


def _fit(sample: bytes, is_whole: bool, way: Grammar) -> _Fit:
    is_sound = True
    try:
        fields = split_fields(sample, way)
    except MalformedQuoteError as error:
        is_sound = error.closed is None and not is_whole
        is_whole = False
        fields = split_fields(sample[: error.opened] + b"x", way)
    counts = fields.counts if is_whole else fields.counts[:-1]
    if not len(counts):
        # Not even the header is whole: judge by what there is of it.
        return _Fit(False, 0.0, is_sound, int(fields.counts[0]) if len(fields.counts) else 0, 0, 0)
    width, rows = int(counts[0]), counts[1:]
    share = float((rows == width).mean()) if len(rows) else 1.0
    # A quote that goes wrong in the very first row hides how long the rows are.
    is_plausible = width > 1 and (share >= 0.1 if len(rows) else not is_sound)
    if way.escape and _has_doubled(sample, fields, way):
        is_plausible = is_sound = False  # a file has one way to write a quote, not two
    n_strays = len(find_strays(sample, fields, way).records)
    return _Fit(is_plausible, share, is_sound, width, len(counts), -n_strays)


def mostly_enclosed(sample: bytes) -> bool:
    """Tell whether most tab-separated cells that begin with a quote end in one, too.

    Then quotes enclose cells, and where one does not, something is wrong with it.
    """
    return 2 * len(_ENCLOSED.findall(sample)) > len(_OPENED.findall(sample))


def _has_doubled(sample: bytes, fields: Fields, way: Grammar) -> bool:
    quote = way.quote.encode()
    return any(
        sample[s : s + 1] == quote
        and quote * 2 in sample[s + 1 : e - 1].replace(b"\\" + quote, b"")
        for s, e in zip(fields.starts.tolist(), fields.ends.tolist(), strict=True)
    )
