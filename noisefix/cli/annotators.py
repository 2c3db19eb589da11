"""The part of detect's summary that is about the annotators: how good each is, and who is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, percent, plural

if TYPE_CHECKING:
    from noisefix.detection.findings import AnnotatorsSummary, AnnotatorSummary

_MOST_ANNOTATORS = 20
_TELLING = 0.3
"""Correlation of errors from which on it is said with whom an annotator errs."""


def show_annotators(screen: Screen, found: AnnotatorsSummary) -> None:
    """Show a table of the annotators, the best first.

    Args:
        screen: where to.
        found: what was found of them.
    """
    screen.heading("Annotators")
    columns = (
        Column("annotator", max_width=40),
        Column("rows", "right"),
        Column("right, 90 % interval", "right"),
        Column("kappa", "right"),
        Column("decides", "right"),
        Column("", max_width=60),
    )
    ranked = sorted(found.annotators, key=lambda one: (not one.is_used, -(one.accuracy or 0)))
    shown = ranked[:_MOST_ANNOTATORS]
    screen.table(columns, [_cells(one) for one in shown])
    if len(ranked) > len(shown):
        screen.line(
            f"and {len(ranked) - len(shown)} more in annotators.parquet", indent=2, style="dim"
        )
    screen.line(_agreement(found))


def _cells(one: AnnotatorSummary) -> tuple[str, ...]:
    right = "-"
    if one.accuracy is not None and one.accuracy_low is not None and one.accuracy_high is not None:
        right = f"{percent(one.accuracy)}, {interval(one.accuracy_low, one.accuracy_high)}"
    note = ""
    if not one.is_used:
        note = f"not used: {one.why_not}"
    elif one.errs_with is not None and (one.error_correlation or 0) >= _TELLING:
        note = f"errs with {one.errs_with} ({one.error_correlation:.2f})"
    return (
        one.column,
        f"{one.rows:,}",
        right,
        "-" if one.kappa is None else f"{one.kappa:.2f}",
        percent(one.decides) if one.is_used else "-",
        note,
    )


def _agreement(found: AnnotatorsSummary) -> str:
    count = len(found.annotators)
    words = [f"{found.used} of {plural(count, 'annotator')} used"]
    if found.fleiss_kappa is not None:
        words.append(f"Fleiss' kappa {found.fleiss_kappa:.2f}")
    if found.krippendorff_alpha is not None:
        words.append(f"Krippendorff's alpha {found.krippendorff_alpha:.2f}")
    if found.new_classes:
        names = ", ".join(map(repr, found.new_classes))
        words.append(f"only annotators give {names}")
    verb = "vouch" if found.used != 1 else "vouches"
    words.append(f"{verb} for another label in {plural(found.vouched, 'row')}")
    return "; ".join(words) + ". Who errs how: annotators.parquet."
