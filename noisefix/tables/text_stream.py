"""Texts and ids of a table of any size, block by block, by the rules of ``load_dataset``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from noisefix.errors import DataError
from noisefix.tables.dataset import FoundColumns, check_ids, find_columns
from noisefix.tables.label_values import read_ids
from noisefix.tables.raw_file import BytesCallback
from noisefix.tables.several import Readable
from noisefix.tables.stream import SourceStream, open_stream
from noisefix.tables.text_checks import EmptyTexts
from noisefix.tables.text_columns import column_texts, remembered_texts, text_names


@dataclass(frozen=True)
class TextBlock:
    """Some rows: (B,) ids and (B,) texts; a missing text is ""."""

    ids: list[str]
    texts: list[str]


@dataclass(frozen=True)
class TextStream:
    """A table whose columns are found and whose ids are checked.

    Attributes:
        source: the file.
        columns: which columns serve.
    """

    source: SourceStream
    columns: FoundColumns
    _warnings: tuple[str, ...]
    _empty: EmptyTexts = field(default_factory=EmptyTexts)

    @property
    def n_rows(self) -> int:
        """Rows in the table."""
        return self.source.n_rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, in words; labels are not read."""
        return tuple(note for note in self.columns.notes if not note.startswith("label column"))

    def warnings(self) -> tuple[str, ...]:
        """Return what a person should know; of empty texts only once the blocks were read."""
        return (*self._warnings, *self._empty.warnings(self._where(str(self.columns.text))))

    def blocks(self) -> Iterator[TextBlock]:
        """Yield the rows, all blocks but the last equally long; for reading once."""
        text, id_ = str(self.columns.text), self.columns.id.column
        first = 1
        wanted = [*text_names(self.source.head.columns, text), *([] if id_ is None else [id_])]
        for table in self.source.blocks(wanted):
            texts = column_texts(table, text, self.source.head.name)
            self._empty.add(texts)
            if id_ is None:
                ids = self.source.row_ids(first, len(texts))
            else:
                found = read_ids(table.column(id_), table.field(id_), self._where(id_))
                ids = [str(value) for value in found]
            first += len(texts)
            yield TextBlock(ids, texts)
        if first != self.n_rows + 1:
            raise DataError(
                f"{self.source.head.name}: had {self.n_rows} rows, and has {first - 1} now",
                "run the command again when nothing writes to the file",
            )

    def _where(self, column: str) -> str:
        return f"{self.source.head.name}, column {column!r}"


@contextmanager
def open_texts(
    path: Readable,
    stdin: BinaryIO | None = None,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    on_bytes: BytesCallback | None = None,
    bad_rows: str = "stop",
    reading: Mapping[str, Any] | None = None,
) -> Iterator[TextStream]:
    """Open a table for its texts: every row of it is checked before the first is handed out.

    Args:
        path: as for ``read_source``.
        stdin: where "-" reads from.
        text_column: its name, or several with commas between them; guessed by the first rows when
            None.
        id_column: its name; guessed when None, and row numbers where nothing fits.
        on_bytes: called while the file is looked through.
        bad_rows: as for ``read_source``.
        reading: what is remembered of tables of this kind: text_column, where none is named.

    Raises:
        DataError: as ``read_source`` and ``load_dataset``.
        UsageError: one column named for two purposes.
    """
    with open_stream(path, stdin, on_bytes, bad_rows=bad_rows) as source:
        columns = find_columns(
            source.head,
            text_column=text_column or remembered_texts(reading or {}, source.head.columns),
            label_column=None,
            id_column=id_column,
            needs_labels=False,
        )
        warnings = (*source.warnings, *columns.warnings)
        column = columns.id.column
        if column is not None:
            where = f"{source.head.name}, column {column!r}"

            def read() -> Iterator[list[str | None]]:
                for table in source.blocks([column]):
                    yield read_ids(table.column(column), table.field(column), where)

            columns, more = check_ids(read, columns, where)
            warnings += tuple(more)
        yield TextStream(source, columns, warnings)
