"""Read a data file of any size in blocks: looked through and checked once, then read again.

The rules are those of ``read_source``, and the same code: encoding, dialect and types are settled
by the whole file, so that a block holds what the same rows of the whole table would hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from noisefix.tables.bad_rows import BadRow, skips
from noisefix.tables.compression import decompress_start, without_packing
from noisefix.tables.csv_source import csv_blocks, survey_csv
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.encoding import TextFile
from noisefix.tables.jsonl import json_tables, survey_jsonl
from noisefix.tables.parquet import any_parquet_tables, open_any_parquet
from noisefix.tables.places import INSIDE, split_inside
from noisefix.tables.raw_file import START, STDIN_NAME, BytesCallback, RawFile, copied, open_raw
from noisefix.tables.recognize import check_format, find_format
from noisefix.tables.several import Part, Readable, combined_sha256, files_of, name_of, only_one
from noisefix.tables.source import Given, Source, parsed, read_source
from noisefix.tables.sql_url import is_sql
from noisefix.tables.wrapped import Plain, holds_files
from noisefix.tables.zip_file import opened_member

if TYPE_CHECKING:
    import pyarrow as pa

_HEAD_ROWS = 4096
"""Rows by which columns are guessed: more than the guessing looks at."""

_BLOCK_ROWS = 8192
_MOST_OPEN = 256
"""Files that are open at a time: a process may often have 1,024."""

Tables = Callable[[Sequence[str] | None], Iterator["pa.Table"]]


@dataclass(frozen=True)
class SourceStream:
    """A data file that has been looked through.

    Attributes:
        head: its first rows, as ``read_source`` would give them; its digest is the whole file's.
        n_rows: rows in the file.
        warnings: what a person should know about the reading.
        tables: reads the rows of some columns, or of all, in pieces of any length.
        bad: the rows left out.
        parts: name and number of rows of each of several files; empty: it is one.
    """

    head: Source
    n_rows: int
    warnings: tuple[str, ...]
    tables: Tables
    bad: tuple[BadRow, ...] = ()
    parts: tuple[tuple[str, int], ...] = ()

    def row_ids(self, first: int, n_rows: int) -> list[str]:
        """Return the ids of some rows that have none of their own; ``first`` is 1 = first row."""
        if not self.parts:
            return [str(row) for row in range(first, first + n_rows)]
        ids: list[str] = []
        before = 0  # rows of the files before this one
        for name, count in self.parts:
            start, end = max(first - before, 1), min(first + n_rows - 1 - before, count)
            ids += [f"{name}:{row}" for row in range(start, end + 1)]
            before += count
        return ids

    def blocks(self, columns: Sequence[str], n_rows: int = _BLOCK_ROWS) -> Iterator[pa.Table]:
        """Yield tables of ``n_rows`` rows, the last one shorter, with some of the columns."""
        import pyarrow as pa

        pending: list[pa.Table] = []
        size = 0
        for table in self.tables(columns):
            pending.append(table)
            size += table.num_rows
            if size < n_rows:
                continue
            joined = pa.concat_tables(pending)
            whole = size - size % n_rows
            for first in range(0, whole, n_rows):
                yield joined.slice(first, n_rows)
            pending, size = [joined.slice(whole)] if size > whole else [], size - whole
        if size:
            yield pa.concat_tables(pending)


@contextmanager
def open_stream(
    path: Readable,
    stdin: BinaryIO | None = None,
    on_bytes: BytesCallback | None = None,
    *,
    bad_rows: str = "stop",
) -> Iterator[SourceStream]:
    """Look through a table; CSV, JSON Lines and Parquet are never whole in memory.

    Args:
        path: the file, named as for ``read_source``. Several files are read one after the other, or
            into memory where a column has another type in one of them, or they are very many.
        stdin: where "-" reads from; the process's standard input by default.
        on_bytes: called while the file is looked through.
        bad_rows: as for ``read_source``.

    Raises:
        DataError: as ``read_source``, for any row of the file; or there is no room for a copy of
            standard input; while reading: the file has changed.
    """
    skip_bad = skips(bad_rows)
    parts = files_of(path)
    if parts is not None:
        with ExitStack() as stack:
            opened = [
                stack.enter_context(open_stream(part.path, bad_rows=bad_rows))
                for part in parts[:_MOST_OPEN]
            ]
            if len(parts) <= _MOST_OPEN and _have_same_columns(opened):
                yield _chained(opened, parts, name_of(path, parts))
                return
    if parts is not None or is_sql(only_one(path)):
        yield _in_memory(read_source(path, bad_rows=bad_rows))
        return
    text, inside = split_inside(only_one(path))
    with open_raw(text, stdin) as file, _unwrapped(file, inside) as (raw, plain_name, left):
        start = raw.start()
        found = find_format(start, plain_name, is_stdin=file.name == STDIN_NAME)
        kind, packing, warnings = found.kind, found.packing, list(found.warnings)
        plain = start if packing is None else decompress_start(start, START, packing)
        if plain or packing is None:  # what is damaged will say so
            check_format(plain, kind, plain_name)
        if kind not in ("csv", "jsonl", "parquet") or (kind == "parquet" and packing is not None):
            yield _look_whole(file, inside, bad_rows)
            return
        Plain(b"", plain_name, left).sheet(kind)
        if kind == "parquet":
            yield _look_parquet(raw, warnings)
            return
        chunks = partial(raw.plain_chunks, packing)
        whole = TextFile.in_pieces(chunks, plain_name, partial(chunks, on_bytes=on_bytes))
        yield (_look_csv if kind == "csv" else _look_jsonl)(raw, whole, skip_bad, warnings)


@contextmanager
def _unwrapped(
    file: RawFile, inside: tuple[str, ...]
) -> Iterator[tuple[RawFile, str, tuple[str, ...]]]:
    """Yield a file, its name, and what of it is meant; of a zip file, a copy of the one in it."""
    if not holds_files(file.start()[:4096], file.name):
        yield file, file.name, inside
        return
    member = inside[0] if inside else None
    file.file.seek(0)
    with (
        opened_member(file.file, file.name, member, file.size) as (name, chunks),
        copied(chunks, file.name) as copy,
    ):
        shown = f"{file.name}{INSIDE}{name}"
        yield RawFile(file.name, file.path, copy, sha256=file.sha256()), shown, inside[1:]


def _look_whole(raw: RawFile, inside: tuple[str, ...], bad_rows: str) -> SourceStream:
    """Read a file of a format that cannot be read in pieces."""
    content = b"".join(raw.chunks())
    return _in_memory(parsed(Given(content, raw.name, raw.path, inside), bad_rows))


def _have_same_columns(streams: Sequence[SourceStream]) -> bool:
    """Tell whether files have one format, and columns of the same names and types."""
    first = streams[0].head
    fields = {field.name: field.type for field in first.table.schema}
    return all(
        stream.head.format == first.format
        and {field.name: field.type for field in stream.head.table.schema} == fields
        for stream in streams
    )


def _chained(streams: Sequence[SourceStream], parts: Sequence[Part], name: str) -> SourceStream:
    """Make one stream of several files with the same columns."""
    import pyarrow as pa

    first = streams[0].head
    heads: list[pa.Table] = []
    for stream in streams:
        if sum(map(len, heads)) < _HEAD_ROWS:
            heads.append(stream.head.table.select(first.columns))

    def tables(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        for stream in streams:
            yield from stream.tables(first.columns if columns is None else columns)

    return SourceStream(
        head=replace(
            first,
            name=name,
            path=None,
            table=pa.concat_tables(heads).slice(0, _HEAD_ROWS),
            sha256=combined_sha256([stream.head.sha256 for stream in streams]),
        ),
        n_rows=sum(stream.n_rows for stream in streams),
        warnings=tuple(warning for stream in streams for warning in stream.warnings),
        tables=tables,
        bad=tuple(bad for stream in streams for bad in stream.bad),
        parts=tuple(
            (part.name, stream.n_rows) for part, stream in zip(parts, streams, strict=True)
        ),
    )


def _in_memory(source: Source) -> SourceStream:
    def tables(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        yield source.table if columns is None else source.table.select(list(columns))

    parts = tuple((part.name, len(part)) for part in source.parts)
    return SourceStream(source, len(source), source.warnings, tables, source.bad, parts)


def _look_csv(raw: RawFile, text: TextFile, skip_bad: bool, warnings: list[str]) -> SourceStream:
    import pyarrow as pa

    prefer_tab = without_packing(text.name).endswith(".tsv")
    survey = survey_csv(text, prefer_tab=prefer_tab, skip_bad=skip_bad)

    def tables(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        names = survey.columns if columns is None else columns
        places = [survey.columns.index(name) for name in names]
        for records in csv_blocks(text, survey, skip_bad=skip_bad):
            yield pa.table([records.column(k) for k in places], list(names))

    head = _source(raw, "csv", _first_rows(tables(None)), survey.dialect)
    return SourceStream(head, survey.n_rows, (*warnings, *survey.warnings), tables, survey.bad)


def _look_jsonl(raw: RawFile, text: TextFile, skip_bad: bool, warnings: list[str]) -> SourceStream:
    survey = survey_jsonl(text, skip_bad=skip_bad)

    def tables(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        names = survey.kinds if columns is None else columns
        wanted = {name: survey.kinds[name] for name in names}
        return json_tables(text, wanted, _BLOCK_ROWS, skip_bad=skip_bad)

    head = _source(raw, "jsonl", _first_rows(tables(None)), None)
    return SourceStream(head, survey.n_rows, (*warnings, *survey.warnings), tables, survey.bad)


def _look_parquet(raw: RawFile, warnings: list[str]) -> SourceStream:
    file = open_any_parquet(raw.file, raw.name, raw.size)

    def tables(columns: Sequence[str] | None) -> Iterator[pa.Table]:
        yield from any_parquet_tables(file, columns, _BLOCK_ROWS, raw.name)
        raw.check_unchanged()

    head = _source(raw, "parquet", _first_rows(tables(None)), None)
    return SourceStream(head, int(file.metadata.num_rows), tuple(warnings), tables)


def _source(raw: RawFile, kind: str, head: pa.Table, dialect: CsvDialect | None) -> Source:
    return Source(
        name=raw.name,
        path=raw.path,
        format=kind,
        columns=tuple(head.column_names),
        table=head,
        sha256=raw.sha256(),
        dialect=dialect,
    )


def _first_rows(tables: Iterator[pa.Table]) -> pa.Table:
    import pyarrow as pa

    parts, size = [], 0
    for table in tables:
        parts.append(table)
        size += table.num_rows
        if size >= _HEAD_ROWS:
            break
    return pa.concat_tables(parts).slice(0, _HEAD_ROWS)
