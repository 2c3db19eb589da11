import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.cells import cell_len

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen, sanitize, sanitize_lines, write_json

HOSTILE = {
    "ansi colour": "\x1b[31mred\x1b[0m",
    "ansi title and bell": "\x1b]0;owned\x07",
    "c1 csi": "\x9b31mred",
    "cursor up and erase": "\x1b[1A\x1b[2K",
    "nul and delete": "a\x00b\x7f",
    "backspace overwrite": "safe\b\b\b\bevil",
    "carriage return overwrite": "safe\revil",
    "line breaks": "a\nb\r\nc\u2028d\u2029e\x85f\vg\fh",
    "direction override": "a\u202eb\u2066c\u200ed\u061ce",
    "invisible": "a\u200bb\ufeffc\u00add\u2060e\U000e0041f",
    "half surrogate": "a\ud800b",
    "tab": "a\tb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_that_is_left_can_move_colour_reorder_or_break(text):
    for width in (None, 5, 80):
        shown = sanitize(text, width)
        assert all(char.isprintable() for char in shown)
        shown.encode("utf-8")


def test_what_was_there_stays_visible():
    assert sanitize("\x1b[31mred") == "␛[31mred"
    assert sanitize("a\x00b\x7f\x9b") == "a␀b␡\\x9b"
    assert sanitize("a\r\nb\nc\rd") == "a⏎b⏎c⏎d"
    assert sanitize("a\tb\u3000c") == "a b c"
    assert sanitize("a\ud800b") == "a�b"


def test_harmless_text_is_left_alone():
    for text in (
        "[red]no markup[/red]",
        ":smile:",
        "=cmd()|x",
        "日本語 עברית 👩\u200d🔧",
        "e\u0301",
    ):
        assert sanitize(text) == text


def test_text_is_cut_by_columns_not_by_characters():
    assert sanitize("abcdef", 6) == "abcdef"
    assert sanitize("abcdefg", 6) == "abcde…"
    assert sanitize("日本語テキスト", 6) == "日本…"
    assert sanitize("ab cd", 4) == "ab…"
    assert sanitize("abc", 0) == ""


def test_huge_and_tall_texts_cost_little_and_fit():
    assert sanitize("x" * 10_000_000, 10) == "x" * 9 + "…"
    assert sanitize("\u202e" * 10_000_000, 10) == "…"
    tower = sanitize("a" + "\u0301" * 100_000, 10)
    assert cell_len(tower) <= 10
    assert len(tower) <= 41


def test_lines_of_a_message_stay_apart():
    assert sanitize_lines("one\ntwo\x1b\r\nthree") == "one\ntwo␛⏎\nthree"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


COLUMNS = (Column("n", "right"), Column("text", max_width=40, is_flexible=True))


def test_plain_table_is_aligned_and_never_loses_a_line():
    stream = io.StringIO()
    Screen(stream).table(COLUMNS, [["1", "日本"], ["200", ("[b]x[/b]", "why: \x1b[1m")]])
    assert stream.getvalue() == ("    n  text\n    1  日本\n  200  [b]x[/b]\n       why: ␛[1m\n")


def test_pipe_gets_no_control_character():
    stream = io.StringIO()
    screen = Screen(stream)
    screen.heading("Title")
    screen.line("\x1b[31mtext", style="bold red")
    assert stream.getvalue() == "\nTitle\n␛[31mtext\n"


def test_terminal_gets_styles_of_ours_but_none_of_the_data(terminal):
    screen = Screen(terminal)
    screen.line("[red]\x1b[31mhostile", style="bold")
    screen.table(COLUMNS, [["1", "[blink]x[/blink] :smile: \x1b[5m"]])
    out = terminal.getvalue()
    assert "[red]␛[31mhostile" in out
    assert "[blink]x[/blink]" in out
    assert ":smile:" in out
    assert "\x1b[31m" not in out
    assert "\x1b[5m" not in out
    assert "\x1b[1m" in out  # the bold that the screen itself asked for


def test_wide_table_stays_within_the_terminal(terminal):
    Screen(terminal).table(
        (Column("a", max_width=20), Column("text", is_flexible=True)),
        [["short", "long words " * 30]],
    )
    lines = re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(cell_len, lines)) <= 60


@pytest.mark.parametrize("width", range(8, 40))
def test_number_stays_with_its_percent_sign_when_lines_are_wrapped(terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    Screen(terminal).line("about 12 % of 1,200 rows; 8 to 17 %", indent=2, style="bold")
    shown = [
        line.rstrip() for line in re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    ]
    assert max(map(cell_len, shown)) <= width
    assert " ".join(line.strip() for line in shown) == "about 12 % of 1,200 rows; 8 to 17 %"
    assert not any(line.strip().startswith("%") for line in shown)


def test_json_knows_paths_and_dataclasses_but_no_nan():
    @dataclass(frozen=True)
    class Inner:
        value: float
        path: Path

    stream = io.StringIO()
    write_json({"a": [Inner(math.nan, Path("x/y"))], 10: (1, True, None, "é\x9b")}, stream)
    assert json.loads(stream.getvalue()) == {
        "a": [{"value": None, "path": "x/y"}],
        "10": [1, True, None, "é\x9b"],
    }
    assert stream.getvalue().isascii()
