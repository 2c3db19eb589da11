"""What ``joint`` takes from a table besides the embeddings: rows that a person has verified."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.source import Source

_SHOWN = 5


def read_trusted(
    embeddings: Path,
    column: str,
    data: str | Path | None = None,
    id_column: str | None = None,
    bad_rows: str = "stop",
) -> pa.Table:
    """Read which rows of an embeddings table a person has verified.

    Embeddings hold no other columns of the input, so that the column is looked up in a table. The
    rows are matched by their place where that is the very file that was embedded, and by id
    otherwise.

    Args:
        embeddings: embeddings.parquet.
        column: name of the column; see ``stages.trusted``.
        data: the table that holds it; None: the input of the run folder the embeddings lie in.
        id_column: id column of ``data``; None: named as in the run's input, else "id".
        bad_rows: for ``data``: "stop" or "skip"; as for ``detect``.

    Returns:
        id and verified_label of the verified rows that are among the embeddings, in the order of
        the table.

    Raises:
        DataError: the table, its columns or its ids cannot be used.
        UsageError: no table is named, and the embeddings lie in no run folder.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from noisefix.detection.verified import verified_rows
    from noisefix.run.folder import RunFolder
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS
    from noisefix.tables.label_rules import NO_RULES
    from noisefix.tables.source import read_source

    rows, provenance = read_table(embeddings, EMBEDDINGS, ("id", "row_number", "given_label"))
    folder = RunFolder(embeddings.parent)
    is_run = folder.run_json.is_file()
    if data is None and not is_run:
        raise UsageError(
            f"--trusted-column {column}: {embeddings} lies in no run folder, whose input would "
            "hold the column",
            "name the table that holds it with --data",
        )
    source = folder.read_input() if data is None else read_source(data, bad_rows=bad_rows)
    known = rows["id"].to_pylist()
    is_same = source.sha256 == provenance.inputs.get("data")
    if is_same:
        ids = known
    else:
        named = folder.read()["input"]["columns"]["id"] if is_run else None
        ids = _ids(source, id_column or named or "id")
    purposes = provenance.results.get("columns", {}) if is_same else {}
    found = verified_rows(
        source,
        column,
        ids,
        rows["given_label"].to_pylist(),
        purposes=purposes,
        rules=folder.label_rules() if is_run else NO_RULES,
    )
    kept = found.filter(pc.is_in(found["id"], value_set=pa.array(known, pa.string())))
    if found.num_rows and not kept.num_rows:
        raise DataError(
            f"{source.name}: none of its {found.num_rows} verified rows is in {embeddings}",
            "check --data and --id-column: the rows are matched by id",
        )
    return kept


def _ids(source: Source, column: str) -> list[str]:
    """Return the ids of a table that is not the one that was embedded.

    Raises:
        DataError: there is no such column, or its values are no ids.
    """
    from noisefix.tables.columns import resolve_column
    from noisefix.tables.label_values import read_ids

    name = resolve_column(source, column, "--id-column")
    where = f"{source.name}, column {name!r}"
    ids = read_ids(source.table[name], source.table.schema.field(name), where)
    count = Counter(ids)
    bad = [row for row, key in enumerate(ids, 1) if key is None or count[key] > 1]
    if bad:
        shown = ", ".join(map(str, bad[:_SHOWN])) + (", ..." if len(bad) > _SHOWN else "")
        raise DataError(
            f"{where}: {len(bad)} ids are missing or doubled (rows {shown})",
            "name the column with the ids of the embedded rows with --id-column",
        )
    return [key for key in ids if key is not None]
