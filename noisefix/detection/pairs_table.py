"""The classes that are most often mistaken for each other, each pair with an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.judged import DECIMALS
from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import nearest
from noisefix.run.schemas import PAIRS
from noisefix.vectors import GRAIN, blocks

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged

_MOST_PAIRS = 20
_LEAST_ROWS_OF_A_PAIR = 0.5


def pairs_table(embeddings: pa.Table, judged: Judged, suggested: np.ndarray) -> pa.Table:
    """Return the pairs with the most rows that were given one class and are of the other.

    Args:
        embeddings: the embeddings table, for id and text.
        judged: N rows in the order of that table.
        suggested: (N,) ids of the most probable true labels.
    """
    import pyarrow as pa

    given, k = np.where(judged.scope.rows, judged.given_labels, UNLABELLED), len(judged.class_names)
    expected = np.zeros((k, k))
    for label in range(k):
        members = given == label
        expected[label] = judged.estimate.true_label_probs[members].sum(axis=0, dtype=np.float64)
    np.fill_diagonal(expected, 0)
    flagged = np.zeros((k, k), dtype=np.int64)
    np.add.at(flagged, (given[judged.is_issue], suggested[judged.is_issue]), 1)
    order = np.argsort(-np.round(expected, DECIMALS), axis=None, kind="stable")[:_MOST_PAIRS]
    rows: list[dict[str, Any]] = []
    for cell in order.tolist():
        first, second = divmod(cell, k)
        if expected[first, second] < _LEAST_ROWS_OF_A_PAIR:
            break
        rows.append(
            {
                "given_label": judged.class_names[first],
                "suggested_label": judged.class_names[second],
                "expected_rows": float(expected[first, second]),
                "issues": int(flagged[first, second]),
                **_example(embeddings, judged, first, second),
            }
        )
    return pa.Table.from_pylist(rows, schema=PAIRS.arrow())


def _example(embeddings: pa.Table, judged: Judged, first: int, second: int) -> dict[str, Any]:
    """Take the row given ``first`` that most looks like ``second``, and its nearest of those."""
    rows = judged.scope.rows
    mine = np.flatnonzero(rows & (judged.given_labels == first) & ~judged.is_trusted)
    theirs = np.flatnonzero(rows & (judged.given_labels == second))
    empty = dict.fromkeys(
        ("example_id", "example_text", "nearest_id", "nearest_text", "similarity")
    )
    if not len(mine) or not len(theirs):
        return empty
    likeness = np.round(judged.estimate.true_label_probs[mine, second], DECIMALS)
    row = mine[likeness.argmax()]
    near, similarity = _nearest_of(judged, int(row), theirs)
    example = {"example_id": embeddings["id"][row].as_py(), "example_text": _text(embeddings, row)}
    if near is None:
        return empty | example
    return example | {
        "nearest_id": embeddings["id"][near].as_py(),
        "nearest_text": _text(embeddings, near),
        "similarity": similarity,
    }


def _nearest_of(judged: Judged, row: int, others: np.ndarray) -> tuple[int | None, float]:
    """Return the nearest to a row of some others with another text, and its cosine."""
    query, groups = judged.embeddings.take(np.array([row])), judged.surroundings.duplicate_groups
    best, similarity = None, -np.inf
    for first, last in blocks(len(others), 16 * GRAIN):
        some = others[first:last]
        found = nearest(
            query,
            judged.embeddings.take(some),
            1,
            query_groups=groups[row : row + 1],
            base_groups=groups[some],
            device="cpu",
        )
        if found.indices[0, 0] >= 0 and found.similarities[0, 0] > similarity:
            best = int(some[found.indices[0, 0]])
            similarity = float(found.similarities[0, 0])
    return best, similarity


def _text(embeddings: pa.Table, row: int) -> str | None:
    text: str | None = embeddings["text"][row].as_py()
    return text
