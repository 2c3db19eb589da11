"""Cells that a spreadsheet program would take for a formula, made harmless and back again.

A formula in a label's name or a text could start a program on the machine of whoever opens the
file. For each CSV that is written the cells of ours go through ``defused``; cells of the input stay
as they are, byte for byte. Parquet and JSON Lines are no spreadsheets and hold the values raw.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# Wide signs too: a Japanese Excel takes them for the narrow ones. Apostrophes before them count, so
# that one more can be taken away again without a doubt.
_FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠]|'*[\t\r\n]")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")


def defused(cell: str) -> str:
    """Return a cell with an apostrophe in front if it would be taken for a formula.

    Numbers such as ``-0.5`` stay as they are.
    """
    is_formula = _FORMULA.match(cell) is not None and _NUMBER.fullmatch(cell) is None
    return f"'{cell}" if is_formula else cell


def restored(cell: str) -> str:
    """Return what ``defused`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def restored_labels(cells: Iterable[str | None], known: Collection[str]) -> list[str | None]:
    """Return labels read from a column that may have been written with ``defused``.

    Args:
        cells: labels as read; None where there is none.
        known: the labels that there are: a cell is restored only to become one of them.
    """

    def label(cell: str | None) -> str | None:
        if cell is None or cell in known:
            return cell
        bare = restored(cell)
        return bare if bare in known else cell

    return [label(cell) for cell in cells]
