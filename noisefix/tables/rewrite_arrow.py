"""Change cells of an Arrow file or stream: schema, types, metadata and kind of file stay."""

from __future__ import annotations

from noisefix.tables.arrow_file import ARROW_FILE, arrow_schema
from noisefix.tables.changes import Changes
from noisefix.tables.rewrite_table import edited_table
from noisefix.tables.source import Source

_CODECS = {"lz4": b"\x04\x22\x4d\x18", "zstd": b"\x28\xb5\x2f\xfd"}


def rewrite_arrow(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the file with the changes made: a file for a file, a stream for a stream.

    Raises:
        DataError: a value that the column's type cannot hold.
    """
    import pyarrow as pa

    table = edited_table(source, changes)
    new_fields = list(table.schema)[len(source.columns) :]
    schema = arrow_schema(raw)
    table = table.cast(pa.schema([*schema, *new_fields], schema.metadata)).unify_dictionaries()
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=_codec(raw, source))
    new = pa.ipc.new_file if raw.startswith(ARROW_FILE) else pa.ipc.new_stream
    with new(sink, table.schema, options=options) as writer:
        rows = source.table.to_batches()[0].num_rows
        writer.write_table(table, max_chunksize=max(rows, 1))
    return bytes(sink.getvalue())


def _codec(raw: bytes, source: Source) -> str | None:
    """Tell how the buffers are packed: each begins with its size and the mark of the codec."""
    if source.table.nbytes < len(raw):
        return None
    return next((codec for codec, mark in _CODECS.items() if b"\0\0" + mark in raw), None)
