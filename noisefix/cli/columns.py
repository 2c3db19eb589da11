"""How wide the columns of a table become: texts give way to a narrow terminal, numbers never.

Works on lines that ``sanitize`` has made safe; what writes them is ``Screen``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_TEXT_WIDTH = 120
_GAP = 2
_NARROWEST_TEXT = 12


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, its side, and how wide its cells may become.

    What stands on the right is a number and is always shown as a whole; its title may be wrapped.
    """

    title: str
    justify: Literal["left", "right"] = "left"
    max_width: int = PLAIN_TEXT_WIDTH
    is_flexible: bool = False  # gives way before other columns do
    style: str = ""


Lines = list[list[list[str]]]
"""Rows of cells of lines."""


def fitted_widths(columns: Sequence[Column], rows: Lines, width: int) -> list[int]:
    """Return how wide each column is to be.

    Args:
        columns: the columns.
        rows: what they hold.
        width: the columns of the terminal that the table may fill. Where numbers and a few letters
            of each text need more, the table becomes wider than that.
    """
    widths = natural_widths(columns, rows)
    least = [
        min(natural, _least(column, [row[i] for row in rows]))
        for i, (column, natural) in enumerate(zip(columns, widths, strict=True))
    ]
    room = width - _GAP * (len(columns) - 1)
    while sum(widths) > room:
        giving = [i for i, natural in enumerate(widths) if natural > least[i]]
        if not giving:
            break
        widths[max(giving, key=lambda i: (columns[i].is_flexible, widths[i]))] -= 1
    return widths


def natural_widths(columns: Sequence[Column], rows: Lines) -> list[int]:
    """Return how wide each column is where there is room for everything."""
    return [
        max([_widest([c.title]), *(_widest(row[i]) for row in rows)]) for i, c in enumerate(columns)
    ]


def _least(column: Column, cells: list[list[str]]) -> int:
    title = _widest(column.title.split())
    if column.justify == "left":
        return max(_NARROWEST_TEXT, title)
    return max([title, *(_widest(cell) for cell in cells)])


def _widest(lines: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, lines), default=0)


def rich_table(columns: Sequence[Column], rows: Lines, width: int) -> tuple[Table, int]:
    """Return a table for a terminal, and its width; see ``fitted_widths``.

    All lines of a cell but the first are dim.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="dim",
        show_header=has_titles(columns),
    )
    widths = fitted_widths(columns, rows, width)
    for column, fitted in zip(columns, widths, strict=True):
        table.add_column(
            Text(column.title),
            justify=column.justify,
            style=column.style,
            overflow="fold",
            width=fitted,
        )
    for row in rows:
        table.add_row(
            *(
                Text("\n").join(
                    Text(line, style="dim" if i else "") for i, line in enumerate(lines)
                )
                for lines in row
            )
        )
    return table, sum(widths) + _GAP * (len(columns) - 1)


def plain_table(columns: Sequence[Column], rows: Lines) -> list[str]:
    """Return the lines of a table for a pipe, as wide as it needs to be, indented by two."""
    from rich.cells import cell_len

    widths = natural_widths(columns, rows)

    def render(row: list[list[str]]) -> list[str]:
        out = []
        for n in range(max(len(lines) for lines in row)):
            parts = []
            for lines, column, width in zip(row, columns, widths, strict=True):
                text = lines[n] if n < len(lines) else ""
                space = " " * (width - cell_len(text))
                parts.append(space + text if column.justify == "right" else text + space)
            out.append(("  " + (" " * _GAP).join(parts)).rstrip())
        return out

    header = [[[column.title] for column in columns]] if has_titles(columns) else []
    return [line for row in header + rows for line in render(row)]


def has_titles(columns: Sequence[Column]) -> bool:
    """Return whether a table has a line of titles at all."""
    return any(column.title for column in columns)
