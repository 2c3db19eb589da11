"""What a marked sample says by now, in figures and in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.auditing.estimate import Share, found_share, width_after, wrong_share
from noisefix.wording import interval, percent, plural

if TYPE_CHECKING:
    from noisefix.auditing.plan import AuditPlan

MORE_ROWS = 20
"""How many further rows the stop rule looks ahead."""

_FEW_ROWS = 10
_WIDE = 0.6
"""An interval wider than this says nothing worth a line."""


@dataclass(frozen=True)
class Measured:
    """What the sample says by now.

    Attributes:
        rows: rows of the sample; ``marked`` of them, ``unsure`` of them, and ``left`` to mark.
        decided_before: rows that were decided before the sample was drawn; all of them count.
        left_out: labelled rows that are not drawn from, see ``Sample``.
        flagged: the share of wrong labels among the rows that were flagged when the sample was
            drawn; None where none of these is marked.
        labels: the same among all labels.
        found: the share of the wrong labels that is flagged; None where no wrong one was seen.
        more_rows: a further sample of so many rows; 0: there are none.
        narrows_flagged_by: would narrow the interval of ``flagged`` by about so much.
        narrows_labels_by: the same of ``labels``.
    """

    rows: int
    marked: int
    unsure: int
    left: int
    decided_before: int
    left_out: int
    flagged: Share | None
    labels: Share | None
    found: Share | None
    more_rows: int
    narrows_flagged_by: float
    narrows_labels_by: float


def measure(plan: AuditPlan) -> Measured:
    """Return what follows from the rows of a sample that are marked."""
    flagged = [stratum for stratum in plan.strata if stratum.is_flagged]
    coming = plan.coming(MORE_ROWS)
    of_flagged, of_all = wrong_share(flagged), wrong_share(plan.strata)
    flagged_coming = [n for n, s in zip(coming, plan.strata, strict=True) if s.is_flagged]
    return Measured(
        rows=len(plan.rows),
        marked=sum(row.is_marked for row in plan.rows),
        unsure=sum(row.is_unsure for row in plan.rows),
        left=len(plan.to_mark),
        decided_before=len(plan.sample.decided_flagged) + len(plan.sample.decided_unflagged),
        left_out=plan.sample.left_out,
        flagged=of_flagged,
        labels=of_all,
        found=found_share(plan.strata),
        more_rows=sum(coming),
        narrows_flagged_by=(
            of_flagged.width - width_after(flagged, flagged_coming) if of_flagged else 0.0
        ),
        narrows_labels_by=of_all.width - width_after(plan.strata, coming) if of_all else 0.0,
    )


def counts_said(measured: Measured) -> list[str]:
    """Return sentences: how many rows are marked, and whether that is enough to go by."""
    parts = [f"{measured.marked:,} marked"]
    if measured.unsure:
        parts.append(f"{measured.unsure:,} unsure, which do not count")
    if measured.left:
        parts.append(f"{measured.left:,} to mark")
    lines = [f"A sample of {plural(measured.rows, 'row')}: {', '.join(parts)}."]
    if measured.decided_before:
        lines.append(
            f"{plural(measured.decided_before, 'row')} decided before it was drawn count too."
        )
    if 0 < measured.marked < _FEW_ROWS:
        lines.append(
            "So few rows say little: look at the intervals, not at the figures before them."
        )
    return lines


def shares_said(measured: Measured) -> list[str]:
    """Return three sentences: of the flags, of all labels, of the wrong ones; none of no row."""
    if measured.labels is None:
        return []
    return [_flags(measured), _labels(measured.labels), _found(measured.found)]


def gain_said(measured: Measured) -> str:
    """Return what the next rows would bring, as the beginning of a sentence."""
    gain, of_flags = measured.narrows_labels_by, measured.narrows_flagged_by
    return (
        f"{measured.more_rows} more would narrow the share of all labels by about "
        f"{_points(gain)}, that of the flagged rows by about {_points(of_flags)}."
    )


def _flags(measured: Measured) -> str:
    share = measured.flagged
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


def _points(gain: float) -> str:
    rounded = max(round(100 * gain), 0)
    return "1 point" if rounded == 1 else f"{rounded} points"
