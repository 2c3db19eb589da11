"""``audit``: how far to trust the flags on these data, measured by a sample that a person marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.auditing.measured import Measured, measure
from noisefix.auditing.options import AuditOptions
from noisefix.detection.embed import ProgressCallback
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.run.decisions import import_decisions, read_said
from noisefix.run.folder import RunFolder

if TYPE_CHECKING:
    from noisefix.auditing.mark import OpenDesk
    from noisefix.auditing.plan import AuditPlan


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
class AuditResult(Measured):
    """What the sample says by now, and what the run says after it has learned from it.

    Attributes:
        run: the run folder.
        after: what the run says now; None where its verdicts are as they were.
        not_recalibrated: why they are; empty where they were computed anew.
        must_relabel: the run has an annotator's answers, which must be weighed again.
        csv: the file of rows to mark that was written.
        notes: what a person should know.
    """

    run: Path
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
    n_decided = sum(stratum.marked for stratum in plan.strata)
    why = _recalibrated(folder, progress) if n_decided else ""
    return AuditResult(
        **vars(measure(plan)),
        run=folder.path,
        after=_judgement(folder) if n_decided and not why else None,
        not_recalibrated=why,
        must_relabel=folder.relabels.exists() and _is_stale(folder),
        csv=None if options.csv is None else Path(options.csv),
        notes=notes,
    )


def _recalibrated(folder: RunFolder, progress: ProgressCallback | None) -> str:
    """Judge the labels again with what was marked; return "", or why that cannot be done."""
    from noisefix.detection.rejudge import rejudge

    try:
        rejudge(folder, progress=progress)
    except UsageError as error:
        return f"{error.message}; {error.hint}"
    return ""


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
