"""The parts of the summary about rows of no class, and about the order of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.cli.terminal import Screen
from noisefix.cli.wording import plural
from noisefix.detection.order_summary import groups_said, order_said

if TYPE_CHECKING:
    from noisefix.detection.findings import DetectResult

_MOST_ROWS = 5


def show_outside(screen: Screen, result: DetectResult) -> None:
    """List the rows that seem to belong to no class; nothing where there are none."""
    if not result.outside:
        return
    verb = "seems" if result.outside == 1 else "seem"
    screen.heading(
        f"{plural(result.outside, 'row')} {verb} to belong to no class (p_outside in "
        "issues.parquet)"
    )
    for row in result.outside_rows[:_MOST_ROWS]:
        name = f"row {row.row_number}"
        name += f", id {row.id}" if row.id != str(row.row_number) else ""
        label = "unlabelled" if row.given_label is None else row.given_label
        screen.line(f"{row.p_outside:.2f}  {label}  ({name})", indent=2)
        screen.line(row.text, indent=8, is_cut=True)


def show_order(screen: Screen, order: dict[str, Any] | None) -> None:
    """Say whether the rows before and after count, and which groups are the worst."""
    said = order_said(order)
    if said is None:
        return
    screen.line(said)
    groups = groups_said(order)
    if groups:
        screen.line("The groups with the most wrong labels:")
        for group in groups:
            screen.line(group, indent=2, is_cut=True)
