"""Tables on terminals of any width: texts give way, numbers do not."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from noisefix.cli.columns import Column, fitted_widths, natural_widths
from noisefix.cli.terminal import Screen

COLUMNS = (
    Column("label", max_width=40),
    Column("rows", "right"),
    Column("wrong, 90 % interval", "right"),
    Column("reason", is_flexible=True),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_at(monkeypatch: pytest.MonkeyPatch, width: int, columns, rows) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    stream = Terminal()
    Screen(stream).table(columns, rows)
    return re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue()).splitlines()


def cells(words: list[str]) -> list[list[str]]:
    return [[word] for word in words]


@given(
    st.lists(
        st.tuples(
            st.text("ab ", max_size=60),
            st.integers(0, 10**9),
            st.integers(0, 100),
            st.text("xy 日", max_size=120),
        ),
        max_size=5,
    ),
    st.integers(1, 250),
)
def test_numbers_keep_their_width_and_the_rest_fits_if_it_can(rows, width):
    shown = [cells([a, f"{n:,}", f"{p} %", b]) for a, n, p, b in rows]
    natural = natural_widths(COLUMNS, shown)
    widths = fitted_widths(COLUMNS, shown, width)
    for i in (1, 2):
        assert all(cell_len(row[i][0]) <= widths[i] for row in shown)
    assert all(w <= n for w, n in zip(widths, natural, strict=True))
    room = width - 6
    if sum(natural) <= room:
        assert widths == natural
    elif sum(widths) > room:
        assert fitted_widths(COLUMNS, shown, 1) == widths  # nothing was left to give


ROW = ("refund of money", "1,234,567", "15 %, 10 to 20 %", "seven of ten near rows say billing")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_table_fits_and_holds_all_that_was_given(monkeypatch, width):
    lines = lines_at(monkeypatch, width, COLUMNS, [ROW])
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert "1,234,567" in text
    assert "15 %, 10 to 20 %" in text
    assert "…" not in text
    for word in f"{ROW[0]} {ROW[3]}".split():
        assert word in text


def test_a_terminal_too_narrow_for_the_numbers_gets_them_all_the_same(monkeypatch):
    lines = lines_at(monkeypatch, 20, COLUMNS[:3], [ROW[:3]])
    assert any("1,234,567  15 %, 10 to 20 %" in line for line in lines)
