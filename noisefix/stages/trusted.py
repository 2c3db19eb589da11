"""Which rows a person has verified, read from a column of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.errors import DataError
from noisefix.tables.columns import resolve_column
from noisefix.tables.label_values import read_labels

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.dataset import Dataset

_YES = frozenset({"true", "1", "yes", "y", "t", "x", "verified", "trusted", "gold"})
_NO = frozenset({"false", "0", "no", "n", "f"})


def trusted_rows(dataset: Dataset, column: str) -> pa.Table:
    """Return id and verified_label of the rows that a person has verified.

    The column holds either yes and no (any of true/false, 1/0, yes/no, x), and then the given
    label is the verified one and ``verified_label`` is null; or the verified label itself, empty
    where a row was not looked at.

    Args:
        dataset: the input, with its ids.
        column: name of the column.

    Raises:
        DataError: there is no such column, or nothing in it.
    """
    import pyarrow as pa

    source = dataset.source
    name = resolve_column(source, column, "--trusted-column")
    where = f"{source.name}, column {name!r}"
    values = read_labels(source.table[name], source.table.schema.field(name), where).labels
    present = {value for value in values if value is not None}
    if not present:
        raise DataError(
            f"{dataset.source.name}: the trusted column {name!r} is empty",
            "fill in the verified label, or yes, where a person has looked at a row",
        )
    labels = {label for label in dataset.given_labels if label is not None}
    is_marks = all(value.lower() in _YES | _NO for value in present) and not present <= labels
    ids, verified = [], []
    for key, value in zip(dataset.ids, values, strict=True):
        if value is None or (is_marks and value.lower() in _NO):
            continue
        ids.append(key)
        verified.append(None if is_marks else value)
    return pa.table(
        {"id": pa.array(ids, pa.string()), "verified_label": pa.array(verified, pa.string())}
    )
