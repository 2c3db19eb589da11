"""How far long work has come: what a ``progress`` callback is called with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step forward.

    Attributes:
        stage: name of the work, e.g. "embed".
        done: how much of it is done, 0 .. total.
        total: how much there is.
        unit: what is counted, e.g. "texts".
        seconds_left: estimated by who does the work; None where nobody knows better than the pace
            so far.
    """

    stage: str
    done: int
    total: int
    unit: str = "rows"
    seconds_left: float | None = None
