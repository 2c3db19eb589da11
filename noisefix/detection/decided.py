"""People's decisions as verified rows, for every command that judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.run.decisions import import_decisions, read_decisions, read_said
from noisefix.run.folder import RunFolder
from noisefix.run.rejected import refuse_rejections
from noisefix.run.standing import decided_rows, rejected_rows, standing, verified_table

if TYPE_CHECKING:
    import pyarrow as pa


def take_in(folder: RunFolder, decisions: str | Path | None) -> None:
    """Add a file of decisions to those of a run folder; nothing where no file is named.

    Raises:
        DataError: a file cannot be read or written.
        UsageError: see ``refuse_rejections``.
    """
    said = read_said(decisions)
    if folder.set_reading() is not None:
        refuse_rejections(said, decisions)
    import_decisions(folder.decisions, said)


def with_decisions(
    more: Mapping[str, pa.Table], folder: RunFolder, embeddings: Path
) -> dict[str, pa.Table]:
    """Add what people have decided of the rows, as "decided", and ruled out, as "rejected".

    Args:
        more: tables for the joint stage.
        folder: where the decisions are.
        embeddings: the rows, with text and given label.

    Raises:
        DataError: the decisions or the embeddings cannot be read.
    """
    words = read_decisions(folder.decisions)
    said = standing(words)
    if not said or not embeddings.is_file():
        return dict(more)
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS

    rows, _ = read_table(embeddings, EMBEDDINGS, ("id", "text", "given_label"))
    given = rows["given_label"].to_pylist()
    ids = rows["id"].to_pylist()
    texts = rows["text"].to_pylist()
    found = dict(more)
    decided = decided_rows(texts, given, said)
    if decided:
        found["decided"] = verified_table(ids, given, decided)
    ruled_out = rejected_rows(texts, given, words)
    if ruled_out:
        found["rejected"] = rejected_table(ids, ruled_out)
    return found


def rejected_table(ids: Sequence[str], ruled_out: Mapping[int, frozenset[str]]) -> pa.Table:
    """Return id and label of what people have ruled out, a row for each label."""
    import pyarrow as pa

    pairs = [(ids[row], label) for row, labels in ruled_out.items() for label in sorted(labels)]
    keys, labels = ([pair[k] for pair in pairs] for k in (0, 1))
    return pa.table({"id": pa.array(keys, pa.string()), "label": pa.array(labels, pa.string())})


def merged(column: pa.Table | None, decided: pa.Table | None) -> pa.Table | None:
    """Return verified rows of a column and of decisions as one table; a decision wins."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column is None or decided is None:
        return column if decided is None else decided
    others = column.filter(pc.invert(pc.is_in(column["id"], value_set=decided["id"])))
    return pa.concat_tables([others, decided], promote_options="default")
