"""Bring label and id cells of every type into one form: text, or None for no label."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError
from noisefix.tables.class_label import class_label_names
from noisefix.tables.json_values import KINDS_KEY
from noisefix.tables.label_rules import NO_RULES, LabelRules, look_key, mapped, merged, most_used
from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

# What float columns with gaps become when they are written as text; never a class by accident.
_NAN_WORDS = frozenset({"nan", "NaN", "<NA>"})
_WHOLE = re.compile(r"([+-]?\d+)\.0+")
_SHOWN = 5


@dataclass(frozen=True)
class LabelValues:
    """Labels, and what a person should know about them.

    Attributes:
        labels: (N,) labels; None for an unlabelled row.
        warnings: what a person should know.
        spellings: how each class is written in most rows, without the blanks around it.
    """

    labels: list[str | None]
    warnings: tuple[str, ...]
    spellings: dict[str, str] = field(default_factory=dict)


def column_labels(
    source: Source, column: str, *, like: str | None = None, rules: LabelRules = NO_RULES
) -> LabelValues:
    """Read a column of a file as labels; see ``read_labels``.

    Args:
        source: the file.
        column: name of the column.
        like: another column, whose class names serve where this one holds numbers without names.
        rules: what the user says of the spellings.
    """
    schema = source.table.schema
    names = class_label_names(schema, column)
    if not names and like is not None and _same_type(schema, column, like):
        names = class_label_names(schema, like)
    where = f"{source.name}, column {column!r}"
    cells, about = source.table.column(column), schema.field(column)
    return read_labels(cells, about, where, names=names, rules=rules)


def _same_type(schema: pa.Schema, one: str, other: str) -> bool:
    """Tell whether two columns hold the same type of value."""
    return bool(other in schema.names and schema.field(one).type == schema.field(other).type)


def read_labels(
    column: pa.ChunkedArray,
    field: pa.Field,
    where: str,
    *,
    names: Sequence[str] = (),
    rules: LabelRules = NO_RULES,
) -> LabelValues:
    """Turn a column into labels.

    Labels are text without surrounding whitespace; whole numbers have no ".0" and booleans are
    "true" and "false". Null, NaN and blank are unlabelled; so are the words "nan", "NaN" and
    "<NA>" (gaps that another tool wrote out), with a warning. "None" and "N/A" may well be classes
    and stay labels, unless the rules say that they are missing. Spellings that differ in
    whitespace, number format or JSON type only are one class, with a warning; those that differ in
    case only stay apart, with a warning, unless the rules merge them.

    Args:
        column: (N,) cells.
        field: the column's Arrow field.
        where: file and column, for messages.
        names: what the labels 0, 1, 2, ... are called; -1 is then no label.
        rules: what the user says of the spellings.

    Raises:
        DataError: the cells are lists or objects.
    """
    codes, distinct = _encode(column, field, where)
    written = {raw: _normalise(raw) for raw in distinct}
    warnings = _nan_warning(distinct, where)
    if names:
        written = {
            raw: label if label in rules.names else _named(label, names)
            for raw, label in written.items()
        }
        nameless = sorted(label for label in written.values() if label and label not in names)
        if nameless and not rules.names:
            warnings.append(f"{where}: no name is known for the labels {_show(nameless)}")
    labels, more = mapped(written, rules, where)
    missing = set(rules.missing or ())
    unused = sorted(missing - set(written.values()) - set(labels.values()))
    if unused:
        warnings.append(f"{where}: --missing-labels: no row has the label {_show(unused)}")
    warnings += more
    kept = {raw: None if {x, written[raw]} & missing else x for raw, x in labels.items()}
    labels, numbers = _merge_numbers(kept)
    warnings += _spelling_warnings(written, numbers, field, where)
    rows = Counter(distinct[k] for k in codes if k is not None)
    labels = merged(labels, rows, rules)
    warnings += _look_alikes([label for label in set(labels.values()) if label is not None], where)
    spellings = most_used({_as_text(raw): labels[raw] for raw in distinct}, _text_counts(rows))
    table = [labels[raw] for raw in distinct]
    return LabelValues(
        [None if k is None else table[k] for k in codes],
        tuple(warnings),
        spellings,
    )


def _text_counts(rows: Counter[Any]) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for raw, count in rows.items():
        counts[_as_text(raw)] += count
    return counts


def _spelling_warnings(
    labels: dict[Any, str | None], numbers: Sequence[str], field: pa.Field, where: str
) -> list[str]:
    """Say which spellings were read as one although nobody asked for it."""
    warnings = []
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for raw, label in labels.items():
        if label is not None:
            spellings[label].append(str(raw))
    padded = [label for label, raws in spellings.items() if any(raw != raw.strip() for raw in raws)]
    several = [label for label in padded if len(spellings[label]) > 1]
    if several:
        warnings.append(
            f"{where}: labels that differ only in surrounding spaces are read as one: "
            f"{_show(several)}"
        )
    if numbers:
        warnings.append(
            f"{where}: whole numbers written in several ways are read as one label: "
            f"{_show(list(numbers))}"
        )
    kinds = (field.metadata or {}).get(KINDS_KEY, b"").decode().split(",")
    if len(kinds) > 1 and kinds != ["float", "int"]:
        warnings.append(
            f"{where}: labels of several types ({', '.join(kinds)}) are read as text, so that 1 "
            'and "1" are one class'
        )
    return warnings


def read_ids(column: pa.ChunkedArray, field: pa.Field, where: str) -> list[str | None]:
    """Turn a column into ids: text as it is, whole numbers without ".0"; None where blank.

    Raises:
        DataError: the cells are lists or objects.
    """
    codes, distinct = _encode(column, field, where)
    ids = [raw if isinstance(raw, str) and raw.strip() else _normalise(raw) for raw in distinct]
    return [None if k is None else ids[k] for k in codes]


def read_texts(column: pa.ChunkedArray, field: pa.Field, where: str) -> list[str]:
    """Turn a column into texts; a missing one is "".

    Raises:
        DataError: the cells are lists or objects.
    """
    from pyarrow import types

    _refuse_nested(field, where)
    if types.is_string(column.type) or types.is_large_string(column.type):
        return [value or "" for value in column.to_pylist()]
    return [_as_text(value) or "" for value in column.to_pylist()]


def _encode(
    column: pa.ChunkedArray, field: pa.Field, where: str
) -> tuple[list[int | None], list[Any]]:
    """Return each row's index into the distinct values (None: null), and those values."""
    import pyarrow as pa
    from pyarrow import types

    _refuse_nested(field, where)
    if types.is_null(column.type):
        return [None] * len(column), []
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # combine_chunks of an empty column
        return [], []
    return encoded.indices.to_pylist(), encoded.dictionary.to_pylist()


def _refuse_nested(field: pa.Field, where: str) -> None:
    from pyarrow import types

    kinds = (field.metadata or {}).get(KINDS_KEY, b"").decode().split(",")
    if types.is_nested(field.type) or "array" in kinds or "object" in kinds:
        raise DataError(
            f"{where}: the cells are lists or objects, one value each is needed",
            "write the value into a column of its own; several labels a row are not supported",
        )


def _normalise(raw: Any) -> str | None:
    text = _as_text(raw)
    text = None if text is None else text.strip()
    if not text or (isinstance(raw, str) and text in _NAN_WORDS) or _is_invisible(text):
        return None
    return text


def _is_invisible(text: str) -> bool:
    """Tell text of nothing but blanks and marks that are not seen (zero-width space, ...)."""
    return all(unicodedata.category(mark) in ("Cf", "Zs", "Cc") for mark in text)


def _named(label: str | None, names: Sequence[str]) -> str | None:
    if label is None or label == "-1":
        return None
    return names[int(label)] if label.isdecimal() and int(label) < len(names) else label


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def _nan_warning(distinct: list[Any], where: str) -> list[str]:
    found = [raw for raw in distinct if isinstance(raw, str) and raw.strip() in _NAN_WORDS]
    if not found:
        return []
    return [f"{where}: rows with {_show(found)} in place of a label are read as unlabelled"]


def _merge_numbers(labels: dict[Any, str | None]) -> tuple[dict[Any, str | None], list[str]]:
    """Let "1.0" be "1" where both are there; where only "1.0" is, it stays as it is written."""
    present = set(labels.values())
    whole = {}
    for label in present:
        match = _WHOLE.fullmatch(label or "")
        if match and match[1] in present:
            whole[label] = match[1]
    merged = sorted(set(whole.values()))
    return {raw: whole.get(label, label) for raw, label in labels.items()}, merged


def _look_alikes(labels: list[str], where: str) -> list[str]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        groups[look_key(label)].append(label)
    alike = [" / ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    more = f" and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    return [
        f"{where}: labels that look the same stay separate classes: "
        f"{', '.join(alike[:_SHOWN])}{more}; if they are one class, make them one spelling, "
        "or pass --merge-case"
    ]


def _show(labels: list[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(repr(label) for label in labels[:_SHOWN]) + more
