"""Write a source again with a few cells changed and every other byte as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from noisefix.cleaning.targets import Content, replaced
from noisefix.errors import DataError
from noisefix.run.outputs import check_not_read
from noisefix.tables.atomic import read_bytes
from noisefix.tables.changes import Changes, NewRow, split_changes
from noisefix.tables.compression import packing_named, packing_of
from noisefix.tables.raw_file import unpacked
from noisefix.tables.rewrite_table import edited_table
from noisefix.tables.rewriters import REWRITERS
from noisefix.tables.source import Source
from noisefix.tables.wrapped import unwrapped
from noisefix.tables.zip_file import ENDING, rezip, zipped

Data = bytes | str | Path | Sequence[Path]
"""The input's bytes as given, or where they are; of several files, the path of each."""


def rewrite_source(
    data: Data,
    source: Source,
    output: str | Path,
    *,
    edits: Mapping[tuple[int, str], str | None] | None = None,
    dropped: Collection[int] = (),
    added: Mapping[str, Sequence[str | None]] | None = None,
) -> None:
    """Write the source with cells changed, rows dropped and columns added.

    The output has the input's format, encoding, byte order mark, delimiter, quotes, line ends and
    final newline; it is packed when its name ends in ``.gz``, ``.bz2``, ``.xz``, ``.zst`` or
    ``.zip``; other files in the input's zip file are in the output's, too. Cells that are not
    edited keep every byte (CSV, JSON, fastText, Excel), or type and value (Parquet, Arrow); rows
    that could not be read stay where they were; an edit that gives a cell the value it has changes
    nothing; without any change the output is the input, byte for byte. Several files become a
    folder of as many, called as they are.

    Args:
        data: the input's bytes as given, or its path.
        source: what ``read_source`` made of them.
        output: the file or folder to write, atomically.
        edits: new values by (row number, column); row 1 is the first data row. None empties the
            cell (CSV: nothing; JSON Lines and Parquet: null). Values take the type that the cell
            or column has.
        dropped: row numbers to leave out.
        added: new columns by name, one value for each row of the input, dropped ones included; they
            are text, and come after the others.

    Raises:
        DataError: the input changed since it was read; an edit names a row or column that is not
            there; a value that the column's type, the encoding or a dialect without quotes cannot
            hold; the output cannot be written.
        UsageError: the output is the input.
    """
    check_not_read(output, [source.path, *([] if isinstance(data, bytes) else _paths(data))])
    content = rewritten(data, source, output, edits=edits, dropped=dropped, added=added)
    with replaced(output, content):
        pass


def _paths(data: str | Path | Sequence[Path]) -> Sequence[str | Path]:
    return [data] if isinstance(data, str | Path) else data


def rewritten(
    data: Data,
    source: Source,
    output: str | Path,
    *,
    edits: Mapping[tuple[int, str], str | None] | None = None,
    dropped: Collection[int] = (),
    added: Mapping[str, Sequence[str | None]] | None = None,
    new_rows: Sequence[NewRow] = (),
) -> Content:
    """Return what ``rewrite_source`` writes, with new rows at the end: a file, or files by name."""
    changes = Changes.checked(source, edits or {}, dropped, added or {}, new_rows)
    if isinstance(data, bytes):
        return _file(data, source, output, changes)
    if not source.parts:
        return _file(read_bytes(_paths(data)[0]), source, output, changes)
    shares = split_changes(changes, [len(part) for part in source.parts])
    return {
        part.name: _file(read_bytes(path), part, part.name, share)
        for part, path, share in zip(source.parts, _paths(data), shares, strict=True)
    }


def _file(data: bytes, source: Source, output: str | Path, changes: Changes) -> bytes:
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise DataError(
            f"{source.name}: the file has changed since it was read",
            "run noisefix detect on it again",
        )
    wrapped = unwrapped(data, source.name, source.inside)
    packing, wanted = packing_of(wrapped.data), packing_named(str(output))
    is_zipped = str(output).lower().endswith(ENDING)
    keeps_wrapping = is_zipped == (wrapped.member is not None) and (is_zipped or packing == wanted)
    if changes.is_empty and keeps_wrapping:
        return data
    result = wrapped.data
    if packing is not None:
        result = b"".join(unpacked([result], source.name, packing, len(result)))
    if not changes.is_empty:
        result = REWRITERS[source.format](result, source, changes)
    if is_zipped:
        content = result if packing is None else packing.pack(result)
        if wrapped.member is not None:
            return rezip(data, source.name, wrapped.member, content)
        return zipped(result, Path(output).name[: -len(ENDING)])
    return result if wanted is None else wanted.pack(result)


def table_content(
    source: Source,
    edits: Mapping[tuple[int, str], str | None],
    dropped: Collection[int],
    added: Mapping[str, Sequence[str | None]],
    new_rows: Sequence[NewRow] = (),
) -> bytes:
    """Return the rows of a source with changes made, as Parquet, for a table of a database.

    Args and errors as for ``rewrite_source``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    changes = Changes.checked(source, edits, dropped, added, new_rows)
    pq.write_table(edited_table(source, changes), sink)
    return bytes(sink.getvalue())
