"""Labels added to and taken from cells with several labels, in the writing of cell and column."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.decide import Decision
from noisefix.errors import DataError
from noisefix.tables.label_sets import (
    BETWEEN,
    LISTS,
    SetReading,
    cell_parts,
    cell_values,
)
from noisefix.tables.label_values import column_labels, read_labels
from noisefix.tables.yes_no import is_yes, no_like, yes_like

if TYPE_CHECKING:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.label_rules import LabelRules
    from noisefix.tables.label_sets import LabelSets
    from noisefix.tables.source import Source


@dataclass(frozen=True)
class SetDecision(Decision):
    """A decision on a row with several labels.

    Attributes:
        added: labels that it gains.
        removed: labels that it loses.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def set_edits(
    folder: RunFolder, source: Source, decisions: Sequence[Decision], reading: SetReading
) -> tuple[Edit, ...]:
    """Return the cells that change; see ``edits.label_edits``.

    Labels that stay keep their spelling and their order; new ones come after them, spelled as in
    most cells.
    """
    changed = [decision for decision in decisions if isinstance(decision, SetDecision)]
    if reading.columns:
        return _column_edits(source, changed, reading)
    column = folder.read()["input"]["columns"]["label"]
    sets = folder.load(source).sets
    if sets is None:
        raise TypeError("the rows have one label each")
    return _cell_edits(source, changed, str(column), sets, folder.label_rules())


def _column_edits(
    source: Source, decisions: Sequence[SetDecision], reading: SetReading
) -> tuple[Edit, ...]:
    """Return 1 and 0, or whatever stands for them in the column of a class."""
    words: dict[str, tuple[str, str]] = {}
    edits = []
    for decision in decisions:
        for label in (*decision.added, *decision.removed):
            if label not in words:
                words[label] = _yes_and_no(source, label, reading)
            yes, no = words[label]
            edits.append(Edit(decision, label, yes if label in decision.added else no))
    return tuple(edits)


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
    return yes or yes_like(no or "0"), no or no_like(yes or "1")


def _cell_edits(
    source: Source,
    decisions: Sequence[SetDecision],
    column: str,
    sets: LabelSets,
    rules: LabelRules,
) -> tuple[Edit, ...]:
    cells, about = source.table.column(column), source.table.schema.field(column)
    values, reading = cell_values(cells, about), sets.reading
    class_of = _classes_of(values, reading, rules)
    between = _usual_between(values, reading)
    edits = []
    for decision in decisions:
        row = decision.row_number - 1
        old = values[row]
        parts = cell_parts(old, reading) or []
        kept = [k for k, part in enumerate(parts) if class_of(part) not in decision.removed]
        new = [sets.spellings.get(label, rules.spelling(label)) for label in decision.added]
        if reading.separator == LISTS:
            items = [old[k] for k in kept] if isinstance(old, list) else []
            text = _list_text([*items, *(_like(items, values, x) for x in new)], cells[row].as_py())
        else:
            _check_writable(source, decision, column, new, str(reading.separator))
            text = _joined([parts[k] for k in kept], new, str(old or ""), between)
        edits.append(Edit(decision, column, text))
    return tuple(edits)


def _classes_of(
    values: Sequence[Any], reading: SetReading, rules: LabelRules
) -> Callable[[str], str | None]:
    """Return a function from a label as it is written to its class."""
    import pyarrow as pa

    written = sorted({part for value in values for part in cell_parts(value, reading) or ()})
    column = pa.chunked_array([pa.array(written, pa.large_string())])
    found = read_labels(column, pa.field("label", pa.large_string()), "", rules=rules)
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
