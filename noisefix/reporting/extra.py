"""Sections of the page that only some runs have: a few sentences and tables, drawn all alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from noisefix.reporting.packing import safe

TEXT, COUNT, SHARE, NUMBER, INTERVAL, ROW = "text", "count", "share", "number", "interval", "row"
"""Kinds of cells: a text; a whole number; a share in [0, 1]; a number, two digits shown; the ends
of an interval of shares; the number of a row of the page, which leads to it. None is an empty cell.
"""

_SIGNS = 300


@dataclass(frozen=True)
class PageTable:
    """One table.

    Attributes:
        title: above it.
        columns: name and kind of each.
        rows: the cells, row by row.
    """

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: list[list[Any]]


@dataclass(frozen=True)
class PageSection:
    """One section.

    Attributes:
        id: of its element; unique in the page.
        title: its heading.
        said: sentences, before the tables.
        tables: in their order; those without rows are left out.
    """

    id: str
    title: str
    said: tuple[str, ...] = ()
    tables: tuple[PageTable, ...] = ()


def section_data(section: PageSection) -> dict[str, Any]:
    """Return a section as the page reads it; long texts are cut."""
    return {
        "id": section.id,
        "title": section.title,
        "said": [safe(line) for line in section.said],
        "tables": [
            {
                "title": table.title,
                "columns": [list(column) for column in table.columns],
                "rows": [
                    [_text(c) if isinstance(c, str) else c for c in row] for row in table.rows
                ],
            }
            for table in section.tables
            if table.rows
        ],
    }


def _text(cell: str) -> str:
    return safe(cell if len(cell) <= _SIGNS else f"{cell[:_SIGNS]} …")
