"""What is said of the order of the rows, wherever it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noisefix.wording import percent, plural

_MOST_GROUPS = 5


def order_said(facts: Mapping[str, Any] | None) -> str | None:
    """Say whether the rows before and after count; None where no order was named.

    Args:
        facts: "order" of the joint stage's results.
    """
    if facts is None:
        return None
    if facts["refused"]:
        return f"The order of the rows is not used: {facts['refused']}."
    gain = f"log loss {_signed(-facts['gain'])} +- {facts['gain_error']:.3f} a row"
    text = f"{_signed(-facts['text_gain'])} +- {facts['text_gain_error']:.3f} beside the texts"
    if facts["is_used"]:
        return (
            f"The rows before and after explain {percent(facts['explains'])} of the labels "
            f"({gain}, {text}): they count."
        )
    return (
        f"The rows before and after do not explain the labels ({gain}, {text}): the order is not "
        "used."
    )


def groups_said(facts: Mapping[str, Any] | None) -> list[str]:
    """Name the groups with the most wrong labels: "dialogue 17: 40 % wrong, 120 rows".

    Args:
        facts: "order" of the joint stage's results.
    """
    groups = [] if facts is None else facts["groups"][:_MOST_GROUPS]
    return [
        f"{group['group']}: about {percent(group['noise_rate'])} wrong, "
        f"{plural(group['rows'], 'row')}"
        for group in groups
    ]


def unplaced_warning(facts: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Say how many rows have no place in the order.

    Args:
        facts: "order" of the joint stage's results.
    """
    if facts is None or not facts["unplaced"]:
        return ()
    verb = "has" if facts["unplaced"] == 1 else "have"
    return (
        f"{plural(facts['unplaced'], 'row')} {verb} no order or no group: other rows tell nothing "
        "of them (--order-column, --group-column)",
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}"
