"""The class names that a Hugging Face data set keeps beside its integer labels.

``datasets`` writes its features into a Parquet file's metadata: a ``ClassLabel`` column holds
numbers, and their names lie there. Labels are shown and embedded by name, and written by number.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA_KEY = b"huggingface"
_LIST_FEATURES = ("Sequence", "List", "LargeList")
_SHOWN = 5


def class_label_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """Return the names of the classes 0, 1, 2, ... of an integer column; () where it has none."""
    from pyarrow import types

    return _names(_feature(schema, column)) if types.is_integer(schema.field(column).type) else ()


def item_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """Return the names of the classes 0, 1, ... in the lists of a column; () where it has none."""
    from pyarrow import types

    kind = schema.field(column).type
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not (is_list and types.is_integer(kind.value_type)):
        return ()
    feature = _feature(schema, column)
    if isinstance(feature, list) and len(feature) == 1:  # as datasets wrote it before 4.0
        return _names(feature[0])
    if not isinstance(feature, dict) or feature.get("_type") not in _LIST_FEATURES:
        return ()
    return _names(feature.get("feature"))


def _feature(schema: pa.Schema, column: str) -> Any:
    """Return what the metadata say of a column; None where they are of another kind."""
    raw = (schema.metadata or {}).get(_METADATA_KEY)
    if raw is None:
        return None
    try:
        return json.loads(raw)["info"]["features"][column]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # of another tool, or of another version: nothing is lost but the names


def _names(feature: Any) -> tuple[str, ...]:
    """Return the names of a ``ClassLabel``; () of anything else, or where they are no names."""
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return ()
    names = feature.get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    stripped = tuple(name.strip() for name in names)
    return stripped if all(stripped) and len(set(stripped)) == len(stripped) else ()


def names_note(source: Source, column: str) -> tuple[str, ...]:
    """Say in words that the names are used, where there are some."""
    schema = source.table.schema
    names = class_label_names(schema, column) or item_names(schema, column)
    if not names:
        return ()
    shown = ", ".join(f"{k} = {name}" for k, name in enumerate(names[:_SHOWN]))
    more = ", ..." if len(names) > _SHOWN else ""
    return (f"label names: from the file's metadata ({shown}{more})",)


def label_cell(source: Source, column: str, label: str | None) -> str | None:
    """Return what the cell of a label holds: its number where the file names classes by number."""
    names = class_label_names(source.table.schema, column) if label is not None else ()
    return str(names.index(label)) if label in names else label
