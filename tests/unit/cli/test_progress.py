import io
import re

import pytest

from noisefix.cli.progress import BarDisplay, LineDisplay, _bars, show_progress
from noisefix.progress import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_quick_work_says_nothing():
    stream, clock = io.StringIO(), Clock()
    display = LineDisplay(stream, clock)
    for done in (0, 50, 100):
        display(Progress("embed", done, 100, "texts"))
        clock.now += 1
    assert stream.getvalue() == ""


def test_long_work_gets_a_plain_line_now_and_then():
    stream, clock = io.StringIO(), Clock()
    display = LineDisplay(stream, clock)
    for done in range(0, 2001, 100):
        display(Progress("embed", done, 2000, "texts"))
        clock.now += 2
    assert stream.getvalue().splitlines() == [
        "embed: 800 of 2,000 texts (50 texts/s, 24 s left)",
        "embed: 1,600 of 2,000 texts (50 texts/s, 8.0 s left)",
        "embed: 2,000 of 2,000 texts (50 texts/s, done in 40 s)",
    ]


def test_resumed_work_counts_its_speed_from_where_it_began():
    stream, clock = io.StringIO(), Clock()
    display = LineDisplay(stream, clock)
    display(Progress("embed", 1000, 2000, "texts"))
    clock.now += 20
    display(Progress("embed", 1100, 2000, "texts"))
    assert stream.getvalue() == "embed: 1,100 of 2,000 texts (5.0 texts/s, 3 min 0 s left)\n"


def test_estimate_of_the_worker_is_believed_and_steps_have_no_speed():
    stream, clock = io.StringIO(), Clock()
    display = LineDisplay(stream, clock)
    for step in (0, 1):
        display(Progress("embed", 100 * step, 200, "texts", seconds_left=3.0))
        display(Progress("joint", step, 3, "steps"))
        clock.now += 20
    assert stream.getvalue() == (
        "embed: 100 of 200 texts (5.0 texts/s, 3.0 s left)\njoint: 1 of 3 steps (40 s left)\n"
    )


def test_quiet_draws_nothing():
    with show_progress(quiet=True) as progress:
        assert progress is None


def test_pipe_gets_no_control_character():
    stream = io.StringIO()
    with show_progress(quiet=False, stream=stream) as progress:
        assert progress is not None
        progress(Progress("embed", 1, 2))
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("total", [0, 10])
def test_terminal_gets_a_bar(total, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with show_progress(quiet=False, stream=stream) as progress:
        assert progress is not None
        progress(Progress("embed [red]", 0, total, "texts"))
        progress(Progress("embed [red]", total, total, "texts"))
    assert "embed [red]" in stream.getvalue()
    assert f"{total}/{total}" in stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_bar_gives_way_to_the_numbers(monkeypatch, width):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream, clock = Terminal(), Clock()
    bars = _bars(stream)
    display = BarDisplay(bars, clock)
    for done in (0, 41_200):
        display(Progress("candidates", done, 123_456, "rows"))
        clock.now += 30
    bars.start()
    bars.stop()
    last = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).strip().splitlines()[-1]
    assert " 41200/123456 1,373 rows/s, 1 min 0 s left" in last
    assert len(last.rstrip()) <= width
