"""What ``relabel --rewrite`` ends with."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from noisefix.cli.terminal import Screen
from noisefix.cli.wording import number, plural

if TYPE_CHECKING:
    from noisefix.relabelling.relabel import RelabelResult


def measured_by(measure: str) -> str:
    """Say in words what compares a text with its edit."""
    if measure == "words":
        return "by the share of words that stay: the vectors of this run were given"
    return f"by {measure.rpartition('/')[2]}"


def show_rewrites(screen: Screen, result: RelabelResult) -> None:
    """Show in a few lines what came of asking for edits."""
    report = result.rewrites
    if report is None:
        screen.line("Nothing was answered, and nothing is changed.")
        return
    screen.line(
        f"{plural(report.asked, 'row')} asked: {report.no_edit:,} need no edit, {report.edited:,} "
        f"edited, {report.impossible:,} impossible, {report.unusable:,} without a usable answer.",
        style="bold",
    )
    if report.edited:
        screen.line(
            f"Edited texts are on average {number(report.mean_similarity)} like what they were "
            f"({measured_by(report.measure)})."
        )
    screen.line("No label and no probability is changed by this.")
    show_tokens(screen, report.input_tokens, report.output_tokens, report.cost_usd)
    run = shlex.quote(str(result.run))
    screen.heading(f"Every edit is in {result.run}/rewrites.parquet. Next:")
    screen.command(
        f"noisefix apply {run} --rewrites add --dry-run", "see which rows would be added"
    )


def show_tokens(screen: Screen, tokens_in: int, tokens_out: int, cost_usd: float) -> None:
    """Say what it took, where that is known."""
    if tokens_in or cost_usd:
        screen.line(
            f"{tokens_in:,} tokens in, {tokens_out:,} out"
            + (f", ${cost_usd:.4f}" if cost_usd else "")
            + "; every answer is stored and will not be paid for again."
        )
