"""How a row looks at the terminal, and that nothing of it reaches the terminal as a command."""

import io

from rich.console import Console

from noisefix.annotators.human import Neighbor
from noisefix.cli.row_desk import TerminalRows
from noisefix.reviewing.terminal import RowCard


def drawn(card: RowCard, width: int = 80) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
    TerminalRows(console, lambda: "q").show(card, 3, 50)
    return stream.getvalue()


CARD = RowCard(
    row=6,
    id="T-7",
    text="WIN a prize\nnow",
    given_label="ham",
    suggested_label="spam",
    p_error=0.91,
    reasons=("9 of 10 nearest rows say spam",),
    neighbors=(Neighbor("win now", "spam", 0.934),),
    classes=("ham", "spam"),
)


def test_a_row_says_why_it_is_asked():
    lines = [line.rstrip() for line in drawn(CARD).splitlines()]
    assert lines[0] == "Row 3 of 50  ·  id T-7"
    for line in (
        "WIN a prize",
        "now",
        "Given ham → spam",
        "almost surely wrong, 0.91",
        "  9 of 10 nearest rows say spam",
        "  0.93  spam  win now",
        "  1  ham",
        "  2  spam",
    ):
        assert line in lines
    assert "k keep   s suggested   / search a class" in "\n".join(lines)


def test_what_is_typed_is_shown():
    from dataclasses import replace

    shown = drawn(replace(CARD, typing="class", typed="sp", found=("spam",)))
    assert "Class: sp_" in shown
    assert "  spam" in shown
    assert "Note: why_" in drawn(replace(CARD, typing="note", typed="why"))
    assert "Note: because" in drawn(replace(CARD, note="because"))


def test_a_long_text_is_cut_until_the_whole_is_wanted():
    from dataclasses import replace

    long = replace(CARD, text="Z" * 5000)
    assert "3,800 more characters" in drawn(long)
    assert drawn(replace(long, is_whole=True)).count("Z") == 5000


def test_nothing_in_a_row_reaches_the_terminal_as_a_command():
    from dataclasses import replace

    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/]\u202e:smile:\r\n\x9b31m"
    near = (Neighbor(evil, evil, 0.9),)
    for typing in ("", "class", "note"):
        card = RowCard(
            1, evil, evil, evil, evil, 0.5, (evil,), near, (evil,), typing, evil, (evil,), evil
        )
        shown = drawn(card) + drawn(replace(card, marked=frozenset({evil, evil * 2})))
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(shown)


def test_a_terminal_is_needed(cli, tmp_path, write_page_run):
    run = write_page_run(tmp_path, 60)
    done = cli("review", run.path, "--terminal")
    assert done.code == 2
    assert "needs a terminal" in done.err


def test_of_several_labels_those_marked_are_shown():
    from dataclasses import replace

    card = replace(CARD, given_label="ham|spam", suggested_label="", marked=frozenset({"spam"}))
    lines = [line.rstrip() for line in drawn(card).splitlines()]
    assert "Given ham|spam → none of the labels" in lines
    assert "  1  [ ] ham" in lines
    assert "  2  [x] spam" in lines
    shown = "\n".join(lines)
    assert "t these labels" in shown
    assert "not this label" not in shown
    more = drawn(replace(card, marked=frozenset({"spam", "other\x1b[31m"})))
    assert "and  other" in more
    assert "\x1b" not in more
