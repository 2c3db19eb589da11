"""Labels added to and taken from cells with several labels, in the writing of cell and column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.annotators.protocol import HUMAN
from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.decide import Decision
from noisefix.errors import DataError
from noisefix.labels import BETWEEN, set_labels
from noisefix.tables.class_label import item_names, label_cell
from noisefix.tables.label_sets import LISTS, SetReading, cell_parts, cell_values
from noisefix.tables.label_values import column_labels, read_labels
from noisefix.tables.yes_no import is_yes, no_like, read_yes_no, yes_like

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.label_rules import LabelRules
    from noisefix.tables.label_sets import LabelSets
    from noisefix.tables.source import Source


@dataclass(frozen=True)
class _Change:
    """What a decision does to the labels of its row, each in class order."""

    decision: Decision
    labels: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


def set_edits(
    folder: RunFolder, source: Source, decisions: Sequence[Decision], reading: SetReading
) -> tuple[Edit, ...]:
    """Return the cells that change; see ``edits.label_edits``.

    Labels that stay keep their spelling and their order; new ones come after them, spelled as in
    most cells. Where each class has a column, a person's word fills all of them.

    Raises:
        DataError: a label cannot be written: it holds the separator, or has no column.
    """
    sets = folder.load(source).sets
    if sets is None:
        raise TypeError("the rows have one label each")
    changes = [_change(decision, sets) for decision in decisions]
    if reading.columns:
        return _column_edits(source, changes, reading)
    column = folder.read()["input"]["columns"]["label"]
    return _cell_edits(source, changes, str(column), sets, folder.label_rules())


def _change(decision: Decision, sets: LabelSets) -> _Change:
    before = [sets.names[k] for k in np.flatnonzero(sets.given[decision.row_number - 1])]
    labels = set_labels(decision.new_label or "")
    added = tuple(label for label in labels if label not in before)
    removed = tuple(label for label in before if label not in labels)
    return _Change(decision, labels, added, removed)


def _column_edits(
    source: Source, changes: Sequence[_Change], reading: SetReading
) -> tuple[Edit, ...]:
    """Return 1 and 0, or whatever stands for them in the column of a class."""
    has, known = read_yes_no(source, reading.columns)
    words: dict[str, tuple[str, str]] = {}
    edits = []
    for change in changes:
        for label in change.labels:
            if label not in reading.columns:
                raise DataError(
                    f"{source.name}: row {change.decision.row_number}: no column is called "
                    f"{label!r}, which the row is to have",
                    "decide anew on the row: noisefix review",
                )
        row = change.decision.row_number - 1
        for k, label in enumerate(reading.columns):
            if _stays(change, label, bool(has[row, k]), bool(known[row, k])):
                continue
            if label not in words:
                words[label] = _yes_and_no(source, label, reading)
            yes, no = words[label]
            edits.append(Edit(change.decision, label, yes if label in change.labels else no))
    return tuple(edits)


def _stays(change: _Change, label: str, has: bool, is_known: bool) -> bool:
    """Tell whether a cell of a class stays: models fill no gap with "no", and overrule no cell."""
    if change.decision.annotator != HUMAN and not is_known:
        return label not in change.labels
    is_fill = change.decision.annotator != HUMAN and change.decision.action == "fill"
    return is_known and (is_fill or (label in change.labels) == has)


def _yes_and_no(source: Source, column: str, reading: SetReading) -> tuple[str, str]:
    """Return what stands for yes and no in most cells of a column; if nothing does, of others."""
    yes = no = None
    for name in (column, *reading.columns):
        said = Counter(x for x in column_labels(source, name).labels if x is not None)
        ordered = sorted(said, key=lambda word: (-said[word], word))
        yes = next((word for word in ordered if is_yes(word)), None)
        no = next((word for word in ordered if not is_yes(word)), None)
        if said:
            break
    both = yes or yes_like(no or "0"), no or no_like(yes or "1")
    yes, no = (label_cell(source, column, word) for word in both)
    return str(yes), str(no)


def _cell_edits(
    source: Source,
    changes: Sequence[_Change],
    column: str,
    sets: LabelSets,
    rules: LabelRules,
) -> tuple[Edit, ...]:
    cells, about = source.table.column(column), source.table.schema.field(column)
    values, reading = cell_values(cells, about), sets.reading
    names = item_names(source.table.schema, column)
    class_of = _classes_of(values, reading, rules, names)
    between = _usual_between(values, reading)

    def spelled(label: str) -> str:
        other = rules.spelling(label)
        return sets.spellings.get(label) or (str(names.index(other)) if other in names else other)

    edits = []
    for change in changes:
        row = change.decision.row_number - 1
        old = values[row]
        parts = cell_parts(old, reading) or []
        kept = [k for k, part in enumerate(parts) if class_of(part) not in change.removed]
        new = [spelled(label) for label in change.added]
        if reading.separator == LISTS:
            items = [old[k] for k in kept] if isinstance(old, list) else []
            text = _list_text([*items, *(_like(items, values, x) for x in new)], cells[row].as_py())
        elif not change.added and not change.removed:
            continue  # a blank cell says already that nothing is there
        else:
            _check_writable(source, change.decision, column, new, str(reading.separator))
            text = _joined([parts[k] for k in kept], new, str(old or ""), between)
        edits.append(Edit(change.decision, column, text))
    return tuple(edits)


def _classes_of(
    values: Sequence[Any], reading: SetReading, rules: LabelRules, names: Sequence[str]
) -> Callable[[str], str | None]:
    """Return a function from a label as it is written to its class."""
    import pyarrow as pa

    written = sorted({part for value in values for part in cell_parts(value, reading) or ()})
    column = pa.chunked_array([pa.array(written, pa.large_string())])
    field = pa.field("label", pa.large_string())
    found = read_labels(column, field, "", names=names, rules=rules)
    classes = dict(zip(written, found.labels, strict=True))
    return classes.__getitem__


def _usual_between(values: Sequence[Any], reading: SetReading) -> str:
    """Return the separator with the blanks that stand around it in most cells."""
    if reading.separator in (None, LISTS):
        return BETWEEN
    found: Counter[str] = Counter()
    for value in values:
        if isinstance(value, str):
            found.update(_betweens(value, str(reading.separator)))
    return min(found, key=lambda text: (-found[text], text), default=str(reading.separator))


def _betweens(cell: str, separator: str) -> list[str]:
    parts = cell.split(separator)
    return [
        left[len(left.rstrip(" ")) :] + separator + right[: len(right) - len(right.lstrip(" "))]
        for left, right in pairwise(parts)
        if left.strip() and right.strip()
    ]


def _joined(kept: Sequence[str], new: Sequence[str], old: str, between: str) -> str:
    """Join labels as the cell does it, or as most cells do; blanks around the whole stay."""
    separator = between.strip(" ") or between
    own = _betweens(old, separator)
    text = (own[0] if own else between).join([*(part.strip() for part in kept), *new])
    before, after = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
    return f"{before}{text}{after}" if old.strip() else text


def _list_text(items: Sequence[Any], old: Any) -> str:
    """Write a list as JSON, or as the cell does where that is Python's way; no blank is lost."""
    is_python = isinstance(old, str) and "'" in old and '"' not in old
    if is_python:
        return repr(list(items))
    is_dense = isinstance(old, str) and "," in old and ", " not in old
    return json.dumps(
        list(items),
        ensure_ascii=isinstance(old, str) and old.isascii() and "\\u" in old,
        separators=(",", ":") if is_dense else None,
    )


def _like(items: Sequence[Any], values: Sequence[Any], label: str) -> Any:
    """Return a label as the type that the items of lists have: a number where they are numbers."""
    some = items or [x for value in values if isinstance(value, list) for x in value][:1]
    if some and isinstance(some[0], int) and not isinstance(some[0], bool) and label.isdecimal():
        return int(label)
    return label


def _check_writable(
    source: Source, decision: Decision, column: str, new: Collection[str], separator: str
) -> None:
    for label in new:
        if separator in label:
            raise DataError(
                f"{source.name}: row {decision.row_number}, column {column!r}: {label!r} holds "
                f"the separator {separator!r} and cannot be added",
                "give it another spelling in the label map that detect reads",
            )
