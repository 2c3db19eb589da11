"""The parts of the summary about odd rows: of no class, of a missing one, pairs; their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.cli.terminal import Screen
from noisefix.cli.wording import percent, plural
from noisefix.detection.order_summary import groups_said, order_said
from noisefix.probing.pair_match import UNRELATED_FROM

if TYPE_CHECKING:
    from noisefix.detection.findings import DetectResult, OutsideRow
    from noisefix.detection.mismatched import MismatchedRow

_MOST_ROWS = 5
_MOST_GROUPS, _MOST_EXAMPLES = 5, 3


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
        label = "unlabelled" if row.given_label is None else row.given_label
        screen.line(f"{row.p_outside:.2f}  {label}  ({_name(row)})", indent=2)
        screen.line(row.text, indent=8, is_cut=True)


def show_unnamed(screen: Screen, result: DetectResult) -> None:
    """List the groups of rows that may be a class of their own; nothing where there are none."""
    groups = result.unnamed_groups
    if not groups:
        return
    what = "1 group of rows" if len(groups) == 1 else f"{len(groups)} groups of rows"
    screen.heading(
        f"{what} may be a class of their own: near each other, with labels of many classes "
        "(unnamed_group in issues.parquet)"
    )
    for number, group in enumerate(groups[:_MOST_GROUPS], 1):
        labels = ", ".join(f"{name} {count:,}" for name, count in group.labels)
        screen.line(
            f"{number}  {plural(group.rows, 'row')}, {plural(group.classes, 'label')}: {labels}",
            indent=2,
            is_cut=True,
        )
        for row in group.examples[:_MOST_EXAMPLES]:
            screen.line(row.text, indent=8, is_cut=True)


def show_mismatched(screen: Screen, result: DetectResult) -> None:
    """List the rows whose two texts do not seem to belong together, or say that there are none."""
    found = result.mismatched
    if found is None or found.share is None:
        return
    both = f"{found.first} and {found.second}"
    if found.share >= UNRELATED_FROM:
        screen.line(
            f"{both} have little to do with each other in about {percent(found.share)} of "
            f"{plural(found.pairs, 'row')}: no row is listed for it."
        )
        return
    if not found.count:
        screen.line(f"{both} seem to belong together in all {plural(found.pairs, 'row')}.")
        return
    screen.heading(
        f"{plural(found.count, 'row')} whose {both} do not seem to belong together (p_mismatch in "
        f"issues.parquet; of all {found.pairs:,} pairs about {percent(found.share)})"
    )
    for row in found.rows[:_MOST_ROWS]:
        label = "unlabelled" if row.given_label is None else row.given_label
        screen.line(f"{row.p_mismatch:.2f}  {label}  ({_name(row)})", indent=2)
        screen.line(f"{found.first}: {row.first_text}", indent=8, is_cut=True)
        screen.line(f"{found.second}: {row.second_text}", indent=8, is_cut=True)


def _name(row: OutsideRow | MismatchedRow) -> str:
    name = f"row {row.row_number}"
    return name if row.id == str(row.row_number) else f"{name}, id {row.id}"


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
