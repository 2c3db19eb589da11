"""Change cells of a Parquet file: schema, column types, metadata and codec stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.tables.changes import Changes
from noisefix.tables.rewrite_table import edited_table
from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow.parquet as pq


def rewrite_parquet(raw: bytes, source: Source, changes: Changes) -> bytes:
    """Return the file with the changes made.

    Raises:
        DataError: a value that the column's type cannot hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(raw))
    table = edited_table(source, changes)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression=_codec(file),
        row_group_size=max(1, file.metadata.row_group(0).num_rows),
    )
    return bytes(sink.getvalue())


def _codec(file: pq.ParquetFile) -> str:
    group = file.metadata.row_group(0)
    if not group.num_columns:
        return "snappy"
    known = {"UNCOMPRESSED": "none", "SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd"}
    known |= {"BROTLI": "brotli", "LZ4": "lz4", "LZ4_RAW": "lz4"}
    return known.get(group.column(0).compression, "snappy")
