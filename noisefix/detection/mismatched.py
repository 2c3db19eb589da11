"""Rows whose two texts do not seem to belong together: what is said of each, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.probing.pair_match import MISMATCHED_FROM
from noisefix.run.arrays import column_array
from noisefix.run.parquet import read_provenance, read_rows
from noisefix.run.schemas import ISSUES, MATCH_RANK, MATCHES, P_MISMATCH

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged
    from noisefix.run.folder import RunFolder

MATCH_COLUMNS = ("id", MATCH_RANK, P_MISMATCH)
"""What judging labels needs of a matches table."""

_MOST_ROWS = 100
_FACT = "mismatched"


@dataclass(frozen=True, eq=False)
class Matches:
    """How well the two texts of N rows go together; NaN where nothing is known."""

    rank: np.ndarray  # (N,) see ``probing.pair_match.PairMatch``
    p_mismatch: np.ndarray  # (N,) likewise; 0 where a person has verified the label

    def part(self, rows: slice) -> Matches:
        """Return those of some rows."""
        return Matches(self.rank[rows], self.p_mismatch[rows])

    def beside(self, is_trusted: np.ndarray) -> Matches:
        """Return them in the light of what a person has looked at, (N,) bool."""
        return Matches(self.rank, np.where(is_trusted, 0.0, self.p_mismatch))

    def listed(self) -> np.ndarray:
        """Return the rows (0 = first) that do not seem to belong together, the surest first."""
        rows = np.flatnonzero(self.p_mismatch >= MISMATCHED_FROM)
        return rows[np.lexsort((rows, -self.rank[rows], -self.p_mismatch[rows]))]


@dataclass(frozen=True)
class MismatchedRow:
    """One row whose two texts do not seem to belong together."""

    id: str
    row_number: int
    first_text: str
    second_text: str
    given_label: str | None
    match_rank: float
    p_mismatch: float


@dataclass(frozen=True)
class MismatchedSummary:
    """What two columns have to do with each other; every row is in matches.parquet.

    Attributes:
        first: name of the first column.
        second: name of the second.
        pairs: rows that have both texts.
        share: estimated share of these that were put together at random, in [0, 1]; None: too few
            to tell.
        count: rows that do not seem to belong together, but for those that a person has verified.
        rows: up to 100 of them, the surest first.
    """

    first: str
    second: str
    pairs: int
    share: float | None
    count: int
    rows: tuple[MismatchedRow, ...]


def matches_of(table: pa.Table | None, ids: Sequence[str]) -> Matches | None:
    """Bring a matches table into the order of the rows; None where there is none.

    Args:
        table: id, match_rank and p_mismatch.
        ids: (N,) row ids.
    """
    if table is None:
        return None
    place = {key: row for row, key in enumerate(table["id"].to_pylist())}
    rows = np.array([place.get(key, -1) for key in ids], dtype=np.int64)
    rank, probs = (
        np.append(column_array(table[name]).astype(np.float64), np.nan)[rows]
        for name in (MATCH_RANK, P_MISMATCH)
    )
    return Matches(rank, probs)


def say_mismatched(judged: Judged, reasons: list[list[str]]) -> None:
    """Say of the rows whose texts do not belong together why; fills ``reasons`` in place.

    Args:
        judged: N rows.
        reasons: (N,) lists.
    """
    if judged.matches is None:
        return
    for row in judged.matches.listed().tolist():
        reasons[row].insert(
            0,
            "mismatched_pair: its two texts do not seem to belong together: "
            f"{100 * judged.matches.rank[row]:.0f} % of texts of different rows go together better",
        )


def mismatched_columns(judged: Judged) -> dict[str, pa.Array]:
    """Return the columns of the issues table; none where no two columns were named."""
    import pyarrow as pa

    if judged.matches is None:
        return {}
    return {
        MATCH_RANK: pa.array(judged.matches.rank, from_pandas=True),
        P_MISMATCH: pa.array(judged.matches.p_mismatch, from_pandas=True),
    }


def mismatched_facts(judged: Judged) -> dict[str, Any]:
    """Return how many rows do not belong together, and the ordinals (0 = first) of the surest."""
    if judged.matches is None:
        return {}
    rows = judged.matches.listed()
    return {_FACT: {"count": len(rows), "rows": rows[:_MOST_ROWS].tolist()}}


def read_mismatched(run: RunFolder, facts: dict[str, Any]) -> MismatchedSummary | None:
    """Return what ``mismatched_facts`` wrote, with the texts.

    None where it wrote nothing, or the texts are not here: the labels were judged into another
    folder than that of the embeddings.

    Args:
        run: the folder.
        facts: the results of the joint stage.

    Raises:
        DataError: a table is missing or broken.
    """
    if _FACT not in facts or not run.matches.is_file():
        return None
    ordinals = facts[_FACT]["rows"]
    wanted = np.array(sorted(ordinals), dtype=np.int64)
    about = ("id", "row_number", "given_label", MATCH_RANK, P_MISMATCH)
    issues = read_rows(run.issues, ISSUES, about, wanted).to_pylist()
    texts = read_rows(run.matches, MATCHES, ("first_text", "second_text"), wanted).to_pylist()
    rows = {
        row: MismatchedRow(**issue, **text)
        for row, issue, text in zip(wanted.tolist(), issues, texts, strict=True)
    }
    known = read_provenance(run.matches).results
    first, second = known["columns"]
    return MismatchedSummary(
        first=first,
        second=second,
        pairs=known["pairs"],
        share=known["share"],
        count=facts[_FACT]["count"],
        rows=tuple(rows[row] for row in ordinals),
    )
