"""A table in memory with what was found in it: as ``apply`` writes a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.cleaning.consensus import consensus_column, consensus_labels
from noisefix.cleaning.decide import verdict_values, weight_values
from noisefix.cleaning.decide_sets import check_set_options
from noisefix.cleaning.edited import Edits, edited
from noisefix.cleaning.edits import label_edits
from noisefix.cleaning.outputs import check_new_columns
from noisefix.cleaning.settle import Settled, settle
from noisefix.errors import DataError, UsageError
from noisefix.run.folder import RunFolder
from noisefix.tables.pandas_frames import need_pandas

if TYPE_CHECKING:
    from noisefix.cleaning.cell_edit import Edit
    from noisefix.cleaning.decide import Decision
    from noisefix.cleaning.options import ApplyOptions
    from noisefix.tables.dataset import Dataset
    from noisefix.tables.label_rules import LabelRules
    from noisefix.tables.source import Source

_VALUES = {"flag": verdict_values, "weight": weight_values}


def clean_table(run: str | Path, data: Any, options: ApplyOptions) -> Any:
    """Return a copy of a table with the same decisions as ``apply`` makes.

    Args:
        run: the run folder.
        data: the table that was judged; None: the input is read again, as a pandas DataFrame.
        options: the strategy, its thresholds and the names of new columns.

    Raises:
        DataError: the table has not the rows that were judged, or the run folder is gone.
        UsageError: it is no table, a new column's name is taken, or there is no label column to
            write to.
    """
    from noisefix.tables.memory import table_source

    if options.rewrites is not None:
        raise UsageError(
            "rewrites: edited texts are written to files only",
            "use noisefix.apply(run, output, rewrites=...)",
        )
    folder = RunFolder.open(run, several_labels=True)
    if folder.set_reading() is not None:
        check_set_options(options)
    if data is None:
        need_pandas()
        source = folder.input.source()
        data = source.table.to_pandas()
    else:
        source = table_source(data)
    settled = settle(folder, source, options)
    rows = folder.load(source)
    _check_same(rows, settled)
    values = _VALUES.get(options.strategy)
    added = {} if values is None else values(settled.issues, options.column_prefix)
    if settled.given_by_vote:
        name = consensus_column(options.column_prefix)
        added[name] = consensus_labels(settled.issues, settled.decisions)
    check_new_columns(source, added)
    decisions = [] if settled.given_by_vote else settled.decisions  # the added column holds them
    dropped = {d.row_number - 1 for d in settled.decisions if d.action == "drop"}
    kept = [row for row in range(len(rows)) if row not in dropped]
    edits = Edits(
        values=_new_values(folder, source, rows, decisions),
        kept=kept if dropped else None,
        added=added,
    )
    return edited(data, edits)


def _check_same(rows: Dataset, settled: Settled) -> None:
    """Check that texts and labels are those that were judged."""
    issues = settled.issues
    pairs: list[tuple[str, list[Any], list[Any]]] = []
    if not settled.given_by_vote:
        pairs.append(("label", rows.given_labels, issues["given_label"].to_pylist()))
    if rows.text_column is not None:
        pairs.append(("text", rows.texts, [text or "" for text in issues["text"].to_pylist()]))
    for what, now, judged in pairs:
        row = next((k for k, (a, b) in enumerate(zip(now, judged, strict=True)) if a != b), None)
        if row is not None:
            raise DataError(
                f"{rows.source.name}: the {what} of row {row + 1} is not the one that was judged",
                "give the table as it was judged, or detect again",
            )


def _new_values(
    folder: RunFolder, source: Source, rows: Dataset, decisions: Sequence[Decision]
) -> dict[str, dict[int, Any]]:
    """Return the cells that get new labels, by column and row."""
    if rows.sets is not None:
        return _set_values(source, label_edits(folder, source, decisions))
    new = {d.row_number - 1: d.new_label for d in decisions if d.new_label is not None}
    if not new:
        return {}
    if rows.label_column is None:
        raise UsageError(f"{source.name}: has no label column to write to", "take strategy='flag'")
    return {rows.label_column: _raw_values(source, rows, new, folder.label_rules())}


def _set_values(source: Source, edits: Sequence[Edit]) -> dict[str, dict[int, Any]]:
    """Return edits as values of the columns' types."""
    from pyarrow import types

    values: dict[str, dict[int, Any]] = {}
    for edit in edits:
        kind = source.table.schema.field(edit.column).type
        is_number = types.is_integer(kind) or types.is_floating(kind)
        is_json = types.is_nested(kind) or is_number or types.is_boolean(kind)
        value = json.loads(edit.value) if is_json else edit.value
        values.setdefault(edit.column, {})[edit.decision.row_number - 1] = value
    return values


def _raw_values(
    source: Source, rows: Dataset, new: dict[int, str], rules: LabelRules
) -> dict[int, Any]:
    """Return new labels as the column holds them, most of the time: a number where labels are."""
    from collections import Counter

    from pyarrow import types

    from noisefix.tables.label_cells import written_labels

    column = rows.label_column
    if column is None:
        return {}
    cells: dict[str, Counter[Any]] = {}
    for cell, label in zip(source.table[column].to_pylist(), rows.given_labels, strict=True):
        if label is not None:
            cells.setdefault(label, Counter())[cell] += 1
    written = written_labels(source, column, rules)
    is_whole = types.is_integer(source.table.schema.field(column).type)
    raw: dict[str, Any] = {label: count.most_common(1)[0][0] for label, count in cells.items()}
    for label in set(new.values()) - raw.keys():
        text = written(label)
        raw[label] = int(text) if is_whole and text.lstrip("-").isdecimal() else text
    return {row: raw[label] for row, label in new.items()}
