"""Numbers the way a person says them."""

from __future__ import annotations

import math
from pathlib import Path


def percent(share: float) -> str:
    """Write a share as people do: "12 %", "0.4 %"."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 0.95 or value == 0 else f"{value:.1f} %"


def interval(low: float, high: float) -> str:
    """Write an interval of shares: "8 to 17 %"."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def how_sure(p_error: float) -> str:
    """Say in a word how probably a label is wrong."""
    if p_error >= 0.85:
        return "almost surely"
    return "probably" if p_error >= 0.5 else "maybe"


def plural(count: int, noun: str) -> str:
    """Write a number with its noun: "1 row", "2 rows", "3 classes"."""
    ending = "" if count == 1 else "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{ending}"


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


def output_name(path: Path) -> str:
    """Return how to call a file that was written."""
    from noisefix.tables.streams import is_stdout

    return "standard output" if is_stdout(path) else str(path)
