"""Tables of results: on the terminal and in Markdown they look the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Table:
    """A table of cells that are texts already.

    Attributes:
        title: what it shows.
        header: column names; the first column is aligned to the left, the others to the right.
        rows: cells.
        note: how to read it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __str__(self) -> str:
        """Return it in Markdown, with the columns in line."""
        cells = [self.header, *self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.header))]
        rule = [("-" * w) if c == 0 else "-" * (w - 1) + ":" for c, w in enumerate(widths)]
        lines = [_line(row, widths) for row in (self.header, tuple(rule), *self.rows)]
        parts = [f"**{self.title}**", "\n".join(lines), *([self.note] if self.note else [])]
        return "\n\n".join(parts)


@dataclass(frozen=True)
class Headline:
    """What a reader wants to know first: one figure beside what was asked for.

    Attributes:
        what: what was measured.
        value: the figure, as it is shown.
        asked: the goal, in words; "" where there is none.
        is_met: the figure reaches the goal; None where there is none.
    """

    what: str
    value: str
    asked: str = ""
    is_met: bool | None = None


def headline_table(headlines: Iterable[Headline]) -> Table:
    """Put headlines into one table."""
    verdicts = {True: "yes", False: "no", None: ""}
    return Table(
        "In a minute",
        ("what", "measured", "asked for", "met"),
        tuple((h.what, h.value, h.asked, verdicts[h.is_met]) for h in headlines),
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return "| " + " | ".join(cells) + " |"


def number(value: Any, decimals: int = 3) -> str:
    """Write a number as papers do: ``.555``, ``1.2``; a dash for what is not there."""
    if value is None or math.isnan(value):
        return "-"
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if -1 < value < 1 and decimals > 1 else text


def percent(value: Any, decimals: int = 1) -> str:
    """Write a share as a percentage."""
    return "-" if value is None or math.isnan(value) else f"{100 * value:.{decimals}f} %"


def points(value: float) -> str:
    """Write a difference of two shares in percentage points, with its sign."""
    return f"{100 * value:+.2f}".replace("-0.00", "+0.00")


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of the values that are there; NaN if none is."""
    there = _there(values)
    return math.fsum(there) / len(there) if there else math.nan


def mean_interval(
    values: Iterable[float | None], level: float = 0.9, n_draws: int = 2_000, seed: int = 0
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean of the values that are there.

    The values are drawn anew, as many as there are, with repetition; NaN if there are none.

    Args:
        values: one for each data set.
        level: share of the drawn means within, in (0, 1).
        n_draws: how often the values are drawn.
        seed: of the draws.
    """
    there = np.array(_there(values))
    if not len(there):
        return math.nan, math.nan
    rows = np.random.default_rng(seed).integers(len(there), size=(n_draws, len(there)))
    low, high = np.quantile(there[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def least(values: Iterable[float | None]) -> float:
    """Return the smallest of the values that are there; NaN if none is."""
    return min(_there(values), default=math.nan)


def _there(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and not math.isnan(value)]
