"""The review desk: what is drawn, and a whole review at a real (pseudo-)terminal."""

import io
import json
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from noisefix.annotators.human import Card, Neighbor, RowFacts, keys_for
from noisefix.annotators.protocol import Message, Question
from noisefix.cli.desk import TerminalDesk, open_desk
from noisefix.errors import UsageError

QUESTION = Question("row-7", ("spam", "ham"), (Message("user", "?"),))


def drawn(card: Card, width: int = 80) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, markup=False, emoji=False, highlight=False, force_terminal=False
    )
    TerminalDesk(console, lambda: "q", total=50).show(card)
    return stream.getvalue()


def card_of(facts: RowFacts, **more: object) -> Card:
    return Card(QUESTION, facts, keys_for(QUESTION, ("ham", "spam")), 3, **more)  # type: ignore[arg-type]


def test_a_card_shows_text_neighbors_probabilities_and_keys() -> None:
    facts = RowFacts(
        "WIN a prize\nnow",
        (Neighbor("win now", "spam", 0.934), Neighbor("lunch?", "ham", 0.5)),
        {"spam": 0.75, "ham": 0.2},
    )
    shown = drawn(card_of(facts))
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines[0] == "Row 3 of 50  ·  id row-7"
    assert "WIN a prize" in lines
    assert "now" in lines
    assert "  0.93  spam  win now" in lines
    assert "  0.50  ham   lunch?" in lines
    assert "  2  spam        75%  ███████████████" in lines
    assert "  1  ham         20%  ████" in lines
    assert "  d  none       none of these fits" in lines
    assert "  u  ambiguous  several fit equally well" in lines
    assert lines[-1] == "s suggested   / search a class   . later   v whole text   q quit"
    assert "Given label" not in shown


def test_going_back_and_searching_are_told() -> None:
    shown = drawn(card_of(RowFacts("x", given_label="ham"), can_go_back=True, earlier="spam"))
    assert "k keep" in shown
    assert "z undo" in shown
    assert "You answered: spam. Enter keeps it." in shown
    assert "Given label: ham" in shown
    searching = drawn(card_of(RowFacts("x"), is_searching=True, typed="pa", found=("spam",)))
    assert "Class: pa_  (Enter takes the first, Esc leaves)\n  spam\n" in searching


def test_a_long_text_is_cut_until_the_whole_is_wanted() -> None:
    text = "\n".join(f"line {k}" for k in range(40)) + "\n" + "Z" * 5_000
    shown = drawn(card_of(RowFacts(text)))
    assert "line 11" in shown
    assert "line 12" not in shown
    assert "more characters; v shows them" in shown
    whole = drawn(card_of(RowFacts(text), is_whole=True))
    assert "line 39" in whole
    assert whole.count("Z") == 5_000
    assert "more characters" not in whole


def test_nothing_in_a_row_reaches_the_terminal_as_a_command() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/]\u202e:smile:\r\n\x9b31m"
    question = Question(evil, (evil, "b"), (Message("user", "?"),))
    facts = RowFacts(evil, (Neighbor(evil, evil, 0.9),), {evil: 0.5}, given_label=evil)
    card = Card(question, facts, keys_for(question), 1, earlier=evil, is_whole=True)
    shown = drawn(card, width=200)
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(shown)
    assert "[bold red]x[/]" in shown
    assert ":smile:" in shown


def test_without_a_terminal_it_says_so() -> None:
    with pytest.raises(UsageError, match="needs a terminal"), open_desk():
        pass


SCRIPT = """
    import json, sys
    from noisefix.annotators.human import HumanAnnotator, RowFacts
    from noisefix.annotators.protocol import Message, Question
    from noisefix.cli.desk import open_desk

    rows = [Question(str(k), ("spam", "ham"), (Message("user", str(k)),)) for k in range(1, 6)]
    answers = []
    try:
        with open_desk(total=5) as desk:
            annotator = HumanAnnotator(desk, lambda i: RowFacts("text " + i), ("ham", "spam"))
            for answer in annotator.annotate(rows):
                answers.append((answer.id, answer.answer))
    except KeyboardInterrupt:
        answers.append("interrupted")
    finally:
        json.dump(answers, sys.stdout)
"""

Review = Callable[[list[tuple[str, str]]], tuple[object, str]]


@pytest.fixture
def review(tmp_path: Path) -> Review:
    """Return a function that sits at a pseudo-terminal: waits for a text, then types."""
    pty = pytest.importorskip("pty")
    import select
    import subprocess
    import termios
    import time

    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")

    def sit(plan: list[tuple[str, str]]) -> tuple[object, str]:
        ours, theirs = pty.openpty()
        before = termios.tcgetattr(theirs)
        process = subprocess.Popen(
            [sys.executable, "-c", _LEAD_SESSION, str(script)],
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40"},
            start_new_session=True,
        )
        screen, until = "", time.monotonic() + 120
        try:
            for awaited, keys in plan:
                start = len(screen)
                while awaited not in screen[start:]:
                    assert time.monotonic() < until, f"never shown: {awaited!r} in {screen!r}"
                    if select.select([ours], [], [], 0.2)[0]:
                        screen += os.read(ours, 65_536).decode("utf-8", "replace")
                os.write(ours, keys.encode())
            out, _ = process.communicate(timeout=120)
            assert termios.tcgetattr(theirs) == before  # the terminal is as it was
        finally:
            process.kill()
            process.communicate()
            os.close(ours)
            os.close(theirs)
        return json.loads(out), screen

    return sit


# A process must lead its terminal for Ctrl-C to reach it.
_LEAD_SESSION = """
import fcntl, os, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_review_at_a_terminal(review: Review) -> None:
    plan = [
        ("text 1", "2"),
        ("text 2", "\x1b[A1"),  # an arrow key means nothing
        ("text 3", "z"),
        ("You answered: ham", "2"),
        ("text 3", "."),
        ("text 4", "éd"),
        ("text 5", "q"),
    ]
    answers, screen = review(plan)
    assert answers == [["1", "spam"], ["2", "spam"], ["4", "none"]]
    assert "Row 1 of 5" in screen


def test_ctrl_c_at_a_terminal_keeps_the_answers(review: Review) -> None:
    answers, _ = review([("text 1", "2"), ("text 2", "1"), ("text 3", "\x03")])
    assert answers == [["1", "spam"], ["2", "ham"], "interrupted"]


def test_end_of_input_at_a_terminal_is_quit(review: Review) -> None:
    answers, _ = review([("text 1", "2"), ("text 2", "\x04")])
    assert answers == [["1", "spam"]]
