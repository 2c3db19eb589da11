"""What comes of reading a file, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.tables.bad_rows import BadRow
from noisefix.tables.dialect import CsvDialect

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Reading:
    """How a file shall be read.

    Attributes:
        name: the file, for messages; its ending may say more of the format.
        skip_bad: leave rows out that cannot be read.
        sheet: the sheet of a workbook; None: the first.
    """

    name: str
    skip_bad: bool = False
    sheet: str | None = None


@dataclass(frozen=True)
class Content:
    """A file as read.

    Attributes:
        table: (N rows) its columns.
        warnings: what a person should know.
        bad: the rows left out.
        dialect: how CSV is written; None for the other formats.
    """

    table: pa.Table
    warnings: tuple[str, ...] = ()
    bad: tuple[BadRow, ...] = ()
    dialect: CsvDialect | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names, in their order."""
        return tuple(self.table.column_names)
