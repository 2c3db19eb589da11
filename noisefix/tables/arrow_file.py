"""Read Arrow IPC files and streams: what Feather and Hugging Face data sets are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.tables.content import Content
from noisefix.tables.limits import too_much_unpacked, unpacked_limit
from noisefix.tables.parquet import check_columns

if TYPE_CHECKING:
    import pyarrow as pa

ARROW_FILE = b"ARROW1"
ARROW_STREAM = b"\xff\xff\xff\xff"


def read_arrow(data: bytes, name: str) -> Content:
    """Read a file or a stream that is whole in memory.

    Raises:
        DataError: not Arrow, cut short or damaged, a doubled column name, no rows, or far more in
            it than so many bytes hold of text.
    """
    import pyarrow as pa

    limit = unpacked_limit(len(data))
    batches: list[pa.RecordBatch] = []
    size = 0
    try:
        schema, found = _opened(data)
        for batch in found:
            # What comes from elsewhere may hold offsets that point out of its buffers.
            batch.validate(full=True)
            size += batch.nbytes
            if size > limit:
                raise too_much_unpacked(name, limit)
            batches.append(batch)
        table = pa.Table.from_batches(batches, schema)
    except (OSError, ValueError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{name}: not a whole Arrow file: {reason}",
            "it is cut short, damaged or of another format; make or copy it again",
        ) from error
    check_columns(table.column_names, table.num_rows, name)
    return Content(table.cast(pa.schema(map(_without_view, schema), schema.metadata)))


def arrow_schema(data: bytes) -> pa.Schema:
    """Return the schema of a file or a stream as it is written."""
    return _opened(data)[0]


def _without_view(field: pa.Field) -> pa.Field:
    """Return a field of the type that can be computed with; Polars writes views of strings."""
    import pyarrow as pa

    if field.type == pa.string_view():
        return field.with_type(pa.large_string())
    return field.with_type(pa.large_binary()) if field.type == pa.binary_view() else field


def _opened(data: bytes) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    buffer = pa.BufferReader(data)
    if data.startswith(ARROW_FILE):
        reader = pa.ipc.open_file(buffer)
        return reader.schema, (reader.get_batch(k) for k in range(reader.num_record_batches))
    stream = pa.ipc.open_stream(buffer)
    return stream.schema, iter(stream)
