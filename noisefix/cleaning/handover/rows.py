"""What is handed over of each row: text, labels, probabilities, reasons and the nearest texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.documents import made_of
from noisefix.errors import DataError
from noisefix.labels import set_labels

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

N_NEAREST = 3
_SHOWN_SIGNS = 200
_NO_SIGN = "\N{REPLACEMENT CHARACTER}"
"""In the place of NUL, which the data bases of other tools do not hold."""


@dataclass(frozen=True)
class Nearest:
    """A row with a similar text.

    Attributes:
        label: its given label.
        text: its text, whole.
        similarity: cosine similarity, in [-1, 1].
    """

    label: str
    text: str
    similarity: float

    def __str__(self) -> str:
        """Return it on one line, the text cut to 200 signs."""
        text = " ".join(self.text.replace("\0", _NO_SIGN).split())
        text = text if len(text) <= _SHOWN_SIGNS else text[: _SHOWN_SIGNS - 1] + "…"
        return f"{self.similarity:.2f} {self.label}: {text}"


@dataclass(frozen=True)
class HandedRow:
    """One row as other tools get it.

    Attributes:
        id: the row's id.
        row_number: position in the input, 1 = first data row.
        text: empty where there is none.
        given_label: label in the input; None = unlabelled.
        suggested_label: most probable true label.
        p_error: estimated probability that the given label is wrong, in [0, 1]; None: unlabelled.
        p_suggested: estimated probability of the suggested label, in [0, 1]; None: not estimated.
        is_issue: flagged as probably wrong.
        reasons: in words a person can check.
        nearest: at most three rows of the clean pool, the most similar first.
        labels: the suggested ones, where a row may have several; None: it has one.
    """

    id: str
    row_number: int
    text: str
    given_label: str | None
    suggested_label: str
    p_error: float | None
    p_suggested: float | None
    is_issue: bool
    reasons: tuple[str, ...]
    nearest: tuple[Nearest, ...] = ()
    labels: tuple[str, ...] | None = None

    @property
    def suggested(self) -> tuple[str, ...]:
        """The suggested label, or labels."""
        return (self.suggested_label,) if self.labels is None else self.labels

    @property
    def why(self) -> str:
        """The reasons in one cell."""
        return "; ".join(self.reasons)

    @property
    def alike(self) -> str:
        """The nearest texts, one a line."""
        return "\n".join(map(str, self.nearest))


def flagged_rows(issues: pa.Table) -> np.ndarray:
    """Return (F,) the positions of the flagged rows, the most probably wrong first."""
    rows = np.flatnonzero(issues["is_issue"].to_numpy().astype(bool))
    p_error = np.nan_to_num(issues["p_error"].to_numpy().astype(np.float64)[rows], nan=1.0)
    return rows[np.lexsort((rows, -p_error))]


def handed_rows(
    issues: pa.Table,
    class_names: Sequence[str],
    rows: np.ndarray,
    nearest: Mapping[str, tuple[Nearest, ...]],
    *,
    several_labels: bool = False,
) -> list[HandedRow]:
    """Return rows of an issues table as they are handed over.

    Args:
        issues: a table with at least the columns of a decision, and the text.
        class_names: (K,) names in the order of ``true_label_probs``.
        rows: (R,) positions, in the order in which they are handed over.
        nearest: by row id, see ``nearest_rows``.
        several_labels: a row may have several.
    """
    found = []
    for row in issues.take(rows).to_pylist():
        suggested = row["suggested_label"]
        labels = set_labels(suggested) if several_labels else None
        found.append(
            made_of(
                HandedRow,
                row,
                text=(row["text"] or "").replace("\0", _NO_SIGN),
                p_suggested=_probability(row["true_label_probs"], class_names, labels, suggested),
                reasons=tuple(row["reasons"]),
                nearest=nearest.get(row["id"], ()),
                labels=labels,
            )
        )
    return found


def _probability(
    probs: Sequence[float],
    class_names: Sequence[str],
    labels: tuple[str, ...] | None,
    suggested: str,
) -> float | None:
    """Return the probability of a label, or of a set as if its labels were independent."""
    known = dict(zip(class_names, probs, strict=False))
    if labels is None:
        return known.get(suggested)
    if not set(labels) <= known.keys():
        return None
    return math.prod(p if name in labels else 1 - p for name, p in known.items())


def nearest_rows(folder: RunFolder, issues: pa.Table) -> dict[str, tuple[Nearest, ...]]:
    """Return the rows with the most similar texts, by id.

    Empty where the run has no table of candidates, or one that belongs to other issues.

    Args:
        folder: the run folder.
        issues: all rows of the run, with id, text and given_label.
    """
    from noisefix.run.adopt import check_fresh
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import CANDIDATES

    columns = ("id", "neighbor_ids", "neighbor_similarities")
    if not folder.candidates.exists():
        return {}
    with suppress(DataError):
        check_fresh(folder, ("candidates",))
        candidates, _ = read_table(folder.candidates, CANDIDATES, columns)
        rows = issues.select(["id", "text", "given_label"]).to_pylist()
        known = {row["id"]: row for row in rows}
        return {
            row["id"]: tuple(
                Nearest(known[key]["given_label"] or "", known[key]["text"] or "", float(near))
                for key, near in zip(
                    row["neighbor_ids"][:N_NEAREST], row["neighbor_similarities"], strict=False
                )
                if key in known
            )
            for row in candidates.to_pylist()
        }
    return {}
