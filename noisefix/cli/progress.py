"""Progress on stderr: a bar on a terminal, now and then a plain line anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from noisefix.cli.terminal import open_console, sanitize, say
from noisefix.cli.wording import format_seconds
from noisefix.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_LINE_EVERY_S = 15.0
"""A log of an hour should not be a thousand lines; a person should see that it lives."""

Callback = Callable[[Progress], None]


@contextmanager
def show_progress(*, quiet: bool, stream: IO[str] | None = None) -> Iterator[Callback | None]:
    """Yield a callback that draws what it is told; None when nothing is to be drawn."""
    err = stream if stream is not None else sys.stderr
    if quiet:
        yield None
    elif err.isatty():
        bars = _bars(err)
        with bars:
            yield BarDisplay(bars)
    else:
        yield LineDisplay(err)


class BarDisplay:
    """One bar for each stage, with its speed and the time left; finished bars stay."""

    def __init__(self, bars: Bars, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars = bars
        self._clock = clock
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}

    def __call__(self, step: Progress) -> None:
        """Draw a step."""
        now = self._clock()
        start, first = self._started.setdefault(step.stage, (now, step.done))
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bars.add_task(
                sanitize(step.stage), total=step.total, pace=""
            )
        self._bars.update(
            self._tasks[step.stage],
            completed=step.done,
            total=step.total,
            pace=_pace(step, now - start, step.done - first),
        )


_BESIDE_THE_BAR = 56
"""Columns for the words and numbers, which a narrow terminal must not cut."""


class LineDisplay:
    """A line when a stage has been at work for a while, and when such a stage is done."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._started: dict[str, tuple[float, int]] = {}
        self._said: dict[str, float] = {}

    def __call__(self, step: Progress) -> None:
        """Write a line if it is time for one."""
        now = self._clock()
        start, first = self._started.setdefault(step.stage, (now, step.done))
        last = self._said.setdefault(step.stage, start)
        has_spoken = last > start
        is_done = step.done >= step.total
        if now - last < _LINE_EVERY_S and not (is_done and has_spoken):
            return
        self._said[step.stage] = now
        pace = _pace(step, now - start, step.done - first)
        line = f"{step.stage}: {step.done:,} of {step.total:,} {step.unit}"
        say(line + (f" ({pace})" if pace else ""), stream=self._stream)


def _pace(step: Progress, seconds: float, advanced: int) -> str:
    """Say how fast it goes and how long it will take, as far as that is known."""
    if seconds <= 0 or advanced <= 0:
        return ""
    rate = advanced / seconds
    parts = [] if step.unit == "steps" else [_speed(rate, step.unit)]
    if step.done >= step.total:
        parts.append(f"done in {format_seconds(seconds)}")
    else:
        left = step.seconds_left
        parts.append(
            f"{format_seconds((step.total - step.done) / rate if left is None else left)} left"
        )
    return ", ".join(parts)


def _speed(rate: float, unit: str) -> str:
    return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"


def _bars(stream: IO[str]) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = open_console(stream)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=max(4, min(30, console.width - _BESIDE_THE_BAR))),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", markup=False, style="dim"),
        console=console,
    )
