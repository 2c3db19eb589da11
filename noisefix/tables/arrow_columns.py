"""Columns of whatever lies in memory as Arrow arrays, in types that every reader knows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def series_column(series: Any, name: str, column: str, mixed: list[str]) -> pa.Array | None:
    """Return a pandas Series as an array; args, errors and None as of ``scalar_column``."""
    import pyarrow as pa

    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return scalar_column(series.tolist(), name, column, mixed)


def scalar_column(values: list[Any], name: str, column: str, mixed: list[str]) -> pa.Array | None:
    """Return values of one kind as they are, of several kinds as text; None: they are objects.

    Args:
        values: the cells.
        name: the table, for messages.
        column: the column.
        mixed: it is added here if its values are of several kinds.

    Raises:
        DataError: a text is none that can be written.
    """
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass  # several kinds, objects, or a text that is none: which it is, the cells say
    texts: list[str | None] = []
    for row, cell in enumerate(values, 1):
        value = cell.item() if hasattr(cell, "item") and not getattr(cell, "ndim", 1) else cell
        if value is not None and not isinstance(value, str | bool | int | float):
            if _is_missing(value):
                texts.append(None)
                continue
            return None
        text = _text(value)
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{name}, column {column!r}: row {row} holds half a character, which is no text",
                "replace it: text.encode('utf-8', 'replace').decode()",
            ) from error
        texts.append(text)
    mixed.append(column)
    return pa.array(texts, pa.large_string())


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")  # whoever holds one of its gaps has imported it
    return pandas is not None and pandas.isna(value) is True


def plain_column(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | None:
    """Return a column in types that every reader knows; None: it holds something else."""
    import pyarrow as pa
    from pyarrow import types

    kind = values.type
    if types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if types.is_string_view(kind):
        values, kind = values.cast(pa.large_string()), pa.large_string()
    inner = kind.value_type if _is_list(kind) else kind
    is_known = types.is_primitive(inner) or types.is_null(inner) or types.is_decimal(inner)
    is_text = types.is_string(inner) or types.is_large_string(inner)
    return values if is_known or is_text else None


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
