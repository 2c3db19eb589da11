"""What a row without a text is shown by: a file's name, an id, or its number."""

from __future__ import annotations

from collections.abc import Sequence

from noisefix.tables.label_values import read_texts
from noisefix.tables.source import Source
from noisefix.tables.text_checks import says_something

_TELLING = (
    *("file", "file_name", "filename", "path", "file_path", "filepath"),
    *("image", "image_file", "image_path", "img", "audio", "audio_path"),
    *("url", "uri", "name", "title"),
)


def row_names(
    source: Source, ids: Sequence[str], id_column: str | None, label_column: str | None
) -> tuple[list[str], str]:
    """Return a name for every row, no two the same, and say in words where they come from.

    A column of file names, addresses or titles serves where its values differ in every row; else
    the id, else the row number. The name begins with the column's: "file cats/17.png".

    Args:
        source: the table, N rows.
        ids: (N,) ids.
        id_column: where they come from; None: they are row numbers.
        label_column: never shown; None: there is none.
    """
    column = id_column or "row"
    values = ids
    telling = _telling_column(source, label_column)
    if telling is not None:
        column, values = telling
    names = [f"{column} {value}" for value in values]
    names = [name if says_something(name) else f"row {k}" for k, name in enumerate(names, 1)]
    return names, f"text column: none, rows are shown by their {column}"


def _telling_column(source: Source, label_column: str | None) -> tuple[str, list[str]] | None:
    from pyarrow import types

    places = {name.strip().lower().replace(" ", "_"): name for name in source.columns}
    for column in filter(None, map(places.get, _TELLING)):
        field = source.table.schema.field(column)
        if column == label_column or not (
            types.is_string(field.type) or types.is_large_string(field.type)
        ):
            continue
        values = read_texts(source.table.column(column), field, f"{source.name}, {column!r}")
        if all(values) and len(set(values)) == len(values):
            return column, values
    return None
