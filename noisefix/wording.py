"""Numbers the way a person says them."""

from __future__ import annotations


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
