"""People's decisions as verified rows, for every command that judges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.run.decisions import (
    PersonDecision,
    decided_rows,
    import_decisions,
    read_decisions,
    read_named,
    standing,
    verified_table,
)
from noisefix.run.folder import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa


def read_said(decisions: str | Path | None) -> tuple[PersonDecision, ...]:
    """Read a file of decisions, before anything is written; none where no file is named.

    What is read is kept with ``import_decisions`` once nothing can be refused any more.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    return () if decisions is None else read_named(Path(decisions))


def take_in(folder: RunFolder, decisions: str | Path | None) -> None:
    """Add a file of decisions to those of a run folder; nothing where no file is named.

    Raises:
        DataError: a file cannot be read or written.
    """
    import_decisions(folder.decisions, read_said(decisions))


def with_decisions(
    more: Mapping[str, pa.Table], folder: RunFolder, embeddings: Path
) -> dict[str, pa.Table]:
    """Add what people have decided of the rows, as "decided".

    Args:
        more: tables for the joint stage.
        folder: where the decisions are.
        embeddings: the rows, with text and given label.

    Raises:
        DataError: the decisions or the embeddings cannot be read.
    """
    said = standing(read_decisions(folder.decisions))
    if not said or not embeddings.is_file():
        return dict(more)
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS

    rows, _ = read_table(embeddings, EMBEDDINGS, ("id", "text", "given_label"))
    given = rows["given_label"].to_pylist()
    ids = rows["id"].to_pylist()
    decided = decided_rows(ids, rows["text"].to_pylist(), given, said)
    if not decided:
        return dict(more)
    return {**more, "decided": verified_table(ids, given, decided)}


def merged(column: pa.Table | None, decided: pa.Table | None) -> pa.Table | None:
    """Return verified rows of a column and of decisions as one table; a decision wins."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column is None or decided is None:
        return column if decided is None else decided
    others = column.filter(pc.invert(pc.is_in(column["id"], value_set=decided["id"])))
    return pa.concat_tables([others, decided], promote_options="default")
