"""Change cells of a CSV file in place: the bytes between the changes are copied as they are."""

from __future__ import annotations

from noisefix.tables.changes import Changes, NewRow, cannot_hold
from noisefix.tables.csv_records import CsvRecords
from noisefix.tables.csv_source import locate_cells
from noisefix.tables.dialect import CsvDialect
from noisefix.tables.encoding import encode_text
from noisefix.tables.formulas import defused
from noisefix.tables.raw_cells import Raw
from noisefix.tables.source import Source


def rewrite_csv(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the file with the changes made.

    An edited cell keeps its quotes; others get them where their new value needs them. Cells of
    added columns that a spreadsheet program would take for a formula get an apostrophe in front.

    Raises:
        DataError: a value that cannot be written in this encoding or without quotes.
    """
    dialect = source.dialect or CsvDialect()
    records = locate_cells(raw, dialect, source.name, skip_bad=source.skips_bad)
    column_index = {name: k for k, name in enumerate(source.columns)}
    data = records.data
    pieces: list[bytes] = []
    copied = 0  # everything before this offset has been dealt with

    touched = (
        range(len(records.starts))
        if changes.added
        else sorted(changes.dropped.union(changes.edits))
    )
    for record in touched:
        start, end = int(records.starts[record, 0]), int(records.record_ends[record])
        if record in changes.dropped:
            pieces.append(data[copied:start])
            copied = end
            continue
        row_edits = changes.edits.get(record, {})
        for column in sorted(row_edits, key=column_index.__getitem__):
            k = column_index[column]
            value = row_edits[column] or ""
            if isinstance(value, Raw):
                field = value.encode()
            elif value == records.value(record, k):
                continue
            else:
                field = _field(records, record, k, value, source, dialect)
            pieces += [data[copied : int(records.starts[record, k])], field]
            copied = int(records.ends[record, k])
        if changes.added:
            last = int(records.ends[record, -1])
            pieces += [data[copied:last], _added_fields(record, source, changes, dialect)]
            copied = last
    pieces.append(data[copied:])
    result = b"".join(pieces)
    is_last = int(records.record_ends[-1]) == len(data)
    if is_last and not data.endswith((b"\n", b"\r")) and len(records) in changes.dropped:
        # The last row is gone, and with it the line end that the row before it now must not have.
        result = _without_line_end(result, dialect.terminator)
    if changes.new_rows:
        lines = [_new_record(new, records, source, changes, dialect) for new in changes.new_rows]
        line_end = dialect.terminator.encode()
        is_ended = result.endswith((b"\n", b"\r"))
        joined = line_end.join(lines)
        result += joined + line_end if is_ended else line_end + joined
    return encode_text(
        dialect.preamble.encode() + result, dialect.encoding, dialect.bom, source.name
    )


def _field(
    records: CsvRecords, record: int, k: int, value: str, source: Source, dialect: CsvDialect
) -> bytes:
    # A lone empty field would be a blank line, which is no row.
    quoted = bool(records.is_quoted(record, k)) or (not value and len(source.columns) == 1)
    field = dialect.format_field(value, quoted=quoted)
    if field is None or (not field and len(source.columns) == 1):
        raise cannot_hold(source, record, source.columns[k], value, _NO_QUOTES)
    return field.encode()


def _new_record(
    new: NewRow, records: CsvRecords, source: Source, changes: Changes, dialect: CsvDialect
) -> bytes:
    between = (dialect.delimiter + (" " if dialect.padded else "")).encode()
    fields = []
    for k, column in enumerate(source.columns):
        if column in new.kept:
            start, end = int(records.starts[new.like, k]), int(records.ends[new.like, k])
            fields.append(records.data[start:end])
        else:
            value = new.values.get(column, "")
            fields.append(_field(records, new.like, k, value, source, dialect))
    for name in changes.added:
        field = dialect.format_field(defused(new.values.get(name, "")))
        if field is None:
            raise cannot_hold(source, new.like, name, new.values[name], _NO_QUOTES)
        fields.append(field.encode())
    return between.join(fields)


def _added_fields(record: int, source: Source, changes: Changes, dialect: CsvDialect) -> bytes:
    parts = []
    for name, values in changes.added.items():
        value = defused(name if record == 0 else values[record - 1] or "")
        field = dialect.format_field(value)
        if field is None:
            raise cannot_hold(source, record, name, value, _NO_QUOTES)
        parts.append(dialect.delimiter + (" " if dialect.padded else "") + field)
    return "".join(parts).encode()


_NO_QUOTES = "the file's cells have no quotes, and this value would need them"


def _without_line_end(data: bytes, terminator: str) -> bytes:
    if terminator == "\r":
        return data.removesuffix(b"\r")
    return data.removesuffix(b"\n").removesuffix(b"\r") if data.endswith(b"\n") else data
