"""A table that lies in memory: a DataFrame, an Arrow table, a Hugging Face data set, or lists.

It becomes what a Parquet file of it would be, so that whatever is known of files holds for it, and
its digest tells whether it has changed. No library of DataFrames is imported here: each is known by
the methods of what it gave.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from noisefix.errors import DataError, UsageError
from noisefix.tables.source import MEMORY_FORMAT, Source

if TYPE_CHECKING:
    import pyarrow as pa

_HUGGING_FACE = b"huggingface"
_KINDS = "a DataFrame, an Arrow table, a Hugging Face Dataset, or texts= and labels="


def is_path(data: Any) -> bool:
    """Say whether data are the name of a file, not a table."""
    return isinstance(data, str | os.PathLike)


def row_index(data: Any) -> Any:
    """Return the index of a pandas DataFrame or Series; None of anything else."""
    return data.index if _library(data) == "pandas" and hasattr(data, "iloc") else None


def table_source(data: Any) -> Source:
    """Return a table in memory as a source.

    Columns that hold pictures, objects and the like are left out, with a warning.

    Args:
        data: pandas or polars DataFrame, pyarrow Table, Hugging Face ``Dataset``, or anything else
            that hands out Arrow data (``__arrow_c_stream__``).

    Raises:
        UsageError: it is none of these.
        DataError: no rows or columns, two columns of one name, or text that is none.
    """
    import pyarrow as pa

    name = f"<{type(data).__name__}>"
    mixed: list[str] = []
    if _library(data) == "pandas" and hasattr(data, "columns"):
        columns, metadata = _of_pandas(data, name, mixed), None
    else:
        table = _arrow(data, name)
        metadata = table.schema.metadata
        columns = dict(zip(_distinct(table.column_names, name), table.columns, strict=True))
    kept, left_out = {}, []
    for column, values in columns.items():
        plain = None if values is None else _plain(values)
        if plain is None:
            left_out.append(column)
        else:
            kept[column] = plain
    warnings = []
    if left_out:
        shown = ", ".join(left_out[:10])
        warnings.append(
            f"{name}: columns left out, as they hold no numbers, texts or dates: {shown}"
        )
    table = pa.table(kept)
    warnings += _mixed_warning(mixed, name)
    names = (metadata or {}).get(_HUGGING_FACE)
    if names is not None:
        table = table.replace_schema_metadata({_HUGGING_FACE: names})
    return _source(table, name, warnings)


def lists_source(
    texts: Sequence[Any] | None, labels: Sequence[Any] | None, ids: Sequence[Any] | None
) -> Source:
    """Return texts, labels and ids, one of each a row, as a source.

    Args:
        texts: (N,) texts, or None where there are none.
        labels: (N,) labels; None, NaN and "" are unlabelled.
        ids: (N,) unique ids, or None: row numbers serve.

    Raises:
        DataError: they differ in length, or there are no rows.
        UsageError: something is no list.
    """
    import pyarrow as pa

    name = "<texts>"
    columns: dict[str, Any] = {}
    for column, what, values in (
        ("id", "ids", ids),
        ("text", "texts", texts),
        ("label", "labels", labels),
    ):
        if values is None:
            continue
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            raise UsageError(f"{what}: {type(values).__name__} is no list", "give one value a row")
        columns[column] = values.tolist() if hasattr(values, "tolist") else list(values)
    counts = {column: len(values) for column, values in columns.items()}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{count:,} {column}s" for column, count in counts.items())
        raise DataError(f"{name}: {shown}", "give one of each for every row")
    mixed: list[str] = []
    arrays = {column: _scalars(cells, name, column, mixed) for column, cells in columns.items()}
    wrong = next((column for column, array in arrays.items() if array is None), None)
    if wrong is not None:
        raise DataError(
            f"{name}: {wrong}s hold lists or objects", "give texts or numbers, one a row"
        )
    return _source(pa.table(arrays), name, _mixed_warning(mixed, name))


def _mixed_warning(mixed: list[str], name: str) -> list[str]:
    return [
        f'{name}, column {column!r}: values of several types are read as text, so that 1 and "1" '
        "are one"
        for column in mixed
    ]


def _source(table: pa.Table, name: str, warnings: list[str]) -> Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not table.num_columns or not table.num_rows:
        raise DataError(f"{name}: there are no rows", "give a table with some rows and columns")
    sink = pa.BufferOutputStream()
    # Not packed: what packs too well would be taken for a bomb when it is read again.
    pq.write_table(table, sink, compression="none")
    content = sink.getvalue().to_pybytes()
    return Source(
        name=name,
        path=None,
        format=MEMORY_FORMAT,
        columns=tuple(table.column_names),
        table=table,
        sha256=hashlib.sha256(content).hexdigest(),
        dialect=None,
        warnings=tuple(warnings),
        content=content,
    )


def as_arrow(data: Any) -> pa.Table:
    """Return what hands out Arrow data as an Arrow table; errors as ``table_source``."""
    return _arrow(data, f"<{type(data).__name__}>")


def _arrow(data: Any, name: str) -> pa.Table:
    """Return what is no pandas DataFrame as an Arrow table."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if hasattr(data, "collect") and not hasattr(data, "__len__"):
        raise UsageError(f"{name}: is not computed yet", "give what its collect() returns")
    if isinstance(data, dict):
        splits = ", ".join(map(str, list(data)[:5]))
        raise UsageError(f"{name}: is a dict, of {splits}", f"give one of them, or {_KINDS}")
    if _library(data) == "datasets":
        return _of_datasets(data, name)
    if hasattr(data, "to_arrow"):
        table = data.to_arrow()
    elif hasattr(data, "__arrow_c_stream__"):
        try:
            table = pa.table(data)
        except (pa.ArrowException, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"{name}: is no table: {reason}", f"give {_KINDS}") from error
    else:
        raise UsageError(f"{name}: is no table that noisefix knows", f"give a file, or {_KINDS}")
    if not isinstance(table, pa.Table):
        raise UsageError(f"{name}: is no table", f"give a file, or {_KINDS}")
    return table


def _of_datasets(data: Any, name: str) -> pa.Table:
    if not hasattr(data, "with_format") or not hasattr(data, "__len__"):
        raise UsageError(
            f"{name}: is read as a stream, and its labels are judged by each other",
            "load it without streaming, or give the first rows: "
            "Dataset.from_list(list(data.take(10_000)))",
        )
    table = data.with_format("arrow")[:]
    metadata = {**(table.schema.metadata or {})}
    if _HUGGING_FACE not in metadata:
        facts = {"info": {"features": data.features.to_dict()}}
        metadata[_HUGGING_FACE] = json.dumps(facts).encode()
    return table.replace_schema_metadata(metadata)


def _of_pandas(data: Any, name: str, mixed: list[str]) -> dict[str, pa.Array | None]:
    names = _distinct([str(column) for column in data.columns], name)
    columns = (data.iloc[:, place] for place in range(len(names)))
    return {
        column: _of_series(series, name, column, mixed)
        for column, series in zip(names, columns, strict=True)
    }


def _of_series(series: Any, name: str, column: str, mixed: list[str]) -> pa.Array | None:
    import pyarrow as pa

    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _scalars(series.tolist(), name, column, mixed)


def _scalars(values: list[Any], name: str, column: str, mixed: list[str]) -> pa.Array | None:
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
    except UnicodeEncodeError:
        pass
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
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


def _distinct(names: Sequence[str], title: str) -> list[str]:
    doubled = next((name for name in names if list(names).count(name) > 1), None)
    if doubled is not None:
        raise DataError(f"{title}: column {doubled!r} appears twice", "rename one of them")
    return list(names)


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray | None:
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


def _library(data: Any) -> str:
    return type(data).__module__.partition(".")[0]
