"""What ``joint`` takes from a table besides the embeddings: verified rows, annotators' answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.errors import DataError, UsageError
from noisefix.tables.label_rules import NO_RULES, LabelRules

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.annotations import Annotations
    from noisefix.detection.options import JointOptions
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

    option = f"--trusted-column {column}"
    source, ids, rows, purposes, rules = _matched(embeddings, option, data, id_column, bad_rows)
    known = rows["id"].to_pylist()
    found = verified_rows(
        source, column, ids, rows["given_label"].to_pylist(), purposes=purposes, rules=rules
    )
    kept = found.filter(pc.is_in(found["id"], value_set=pa.array(known, pa.string())))
    if found.num_rows and not kept.num_rows:
        raise DataError(
            f"{source.name}: none of its {found.num_rows} verified rows is in {embeddings}",
            "check --data and --id-column: the rows are matched by id",
        )
    return kept


def read_annotations(
    embeddings: Path, columns: Sequence[str], options: JointOptions
) -> Annotations | None:
    """Read what annotators say of the rows of an embeddings table; None where none is named.

    Args:
        embeddings: embeddings.parquet.
        columns: the annotators' columns, of ``options.data`` or of the run's input.
        options: what was chosen.

    Raises:
        DataError: a table, its columns or its ids cannot be used.
        UsageError: no table is named, and the embeddings lie in no run folder.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from noisefix.detection.annotations import (
        annotator_columns,
        read_answers,
        read_columns,
        together,
    )
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS

    parts = []
    if columns:
        option = f"--annotator-columns {options.annotator_columns}"
        source, ids, rows, purposes, rules = _matched(
            embeddings, option, options.data, options.id_column, options.bad_rows
        )
        named = annotator_columns(source, columns, purposes)
        given = rows["given_label"].to_pylist()
        label = purposes.get("label")
        parts.append(read_columns(source, named, ids, given, label_column=label, rules=rules))
    if options.annotations is not None:
        rows, _ = read_table(embeddings, EMBEDDINGS, ("id",))
        rules = _label_rules(embeddings)
        parts.append(read_answers(options.annotations, set(rows["id"].to_pylist()), rules=rules))
    found = together(parts)
    if found is not None:
        known = pa.array(rows["id"].to_pylist(), pa.string())
        kept = found.table.filter(pc.is_in(found.table["id"], value_set=known))
        if not kept.num_rows:
            raise DataError(
                f"none of the {found.table.num_rows:,} answers is about a row of {embeddings}",
                "check --data and --id-column: the rows are matched by id",
            )
        found = replace(found, table=kept)
    return found


def _matched(
    embeddings: Path, option: str, data: str | Path | None, id_column: str | None, bad_rows: str
) -> tuple[Source, list[str], pa.Table, dict[str, str | None], LabelRules]:
    """Return a table with columns of the embedded rows.

    Returns:
        The table, its ids, the embedded rows, its columns by purpose, and how labels are read.
    """
    from noisefix.run.folder import RunFolder
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS
    from noisefix.tables.source import read_source

    rows, provenance = read_table(embeddings, EMBEDDINGS, ("id", "row_number", "given_label"))
    folder = RunFolder(embeddings.parent)
    is_run = folder.run_json.is_file()
    if data is None and not is_run:
        raise UsageError(
            f"{option}: {embeddings} lies in no run folder, whose input would hold the column",
            "name the table that holds it with --data",
        )
    source = folder.read_input() if data is None else read_source(data, bad_rows=bad_rows)
    rules = _label_rules(embeddings)
    if source.sha256 == provenance.inputs.get("data"):
        columns = provenance.results.get("columns", {})
        return source, rows["id"].to_pylist(), rows, columns, rules
    named = folder.read()["input"]["columns"]["id"] if is_run else None
    return source, _ids(source, id_column or named or "id"), rows, {}, rules


def _label_rules(embeddings: Path) -> LabelRules:
    from noisefix.run.folder import RunFolder

    folder = RunFolder(embeddings.parent)
    return folder.label_rules() if folder.run_json.is_file() else NO_RULES


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
