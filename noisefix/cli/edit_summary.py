"""What ``relabel --rewrite`` and ``augment`` end with."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import number, percent, plural

if TYPE_CHECKING:
    from noisefix.relabelling.augment import AugmentResult
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


def show_pairs(screen: Screen, result: AugmentResult) -> None:
    """Show in a few lines what came of asking for pairs."""
    report = result.report
    if report is None:
        screen.line("No row is of a confused pair of classes: nothing was asked.")
        return
    screen.line(
        f"{report.accepted:,} of {plural(report.asked, 'edit')} accepted as pairs "
        f"({report.by_second_vote:,} by a second vote), {measured_by(report.measure)}.",
        style="bold",
    )
    screen.table(
        (
            Column("given", max_width=30),
            Column("truly", max_width=30),
            Column("of all rows", "right"),
            Column("asked", "right"),
            Column("accepted", "right"),
        ),
        [
            (c.given_label, c.true_label, percent(c.joint), f"{c.asked:,}", f"{c.accepted:,}")
            for c in report.cells
        ],
    )
    for reason, count in report.refusals.items():
        screen.line(f"{count:,} not accepted: {reason}")
    show_tokens(screen, report.input_tokens, report.output_tokens, report.cost_usd)
    run = shlex.quote(str(result.run))
    screen.heading(f"Every pair is in {result.run}/contrast_pairs.parquet. Next:")
    screen.command(
        f"noisefix train {run} --pairs {run} -o MODEL", "train with them, at half weight"
    )
    screen.command(f"noisefix evaluate MODEL --pairs {run}", "does a model tell the classes apart")


def show_tokens(screen: Screen, tokens_in: int, tokens_out: int, cost_usd: float) -> None:
    """Say what it took, where that is known."""
    if tokens_in or cost_usd:
        screen.line(
            f"{tokens_in:,} tokens in, {tokens_out:,} out"
            + (f", ${cost_usd:.4f}" if cost_usd else "")
            + "; every answer is stored and will not be paid for again."
        )
