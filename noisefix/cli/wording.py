"""Numbers and files the way a person says them, at a terminal."""

from __future__ import annotations

import math
from pathlib import Path

from noisefix.wording import how_sure as how_sure
from noisefix.wording import interval as interval
from noisefix.wording import percent as percent
from noisefix.wording import plural as plural


def format_seconds(seconds: float) -> str:
    """Write a time the way a person says it: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number(value: float) -> str:
    """Write a measure in [0, 1] with three digits; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def share(value: float) -> str:
    """Write a share with one digit: "12.3 %"; "-" where there is none."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def output_name(path: str | Path) -> str:
    """Return how to call a file that was written."""
    from noisefix.tables.streams import is_stdout

    return "standard output" if is_stdout(path) else str(path)
