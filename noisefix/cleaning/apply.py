"""``apply``: write the input again, repaired, with every change on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.consensus import consensus_column, consensus_edits, consensus_labels
from noisefix.cleaning.decide import Decision, verdict_columns, weight_column
from noisefix.cleaning.decide_sets import check_set_options
from noisefix.cleaning.edits import label_edits
from noisefix.cleaning.handover.write import handed_bytes, handed_columns, handed_format, unflagged
from noisefix.cleaning.ledger import Change, write_logged
from noisefix.cleaning.options import ApplyOptions
from noisefix.cleaning.outputs import (
    check_new_columns,
    check_outputs,
    marked,
    write_handed,
    write_review,
)
from noisefix.cleaning.review import review_rows
from noisefix.cleaning.rewrites import REWRITE, Rewrites, choose_rewrites
from noisefix.cleaning.rewritten_rows import NO_EDITS, RewriteEdits, rewrite_edits
from noisefix.cleaning.settle import settle
from noisefix.cleaning.targets import is_elsewhere, place_of
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.run.decisions import import_decisions

if TYPE_CHECKING:
    from noisefix.cleaning.targets import Content
    from noisefix.run.folder import RunFolder
    from noisefix.tables.raw_cells import Cell
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

    strategy, dry_run = options.strategy, options.dry_run
    review_csv, column_prefix = options.review_csv, options.column_prefix
    if output is None and not dry_run and review_csv is None:
        raise UsageError("no output file", "name one with -o, or look first with --dry-run")
    folder = RunFolder.open(run, options.run_data, several_labels=True)
    if folder.set_reading() is not None:
        check_set_options(options)
    handed = handed_format(options, folder.read()["input"]["format"])
    if not dry_run:
        check_outputs(folder, output, options, handed)
    source = folder.input.source()
    label_column = folder.read()["input"]["columns"]["label"]
    settled = settle(folder, source, options)
    issues, decisions, decided = settled.issues, settled.decisions, settled.review
    to_review = None
    if review_csv is not None:
        to_review = review_rows(issues, decisions, decided.choices)
    columns = {"flag": verdict_columns, "weight": weight_column}.get(strategy)
    added = {} if columns is None else columns(issues, column_prefix)
    if handed is not None:
        decisions = [decision for decision in decisions if decision.action == "flag"]
        issues = unflagged(issues, decided.choices)
        added = handed_columns(folder, issues, column_prefix, handed)
    edits: tuple[Edit, ...] = ()
    if settled.given_by_vote and handed is None:
        # The new column holds them all.
        added[consensus_column(column_prefix)] = [
            label or "" for label in consensus_labels(issues, decisions)
        ]
        noted = consensus_edits(decisions, column_prefix)
    else:
        edits = noted = label_edits(folder, source, decisions)
    rewrites = choose_rewrites(folder, source, settled, options)
    made = NO_EDITS
    if rewrites is not None:
        made = rewrite_edits(folder, source, rewrites, added, options)
        added = made.added
        gone = {row for row, _ in made.edits}
        decisions = [decision for decision in decisions if decision.row_number not in gone]
        edits = tuple(edit for edit in edits if edit.decision.row_number not in gone)
        noted = tuple(edit for edit in noted if edit.decision.row_number not in gone)
    check_new_columns(source, added)
    before = _cells_before(folder, source, edits)
    changes = _changes(decisions, noted, before, f"{column_prefix}is_issue", made.changes)
    result = ApplyResult(
        run=folder.path,
        output=None,
        strategy=strategy,
        rows=issues.num_rows,
        flagged=int(issues["is_issue"].to_numpy().sum()),
        relabelled=sum(d.action == "relabel" for d in decisions),
        filled=sum(d.action == "fill" for d in decisions),
        dropped=sum(d.action == "drop" for d in decisions),
        changes=changes,
        added_columns=tuple(added),
        label_column=label_column,
        has_witness=settled.has_witness,
        ledger=None,
        reviewed=len(decided.choices),
        to_review=0 if to_review is None else len(to_review),
        format=handed,
        rewrites=rewrites,
    )
    if handed is not None:
        n_handed = result.flagged if options.only_flagged else result.rows
        result = replace(result, handed_over=n_handed)
    if dry_run:
        return result
    target = None if output is None else output if is_elsewhere(output) else Path(output)
    content: Content = b""
    rows = b""
    if target is not None and handed is not None:
        rows = handed_bytes(
            folder,
            source,
            issues,
            settled.class_names,
            added,
            handed,
            only_flagged=options.only_flagged,
        )
    elif target is not None:
        content = _rewritten(folder, source, target, decisions, edits, added, made)
        if options.bom and isinstance(content, bytes):
            content = marked(content, source)
    import_decisions(folder.decisions, settled.words)  # nothing is refused any more
    if to_review is not None and review_csv is not None:
        write_review(Path(review_csv), issues, to_review)
        result = replace(result, review_csv=Path(review_csv))
    if target is None:
        return result
    result = replace(result, output=place_of(target) if is_elsewhere(target) else target)
    if handed is not None:
        write_handed(target, rows, bom=options.bom)
        return result
    action = strategy if rewrites is None else REWRITE  # cells alone cannot be set back
    write_logged(folder, target, content, changes, action)
    return replace(result, ledger=folder.ledger)


def _cells_before(
    folder: RunFolder, source: Source, edits: Sequence[Edit]
) -> dict[tuple[int, str], Cell]:
    """Return the cells that change as they are, by row number and column."""
    from noisefix.tables.class_label import class_label_names
    from noisefix.tables.raw_cells import read_cells

    found: dict[tuple[int, str], Cell] = {}
    for column in dict.fromkeys(edit.column for edit in edits):
        if class_label_names(source.table.schema, column):  # the cell is a number, not a label
            continue
        rows = [edit.decision.row_number for edit in edits if edit.column == column]
        cells = read_cells(folder.input.files(), source, column, rows)
        found |= {(row, column): cell for row, cell in cells.items()}
    return found


def _changes(
    decisions: Sequence[Decision],
    edits: Sequence[Edit],
    before: Mapping[tuple[int, str], Cell],
    flag_column: str,
    more: Sequence[Change],
) -> tuple[Change, ...]:
    """Return what the ledger says: every cell that changes, every row that is flagged or goes."""
    changes = [*more]
    for edit in edits:
        cell = before.get((edit.decision.row_number, edit.column))
        old = edit.decision.given_label if cell is None else cell.value
        raw = None if cell is None else cell.raw
        changes.append(_change(edit.decision, edit.column, old, edit.value, raw))
    for decision in decisions:
        if decision.new_label is None:
            is_flag = decision.action == "flag"
            old = None if is_flag else decision.given_label
            column, new = (flag_column, "true") if is_flag else ("", None)
            changes.append(_change(decision, column, old, new, None))
    return tuple(sorted(changes, key=lambda change: change.row_number))


def _change(
    decision: Decision, column: str, old: str | None, new: str | None, raw: str | None
) -> Change:
    return Change(
        id=decision.id,
        row_number=decision.row_number,
        column=column,
        old=old,
        new=new,
        action=decision.action,
        reasons=decision.reasons,
        p_error=decision.p_error,
        annotator=decision.annotator,
        cost_usd=decision.cost_usd,
        old_cell=raw,
    )


def _rewritten(
    folder: RunFolder,
    source: Source,
    output: str | Path,
    decisions: Sequence[Decision],
    edits: Sequence[Edit],
    added: dict[str, list[str]],
    made: RewriteEdits,
) -> Content:
    from noisefix.cleaning.rewrite import rewritten, table_content
    from noisefix.tables.sql_url import is_sql

    changed = {(edit.decision.row_number, edit.column): edit.value for edit in edits}
    changed |= made.edits
    dropped = [d.row_number for d in decisions if d.action == "drop"]
    if is_sql(output):
        return table_content(source, changed, dropped, added, made.new_rows)
    return rewritten(
        folder.input.files(),
        source,
        output,
        edits=changed,
        dropped=dropped,
        added=added,
        new_rows=made.new_rows,
    )
