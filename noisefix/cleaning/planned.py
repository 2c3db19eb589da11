"""What ``apply`` is to write: cells, columns, rows left out, and what the ledger says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.consensus import consensus_column, consensus_edits, consensus_labels
from noisefix.cleaning.decide import Decision, verdict_columns, weight_column
from noisefix.cleaning.edits import label_edits
from noisefix.cleaning.handover.write import handed_columns, unflagged
from noisefix.cleaning.ledger import Change
from noisefix.cleaning.options import ApplyOptions
from noisefix.cleaning.rewrites import Rewrites, choose_rewrites
from noisefix.cleaning.rewritten_rows import NO_EDITS, RewriteEdits, rewrite_edits
from noisefix.cleaning.settle import Settled

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder
    from noisefix.tables.raw_cells import Cell
    from noisefix.tables.source import Source


@dataclass(frozen=True)
class Planned:
    """What becomes of the rows.

    Attributes:
        issues: the rows; of those handed over, as they are shown.
        decisions: on rows that change, edited texts left out.
        edits: cells of labels to be written.
        noted: edits for the ledger: the same, or those of a column that is added.
        added: new columns, by name.
        rewrites: edited texts; None: none are asked for.
        made: what becomes of them.
    """

    issues: pa.Table
    decisions: list[Decision]
    edits: tuple[Edit, ...]
    noted: tuple[Edit, ...]
    added: dict[str, list[str]]
    rewrites: Rewrites | None
    made: RewriteEdits


def planned(
    folder: RunFolder, source: Source, settled: Settled, options: ApplyOptions, handed: str | None
) -> Planned:
    """Return what becomes of the rows.

    Args:
        folder: the run.
        source: its input.
        settled: what was decided.
        options: what was chosen.
        handed: the format in which rows are handed over; None: the input is written again.

    Raises:
        DataError: a table of the run cannot be read.
        UsageError: edited texts cannot be used so.
    """
    issues, decisions, prefix = settled.issues, settled.decisions, options.column_prefix
    columns = {"flag": verdict_columns, "weight": weight_column}.get(options.strategy)
    added = {} if columns is None else columns(issues, prefix)
    if handed is not None:
        decisions = [decision for decision in decisions if decision.action == "flag"]
        issues = unflagged(issues, settled.review.choices)
        added = handed_columns(folder, issues, prefix, handed)
    edits: tuple[Edit, ...] = ()
    if settled.given_by_vote and handed is None:
        # The new column holds them all.
        added[consensus_column(prefix)] = [
            label or "" for label in consensus_labels(issues, decisions)
        ]
        noted = consensus_edits(decisions, prefix)
    else:
        edits = noted = label_edits(folder, source, decisions)
    rewrites = choose_rewrites(folder, source, settled, options)
    made = NO_EDITS
    if rewrites is not None:
        made = rewrite_edits(folder, source, rewrites, added, options)
        added = made.added
        gone = {row for row, _ in made.edits}
        decisions = [decision for decision in decisions if decision.row_number not in gone]
        edits, noted = (
            tuple(edit for edit in some if edit.decision.row_number not in gone)
            for some in (edits, noted)
        )
    return Planned(issues, decisions, edits, noted, added, rewrites, made)


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


def changes_of(
    folder: RunFolder, source: Source, plan: Planned, flag_column: str
) -> tuple[Change, ...]:
    """Return what the ledger says: every cell that changes, every row that is flagged or goes.

    Raises:
        DataError: the input cannot be read.
    """
    before = _cells_before(folder, source, plan.edits)
    changes = [*plan.made.changes]
    for edit in plan.noted:
        cell = before.get((edit.decision.row_number, edit.column))
        old = edit.decision.given_label if cell is None else cell.value
        raw = None if cell is None else cell.raw
        changes.append(_change(edit.decision, edit.column, old, edit.value, raw))
    for decision in plan.decisions:
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
