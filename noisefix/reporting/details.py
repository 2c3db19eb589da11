"""Of which rows a page says more: reasons, nearest texts, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.reporting.judgement import Judgement, membership, probabilities_of
from noisefix.reporting.packing import safe
from noisefix.run.arrays import column_array, take_rows

if TYPE_CHECKING:
    import pyarrow as pa

MOST_DETAILED = 8000
RANKED = 5000
"""So many of the most suspicious rows are in their order, and are shown in detail."""

_NEAREST = 3
_PROBABILITIES = 5
_LABELS = 12
"""Of several labels a row, so many at most have their probability shown."""

_GIVEN_WORTH = 0.15
"""Given labels that nobody doubts come after those that may be wrong or missing."""

_NOBODY = (-1, 0.0)

KINDS = (
    ("nearest rows", "nearest row"),
    ("a classifier", "a classifier trained"),
    ("the words", "the words alone"),
    ("the label's name", "closer in meaning"),
    ("same text, other label", "the same text is elsewhere"),
)
"""What a reason speaks of, and words that are in each such reason."""

DECIDING_KIND = "decides between two readings"


def detailed_rows(judged: Judgement, *wanted: np.ndarray) -> np.ndarray:
    """Return the rows shown in detail, in their order: those wanted, flagged or most suspicious.

    Where there are only a few rows, all are.
    """
    ranked = judged.order
    flagged = ranked[judged.is_issue[ranked]]
    others = np.arange(len(judged.p_error) if len(judged.p_error) <= RANKED else 0)
    first = np.concatenate([*wanted, flagged, ranked[:RANKED], others]).astype(np.int64)
    _, place = np.unique(first, return_index=True)
    return np.sort(first[np.sort(place)][:MOST_DETAILED])


def detail_columns(
    judged: Judgement,
    issues: pa.Table,
    near: list[list[tuple[int, float]]],
    rows: np.ndarray,
    deciding: Sequence[str] = (),
) -> dict[str, Any]:
    """Return reasons, nearest texts and probabilities of some rows, as columns.

    Args:
        judged: the rows.
        issues: the issues table of the same rows.
        near: (R,) three nearest rows and their similarities, see ``nearest_rows``.
        rows: (R,) which.
        deciding: ids of rows on which two readings of the noise differ.
    """
    ids = issues["id"].to_pylist()
    said = [
        lines or [] for lines in take_rows(issues.select(["reasons"]), rows)["reasons"].to_pylist()
    ]
    deciding_ids = set(deciding)
    kinds = [
        sum(1 << k for k, (_, sign) in enumerate(KINDS) if any(sign in line for line in lines))
        + ((ids[row] in deciding_ids) << len(KINDS))
        for row, lines in zip(rows.tolist(), said, strict=True)
    ]
    probs = probabilities_of(issues, rows)
    worth = probs if judged.doubts is None else worth_showing(judged, rows)
    n_shown = _PROBABILITIES if judged.doubts is None else _LABELS
    best = np.argsort(-worth, axis=1, kind="stable")[:, :n_shown]
    return {
        "row": rows.tolist(),
        "reasons": ["\n".join(safe(line) for line in lines) for lines in said],
        "kind": kinds,
        "near": [row for three in near for row, _ in three],
        "alike": [round(100 * alike) for three in near for _, alike in three],
        "n_probs": best.shape[1],
        "prob_class": best.ravel().tolist(),
        "prob": np.round(1000 * np.take_along_axis(probs, best, 1)).astype(int).ravel().tolist(),
    }


def worth_showing(judged: Judgement, rows: np.ndarray) -> np.ndarray:
    """Return (R, K) how much a label is worth showing: the doubted ones, then those given.

    Args:
        judged: rows that may have several labels.
        rows: (R,) which.
    """
    doubts = judged.doubts[rows] if judged.doubts is not None else np.zeros((len(rows), 0))
    given = membership(judged.sets, doubts.shape[1])[judged.given_labels[rows]]
    worth: np.ndarray = np.maximum(doubts, np.where(given, _GIVEN_WORTH, 0.0))
    return worth


def nearest_rows(
    candidates: pa.Table | None,
    vectors: np.ndarray | None,
    ids: Sequence[str],
    rows: np.ndarray,
) -> list[list[tuple[int, float]]]:
    """Return three rows and their similarities for each; (-1, 0) where there are fewer.

    Args:
        candidates: the candidates table; None: there is none, and the vectors tell.
        vectors: (N, D) unit-length rows; None: there are no neighbours.
        ids: (N,) row ids.
        rows: (R,) which.
    """
    if candidates is None and vectors is not None:
        from noisefix.neighbors.search import nearest

        found_rows = nearest(vectors[rows], vectors, _NEAREST, exclude=rows)
        pairs = zip(found_rows.indices.tolist(), found_rows.similarities.tolist(), strict=True)
        return [list(zip(places, alike, strict=True)) for places, alike in pairs]
    if candidates is None:
        return [[_NOBODY] * _NEAREST for _ in rows.tolist()]
    place = {key: row for row, key in enumerate(ids)}
    some = take_rows(candidates, rows)
    found = []
    for near, alike in zip(
        some["neighbor_ids"].to_pylist(), some["neighbor_similarities"].to_pylist(), strict=True
    ):
        known = [(place[n], s) for n, s in zip(near, alike, strict=True) if n in place]
        found.append([*known, *[_NOBODY] * _NEAREST][:_NEAREST])
    return found


def duplicate_groups(issues: pa.Table) -> list[list[int]]:
    """Return the groups of two rows or more that have (nearly) the same text."""
    groups = column_array(issues["duplicate_group"]).astype(np.float64)
    grouped = np.flatnonzero(~np.isnan(groups))
    _, place, sizes = np.unique(groups[grouped], return_inverse=True, return_counts=True)
    shared = grouped[sizes[place] > 1]
    members: dict[float, list[int]] = {}
    for row in shared.tolist():
        members.setdefault(float(groups[row]), []).append(row)
    return list(members.values())
