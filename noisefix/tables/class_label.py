"""The class names that a Hugging Face data set keeps beside its integer labels.

``datasets`` writes its features into a Parquet file's metadata: a ``ClassLabel`` column holds
numbers, and their names lie there. Labels are shown and embedded by name, and written by number.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from noisefix.tables.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA_KEY = b"huggingface"
_SHOWN = 5


def class_label_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """Return the names of the classes 0, 1, 2, ... of an integer column; () where it has none."""
    from pyarrow import types

    raw = (schema.metadata or {}).get(_METADATA_KEY)
    if raw is None or not types.is_integer(schema.field(column).type):
        return ()
    try:
        feature = json.loads(raw)["info"]["features"][column]
        names = feature["names"] if feature["_type"] == "ClassLabel" else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()  # of another tool, or of another version: nothing is lost but the names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    stripped = tuple(name.strip() for name in names)
    return stripped if all(stripped) and len(set(stripped)) == len(stripped) else ()


def names_note(source: Source, column: str) -> tuple[str, ...]:
    """Say in words that the names are used, where there are some."""
    names = class_label_names(source.table.schema, column)
    if not names:
        return ()
    shown = ", ".join(f"{k} = {name}" for k, name in enumerate(names[:_SHOWN]))
    more = ", ..." if len(names) > _SHOWN else ""
    return (f"label names: from the file's metadata ({shown}{more})",)


def label_cell(source: Source, column: str, label: str | None) -> str | None:
    """Return what the cell of a label holds: its number where the file names classes by number."""
    names = class_label_names(source.table.schema, column) if label is not None else ()
    return str(names.index(label)) if label in names else label
