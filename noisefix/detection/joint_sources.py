"""What ``joint`` takes from a table: verified rows, their order, what annotators say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    from noisefix.detection.verified import verified_rows

    beside = _beside(embeddings, f"--trusted-column {column}", data, id_column, bad_rows)
    found = verified_rows(
        beside.source,
        column,
        beside.ids,
        beside.given_labels,
        purposes=beside.purposes,
        rules=beside.rules,
    )
    return _among(found, beside.known, embeddings, "verified rows")


def read_order(
    embeddings: Path,
    order_column: str,
    group_column: str | None = None,
    data: str | Path | None = None,
    id_column: str | None = None,
    bad_rows: str = "stop",
) -> pa.Table:
    """Read in which order the rows of an embeddings table stand, and in which groups.

    Args, matching of rows and errors as for ``read_trusted``.

    Returns:
        id, group and place of the rows that are among the embeddings.
    """
    from noisefix.detection.order import ordered_rows

    beside = _beside(embeddings, f"--order-column {order_column}", data, id_column, bad_rows)
    found = ordered_rows(
        beside.source, order_column, group_column, beside.ids, purposes=beside.purposes
    )
    return _among(found, beside.known, embeddings, "ordered rows")


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
        beside = _beside(embeddings, option, options.data, options.id_column, options.bad_rows)
        named = annotator_columns(beside.source, columns, beside.purposes)
        parts.append(
            read_columns(
                beside.source,
                named,
                beside.ids,
                beside.given_labels,
                label_column=beside.purposes.get("label"),
                rules=beside.rules,
            )
        )
    rows, _ = read_table(embeddings, EMBEDDINGS, ("id",))
    known = rows["id"].to_pylist()
    if options.annotations is not None:
        rules = _label_rules(embeddings)
        parts.append(read_answers(options.annotations, set(known), rules=rules))
    found = together(parts)
    if found is None:
        return None
    return replace(found, table=_among(found.table, known, embeddings, "answers"))


@dataclass(frozen=True, eq=False)
class _Beside:
    """A table beside the embeddings: R rows with their ids, and what is known of the embeddings."""

    source: Source
    ids: list[str]
    given_labels: list[str | None]  # of the embeddings
    known: list[str]  # ids of the embeddings
    purposes: Mapping[str, str | None]
    rules: LabelRules


def _beside(
    embeddings: Path, option: str, data: str | Path | None, id_column: str | None, bad_rows: str
) -> _Beside:
    """Read the table that holds a column for the embeddings; errors as of ``read_trusted``."""
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
    source = folder.input.source() if data is None else read_source(data, bad_rows=bad_rows)
    known = rows["id"].to_pylist()
    is_same = source.sha256 == provenance.inputs.get("data")
    if is_same:
        ids = known
    else:
        named = folder.read()["input"]["columns"]["id"] if is_run else None
        ids = _ids(source, id_column or named or "id")
    purposes = provenance.results.get("columns", {}) if is_same else {}
    given = rows["given_label"].to_pylist()
    return _Beside(source, ids, given, known, purposes, _label_rules(embeddings))


def _label_rules(embeddings: Path) -> LabelRules:
    """Return how labels are read in the run that embeddings lie in."""
    from noisefix.run.folder import RunFolder

    folder = RunFolder(embeddings.parent)
    return folder.label_rules() if folder.run_json.is_file() else NO_RULES


def _among(found: pa.Table, known: Sequence[str], embeddings: Path, what: str) -> pa.Table:
    """Return the rows that are among the embeddings."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = found.filter(pc.is_in(found["id"], value_set=pa.array(known, pa.string())))
    if found.num_rows and not kept.num_rows:
        raise DataError(
            f"none of the {found.num_rows:,} {what} is in {embeddings}",
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
