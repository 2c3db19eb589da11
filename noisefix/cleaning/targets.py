"""Where a repaired input can be written to: a file, a folder, an address, a table of a database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from noisefix.errors import UsageError
from noisefix.tables.remote import is_remote, shown_address, write_remote
from noisefix.tables.several import combined_sha256
from noisefix.tables.sql import write_sql
from noisefix.tables.sql_url import is_sql, shown_sql
from noisefix.tables.streams import STDOUT, is_stdout

Content = bytes | Mapping[str, bytes]
"""A file; or several by their names below a folder."""


def is_elsewhere(output: str | Path) -> bool:
    """Tell an address and a table of a database from a file, a folder or a stream."""
    return is_sql(output) or is_remote(output)


def place_of(output: str | Path) -> str:
    """Return how an output is recorded: absolute, and without anything secret."""
    if is_sql(output):
        return shown_sql(output)
    if is_remote(output):
        return shown_address(output)
    return STDOUT if is_stdout(output) else str(Path(output).absolute())


def content_sha256(content: Content) -> str:
    """Return the digest of a file; of several, what ``digest_of`` says of their folder."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    names = sorted(content, key=Path)
    return combined_sha256([hashlib.sha256(content[name]).hexdigest() for name in names])


@contextmanager
def replaced(output: str | Path, content: Content) -> Iterator[None]:
    """Write the content; it takes its place when the body has ended well.

    Args:
        output: a file, a stream, an address; of several files a folder; URL::TABLE of a database,
            for content in Parquet.
        content: a file, or several by their names in the folder.

    Raises:
        DataError: it cannot be written, or there is such a table already.
    """
    from noisefix.tables.atomic import atomic_folder, atomic_path

    if is_elsewhere(output):
        if not isinstance(content, bytes):
            raise UsageError(
                f"{place_of(output)}: several files are written to a folder here",
                "name one with -o",
            )
        yield
        if is_remote(output):
            write_remote(output, content)
        else:
            write_sql(output, _table(content))
    elif isinstance(content, bytes):
        with atomic_path(output) as temporary:
            temporary.write_bytes(content)
            yield
    else:
        with atomic_folder(Path(output)) as folder:
            for name, data in content.items():
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            yield


def _table(content: bytes):  # type: ignore[no-untyped-def]
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(content))
