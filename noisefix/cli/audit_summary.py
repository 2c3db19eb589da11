"""What ``audit`` ends with: what the marked rows say, and whether more of them would help."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from noisefix.auditing.measured import counts_said, gain_said, shares_said
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, percent, plural

if TYPE_CHECKING:
    from noisefix.auditing.audit import AuditResult

_LEAST_GAIN = 0.01


def show_audit(screen: Screen, result: AuditResult) -> None:
    """Show what the sample says, in a few lines, and what to do next."""
    for line in counts_said(result):
        screen.line(line)
    if result.labels is not None:
        flags, labels, found = shares_said(result)
        screen.line(flags, style="bold")
        screen.line(labels, style="bold")
        screen.line(found)
        _show_after(screen, result)
    _show_next(screen, result)


def _show_after(screen: Screen, result: AuditResult) -> None:
    after = result.after
    if after is None:
        screen.line(f"p_error has not learned from the marked rows: {result.not_recalibrated}.")
        return
    between = interval(after.noise_rate_low, after.noise_rate_high)
    screen.line(
        f"p_error is now calibrated on your data: with the marked rows it comes to "
        f"{percent(after.noise_rate)} wrong labels (90 % interval {between}), and "
        f"{plural(after.issues, 'row')} {'is' if after.issues == 1 else 'are'} flagged now."
    )
    if result.must_relabel:
        screen.line(
            "The answers in relabels.parquet were weighed before. Ask again: what was answered is "
            "stored, and costs nothing.",
            style="yellow",
        )


def _show_next(screen: Screen, result: AuditResult) -> None:
    run = shlex.quote(str(result.run))
    if result.csv is not None:
        file = shlex.quote(str(result.csv))
        screen.line(f"{plural(result.left, 'row')} to mark are in {result.csv}.")
        screen.heading("Fill in the column decision (a class, drop or unsure). Next:")
        screen.command(f"noisefix audit {run} --from {file}", "read it back")
        return
    if result.left:
        screen.heading(f"{plural(result.left, 'row')} to mark, one key each. Next:")
        screen.command(f"noisefix audit {run}", "at a terminal; what is marked is kept")
        screen.command(f"noisefix audit {run} --csv sample.csv", "in a spreadsheet program")
        return
    if not result.more_rows:
        screen.line("Every row that can be drawn is in the sample.")
        return
    if max(result.narrows_labels_by, result.narrows_flagged_by) < _LEAST_GAIN:
        screen.line(
            f"That is enough: {result.more_rows} more would narrow it by less than a point."
        )
        return
    screen.heading(f"{gain_said(result)} Next:")
    screen.command(
        f"noisefix audit {run} --rows {result.rows + result.more_rows}", "go on with them"
    )
