"""What ``audit`` ends with: what the marked rows say, and whether more of them would help."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, percent, plural

if TYPE_CHECKING:
    from noisefix.auditing.audit import AuditResult
    from noisefix.auditing.estimate import Share

_FEW_ROWS = 10
_WIDE = 0.6
"""An interval wider than this says nothing worth a line."""

_LEAST_GAIN = 0.01


def show_audit(screen: Screen, result: AuditResult) -> None:
    """Show what the sample says, in a few lines, and what to do next."""
    _show_counts(screen, result)
    if result.labels is not None:
        screen.line(_flags(result), style="bold")
        screen.line(_labels(result.labels), style="bold")
        screen.line(_found(result.found))
        _show_after(screen, result)
    _show_next(screen, result)


def _show_counts(screen: Screen, result: AuditResult) -> None:
    parts = [f"{result.marked:,} marked"]
    if result.unsure:
        parts.append(f"{result.unsure:,} unsure, which do not count")
    if result.left:
        parts.append(f"{result.left:,} to mark")
    screen.line(f"A sample of {plural(result.rows, 'row')}: {', '.join(parts)}.")
    if result.decided_before:
        screen.line(
            f"{plural(result.decided_before, 'row')} decided before it was drawn count too."
        )
    if 0 < result.marked < _FEW_ROWS:
        screen.line(
            "So few rows say little: look at the intervals, not at the figures before them."
        )


def _flags(result: AuditResult) -> str:
    share = result.flagged
    if share is None:
        return "Of the flagged rows none is marked, so nothing is known of them."
    rows = "1 flagged row" if share.rows == 1 else f"{share.rows:,} flagged rows"
    return _said(share, f"of the {rows}", "flagged ")


def _labels(share: Share) -> str:
    return _said(share, f"of all {share.rows:,} labels", "")


def _said(share: Share, of_what: str, kind: str) -> str:
    """Say a share; where no error was seen, or nothing else, only what that proves."""
    begin = of_what[:1].upper() + of_what[1:]
    counted = f"{share.wrong:,} of {share.marked:,} marked"
    if share.marked == share.rows:
        return f"{begin} {percent(share.value)} are wrong: every one is marked."
    if not share.wrong:
        return (
            f"{begin} at most {percent(share.high)} are wrong (95 % sure): no error in "
            f"{share.marked:,} marked {kind}{'row' if share.marked == 1 else 'rows'}, which does "
            "not mean that there is none."
        )
    if share.wrong == share.marked:
        return f"{begin} at least {percent(share.low)} are wrong (95 % sure): {counted}."
    between = interval(share.low, share.high)
    return f"{begin} {percent(share.value)} are wrong (90 % interval {between}; {counted})."


def _found(share: Share | None) -> str:
    if share is None:
        return "How many of the wrong labels are flagged: no wrong one was seen to tell it by."
    if share.width > _WIDE:
        return (
            "How many of the wrong labels are flagged cannot be said yet: it may be "
            f"{interval(share.low, share.high)}."
        )
    return (
        f"Of the wrong labels {percent(share.value)} are flagged (90 % interval "
        f"{interval(share.low, share.high)})."
    )


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
    gain, of_flags = result.narrows_labels_by, result.narrows_flagged_by
    if max(gain, of_flags) < _LEAST_GAIN:
        screen.line(
            f"That is enough: {result.more_rows} more would narrow it by less than a point."
        )
        return
    screen.heading(
        f"{result.more_rows} more would narrow the share of all labels by about "
        f"{_points(gain)}, that of the flagged rows by about {_points(of_flags)}. Next:"
    )
    screen.command(
        f"noisefix audit {run} --rows {result.rows + result.more_rows}", "go on with them"
    )


def _points(gain: float) -> str:
    rounded = max(round(100 * gain), 0)
    return "1 point" if rounded == 1 else f"{rounded} points"
