"""``audit``: how far to trust the flags on these data, measured by a sample that a person marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.auditing.options import AuditOptions
from noisefix.detection.decided import read_said
from noisefix.detection.embed import ProgressCallback
from noisefix.options import takes
from noisefix.run.decisions import import_decisions
from noisefix.run.folder import RunFolder

if TYPE_CHECKING:
    from noisefix.auditing.estimate import Share
    from noisefix.auditing.mark import OpenDesk
    from noisefix.auditing.plan import AuditPlan

MORE_ROWS = 20
"""How many further rows the stop rule looks ahead."""


@dataclass(frozen=True)
class Judgement:
    """What the run itself says after it has learned from the marked rows.

    Attributes:
        noise_rate: estimated share of wrong labels, with the ends of its 90 % interval.
        issues: rows that are flagged now.
    """

    noise_rate: float
    noise_rate_low: float
    noise_rate_high: float
    issues: int


@dataclass(frozen=True)
class AuditResult:
    """What the sample says by now.

    Attributes:
        run: the run folder.
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
        after: what the run says now; None where its verdicts are as they were.
        not_recalibrated: why they are; empty where they were computed anew.
        must_relabel: the run has an annotator's answers, which must be weighed again.
        csv: the file of rows to mark that was written.
        notes: what a person should know.
    """

    run: Path
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
    after: Judgement | None
    not_recalibrated: str
    must_relabel: bool
    csv: Path | None = None
    notes: tuple[str, ...] = ()


@takes(AuditOptions)
def audit(
    run: str | Path,
    *,
    options: AuditOptions,
    open_desk: OpenDesk | None = None,
    progress: ProgressCallback | None = None,
) -> AuditResult:
    """Draw a sample, let a person mark it, and say how good flags and labels are.

    The sample is drawn once: half of it from the rows that are not flagged, a third from the
    flagged ones, a sixth from those on which the readings of the data disagree, at random within
    each. What is marked is a decision like any other, final, and the run's verdicts are computed
    anew with it.

    Args:
        run: run folder that ``detect`` has written.
        options: what was chosen; its fields may be named one by one instead.
        open_desk: where a person marks the rows; None: nobody is asked.
        progress: called with how far it has come.

    Raises:
        DataError: the run folder cannot be used, or a file cannot be read or written.
        UsageError: an option is out of range, a file to be written is an input or filled in, or
            there is no terminal. What is refused leaves no trace.
    """
    from noisefix.auditing.mark import (
        check_unfilled,
        keep_marks,
        mark_at_desk,
        read_marks,
        write_csv,
    )
    from noisefix.auditing.plan import open_plan
    from noisefix.run.outputs import check_output

    folder = RunFolder.open(run, options.run_data)
    if options.csv is not None:
        read = (run, options.from_file, options.decisions, options.run_data)
        check_output(options.csv, read, option="--csv", kinds=("csv",))
        check_unfilled(options.csv)
    said = read_said(options.decisions)
    review = None if options.from_file is None else read_marks(folder, options.from_file)
    plan = open_plan(folder, options.rows, options.seed, said)
    import_decisions(folder.decisions, said)
    notes = plan.notes
    if review is not None:
        keep_marks(folder, plan, review, options.reviewer)
        plan = open_plan(folder, options.rows, options.seed)
    if options.csv is not None:
        write_csv(options.csv, plan.to_mark)
    elif options.from_file is None and open_desk is not None:
        mark_at_desk(folder, plan, open_desk, options.reviewer)
        plan = open_plan(folder, options.rows, options.seed)
    return _result(folder, plan, options, notes, progress)


def _result(
    folder: RunFolder,
    plan: AuditPlan,
    options: AuditOptions,
    notes: tuple[str, ...],
    progress: ProgressCallback | None,
) -> AuditResult:
    from noisefix.auditing.estimate import found_share, width_after, wrong_share

    n_decided = sum(stratum.marked for stratum in plan.strata)
    why = _recalibrated(folder, progress) if n_decided else ""
    flagged = [stratum for stratum in plan.strata if stratum.is_flagged]
    coming = plan.coming(MORE_ROWS)
    of_flagged, of_all = wrong_share(flagged), wrong_share(plan.strata)
    flagged_coming = [n for n, s in zip(coming, plan.strata, strict=True) if s.is_flagged]
    return AuditResult(
        run=folder.path,
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
        after=_judgement(folder) if n_decided and not why else None,
        not_recalibrated=why,
        must_relabel=folder.relabels.exists() and _is_stale(folder),
        csv=None if options.csv is None else Path(options.csv),
        notes=notes,
    )


def _recalibrated(folder: RunFolder, progress: ProgressCallback | None) -> str:
    from noisefix.auditing.recalibrate import recalibrate

    return recalibrate(folder, progress)


def _judgement(folder: RunFolder) -> Judgement:
    from noisefix.run.parquet import read_provenance

    facts = read_provenance(folder.issues).results
    return Judgement(
        facts["noise_rate"], facts["noise_rate_low"], facts["noise_rate_high"], facts["issues"]
    )


def _is_stale(folder: RunFolder) -> bool:
    """Say whether the answers were weighed against other verdicts than those there now."""
    from noisefix.run.parquet import is_foreign, read_provenance
    from noisefix.tables.atomic import sha256_file

    if is_foreign(folder.relabels):
        return False
    answered = read_provenance(folder.relabels)
    return answered.inputs.get("issues") != sha256_file(folder.issues)
