"""Whatever a text holds, what is shown of it is one harmless line of bounded width."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from noisefix.cli.columns import Column
from noisefix.cli.github import escape_data
from noisefix.cli.terminal import Screen, sanitize, write_json

# Half surrogates too: they reach Python from broken JSON.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
FORBIDDEN = {chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)} | set(
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)


@given(ANY_TEXT)
def test_nothing_dangerous_is_left(text):
    shown = sanitize(text)
    assert not FORBIDDEN & set(shown)
    shown.encode("utf-8")
    assert sanitize(shown) == shown


@given(ANY_TEXT, st.integers(0, 50))
def test_width_is_kept(text, width):
    shown = sanitize(text, width)
    assert cell_len(shown) <= width
    assert not FORBIDDEN & set(shown)


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=5))
def test_plain_table_has_a_line_for_each_row(rows):
    stream = io.StringIO()
    Screen(stream).table((Column("a"), Column("b", "right", max_width=30)), rows)
    assert stream.getvalue().count("\n") == len(rows) + 1
    assert not FORBIDDEN & set(stream.getvalue()) - {"\n"}


@given(ANY_TEXT)
def test_json_is_plain_ascii(text):
    stream = io.StringIO()
    write_json({"text": text}, stream)
    assert stream.getvalue().isascii()


@given(ANY_TEXT)
def test_workflow_command_stays_on_its_line(text):
    assert not {"\n", "\r"} & set(escape_data(text))
