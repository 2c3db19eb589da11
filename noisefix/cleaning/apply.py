"""``apply``: write the input again, repaired, with every change on record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cleaning.decide_sets import check_set_options
from noisefix.cleaning.handover.write import handed_bytes, handed_format
from noisefix.cleaning.ledger import Change, write_logged
from noisefix.cleaning.options import ApplyOptions
from noisefix.cleaning.outputs import (
    check_new_columns,
    check_outputs,
    marked,
    write_handed,
    write_review,
)
from noisefix.cleaning.planned import Planned, changes_of, planned
from noisefix.cleaning.review import review_rows
from noisefix.cleaning.rewrites import REWRITE, Rewrites
from noisefix.cleaning.settle import Settled, settle
from noisefix.cleaning.targets import is_elsewhere, place_of
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.run.decisions import import_decisions

if TYPE_CHECKING:
    from noisefix.cleaning.targets import Content
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source


@dataclass(frozen=True)
class ApplyResult:
    """What ``apply`` did, or would do.

    Attributes:
        run: the run folder.
        output: file or folder written, or the address or table as it may be shown; None after a
            dry run.
        strategy: flag, drop, relabel or weight.
        rows: rows in the input.
        flagged: rows flagged as probably wrong.
        relabelled: rows with a new label.
        filled: unlabelled rows that got one.
        dropped: rows left out.
        changes: what was changed, in row order.
        added_columns: columns added.
        label_column: column with the labels; None where the input has none. Where they are what
            most annotators say, they are in the added column "label" behind the prefix.
        has_witness: labels may be changed without asking anybody; see ``stages.apply.decide``.
        ledger: ledger that holds the changes; None after a dry run.
        reviewed: rows that a person has decided on, of ``review``.
        to_review: rows that a person should see; 0 unless ``review_csv`` asks for them.
        review_csv: file with these rows; None when it was not written.
        handed_over: rows written for people or another tool, whose edits no ledger holds; None: the
            input was written again.
        format: what they are written in; None likewise.
        rewrites: the edited texts used; None unless ``rewrites`` asks for them.
    """

    run: Path
    output: Path | str | None
    strategy: str
    rows: int
    flagged: int
    relabelled: int
    filled: int
    dropped: int
    changes: tuple[Change, ...]
    added_columns: tuple[str, ...]
    label_column: str | None
    has_witness: bool
    ledger: Path | None
    reviewed: int = 0
    to_review: int = 0
    review_csv: Path | None = None
    handed_over: int | None = None
    format: str | None = None
    rewrites: Rewrites | None = None


@takes(ApplyOptions)
def apply(
    run: str | Path,
    output: str | Path | None = None,
    *,
    options: ApplyOptions,
) -> ApplyResult:
    """Write the input of a run again, with what was found; the input itself is never touched.

    Args:
        run: run folder that ``detect`` has written.
        output: file to write, or "-" for standard output; of several files a folder; an address
            that can be written, or URL::TABLE of a database, for a new table; may be None with
            ``dry_run`` or ``review_csv``.
        options: what was chosen; its fields may be named one by one instead. A person's decisions
            in ``review`` are above all others, whatever the strategy. The run folder keeps them,
            and those of ``decisions``, before a file is written: they stay where that fails. What
            is refused leaves no trace.

    Raises:
        DataError: no run folder; the input changed or vanished; a file cannot be written; the
            person's decisions cannot be read; a file to be written holds decisions already.
        UsageError: the output is an input or a file of the run folder, or its name promises another
            format; a column to be added is there already; options that do not go together; openpyxl
            is needed and not there.
    """
    from noisefix.run.folder import RunFolder

    dry_run, review_csv = options.dry_run, options.review_csv
    if output is None and not dry_run and review_csv is None:
        raise UsageError("no output file", "name one with -o, or look first with --dry-run")
    folder = RunFolder.open(run, options.run_data, several_labels=True)
    if folder.set_reading() is not None:
        check_set_options(options)
    handed = handed_format(options, folder.read()["input"]["format"])
    if not dry_run:
        check_outputs(folder, output, options, handed)
    source = folder.input.source()
    settled = settle(folder, source, options)
    to_review = None
    if review_csv is not None:
        to_review = review_rows(settled.issues, settled.decisions, settled.review.choices)
    plan = planned(folder, source, settled, options, handed)
    check_new_columns(source, plan.added)
    changes = changes_of(folder, source, plan, f"{options.column_prefix}is_issue")
    result = _result(folder, settled, plan, changes, options, handed)
    if to_review is not None:
        result = replace(result, to_review=len(to_review))
    if dry_run:
        return result
    target = None if output is None else output if is_elsewhere(output) else Path(output)
    content: Content = b""
    rows = b""
    if target is not None and handed is not None:
        rows = handed_bytes(
            folder,
            source,
            plan.issues,
            settled.class_names,
            plan.added,
            handed,
            only_flagged=options.only_flagged,
        )
    elif target is not None:
        content = _rewritten(folder, source, target, plan)
        if options.bom and isinstance(content, bytes):
            content = marked(content, source)
    import_decisions(folder.decisions, settled.words)  # nothing is refused any more
    if to_review is not None and review_csv is not None:
        write_review(Path(review_csv), plan.issues, to_review)
        result = replace(result, review_csv=Path(review_csv))
    if target is None:
        return result
    result = replace(result, output=place_of(target) if is_elsewhere(target) else target)
    if handed is not None:
        write_handed(target, rows, bom=options.bom)
        return result
    # Where texts were edited, cells alone cannot be set back.
    action = options.strategy if plan.rewrites is None else REWRITE
    write_logged(folder, target, content, changes, action)
    return replace(result, ledger=folder.ledger)


def _result(
    folder: RunFolder,
    settled: Settled,
    plan: Planned,
    changes: tuple[Change, ...],
    options: ApplyOptions,
    handed: str | None,
) -> ApplyResult:
    """Return what a dry run comes to."""
    flagged = int(plan.issues["is_issue"].to_numpy().sum())
    n_handed = flagged if options.only_flagged else plan.issues.num_rows
    return ApplyResult(
        run=folder.path,
        output=None,
        strategy=options.strategy,
        rows=plan.issues.num_rows,
        flagged=flagged,
        relabelled=sum(d.action == "relabel" for d in plan.decisions),
        filled=sum(d.action == "fill" for d in plan.decisions),
        dropped=sum(d.action == "drop" for d in plan.decisions),
        changes=changes,
        added_columns=tuple(plan.added),
        label_column=folder.read()["input"]["columns"]["label"],
        has_witness=settled.has_witness,
        ledger=None,
        reviewed=len(settled.review.choices),
        handed_over=None if handed is None else n_handed,
        format=handed,
        rewrites=plan.rewrites,
    )


def _rewritten(folder: RunFolder, source: Source, output: str | Path, plan: Planned) -> Content:
    from noisefix.cleaning.rewrite import rewritten, table_content
    from noisefix.tables.sql_url import is_sql

    changed = {(edit.decision.row_number, edit.column): edit.value for edit in plan.edits}
    changed |= plan.made.edits
    dropped = [d.row_number for d in plan.decisions if d.action == "drop"]
    if is_sql(output):
        return table_content(source, changed, dropped, plan.added, plan.made.new_rows)
    return rewritten(
        folder.input.files(),
        source,
        output,
        edits=changed,
        dropped=dropped,
        added=plan.added,
        new_rows=plan.made.new_rows,
    )
