"""The accepted pairs of ``augment --pairs``: read for training and for measuring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisefix.errors import DataError
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import CONTRAST_PAIRS
from noisefix.tables.atomic import sha256_file

_COLUMNS = ("id", "text", "label", "edited_text", "edited_label", "is_accepted")


@dataclass(frozen=True, eq=False)
class ContrastPairs:
    """P accepted pairs.

    Attributes:
        path: the table.
        sha256: its digest.
        ids: (P,) ids of the rows that texts come from.
        texts: (P,) texts.
        labels: (P,) their labels.
        edited_texts: (P,) their edits.
        edited_labels: (P,) the labels of these.
    """

    path: Path
    sha256: str
    ids: list[str]
    texts: list[str]
    labels: list[str]
    edited_texts: list[str]
    edited_labels: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def read_contrast_pairs(source: str | Path) -> ContrastPairs:
    """Read the accepted pairs of a table, or of a run folder's.

    Args:
        source: contrast_pairs.parquet, or the run folder that it is in.

    Raises:
        DataError: there is no such table, or no pair in it was accepted.
    """
    path = Path(source)
    if path.is_dir():
        path = RunFolder(path).contrast_pairs
    if not path.exists():
        raise DataError(
            f"{path}: there are no pairs", "make them: noisefix augment RUN --pairs --model NAME"
        )
    table, _ = read_table(path, CONTRAST_PAIRS, _COLUMNS)
    lines = [line for line in table.to_pylist() if line["is_accepted"]]
    if not lines:
        raise DataError(
            f"{path}: none of its {table.num_rows} pairs was accepted",
            "its column why_not says why; ask another model with noisefix augment RUN --pairs",
        )
    columns = {name: [line[name] for line in lines] for name in _COLUMNS[:-1]}
    return ContrastPairs(
        path,
        sha256_file(path),
        columns["id"],
        columns["text"],
        columns["label"],
        columns["edited_text"],
        columns["edited_label"],
    )
