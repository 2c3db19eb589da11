"""The classes that are most often mistaken for each other, each pair with an example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
_ROUNDING = 1e-5  # by which two ways to sum one float32 cosine differ at most
_MOST_COMPARED = 10_000


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
    cells = [divmod(cell, k) for cell in order.tolist()]
    cells = [cell for cell in cells if expected[cell] >= _LEAST_ROWS_OF_A_PAIR]
    examples = [_example(judged, *cell) for cell in cells]
    near = _nearest_of(judged, examples, np.array([second for _, second in cells]))
    rows = [
        {
            "given_label": judged.class_names[first],
            "suggested_label": judged.class_names[second],
            "expected_rows": float(expected[first, second]),
            "issues": int(flagged[first, second]),
            **_quoted(embeddings, example, found),
        }
        for (first, second), example, found in zip(cells, examples, near, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PAIRS.arrow())


def _example(judged: Judged, first: int, second: int) -> int | None:
    """Return the row given ``first`` that most looks like ``second``; None: there is none."""
    mine = np.flatnonzero(judged.scope.rows & (judged.given_labels == first) & ~judged.is_trusted)
    if not len(mine) or not (judged.scope.rows & (judged.given_labels == second)).any():
        return None
    likeness = np.round(judged.estimate.true_label_probs[mine, second], DECIMALS)
    return int(mine[likeness.argmax()])


@dataclass(frozen=True)
class _Near:
    """The nearest row to another one, and their cosine."""

    row: int
    similarity: float


def _nearest_of(
    judged: Judged, examples: Sequence[int | None], labels: np.ndarray
) -> list[_Near | None]:
    """Return, for each example, the nearest row given a label, of another duplicate group.

    One pass over all vectors finds those that may be the nearest; these are compared exactly.
    """
    if not examples:
        return []
    groups, vectors = judged.surroundings.duplicate_groups, judged.embeddings
    queries = np.array([0 if row is None else row for row in examples], dtype=np.int64)
    wanted = vectors.take(queries)
    found: list[list[np.ndarray]] = [[] for _ in examples]
    best = np.full(len(examples), -np.inf)
    for first, last in blocks(len(vectors), 4 * GRAIN):
        rows = slice(first, last)
        block = vectors.rows(first, last)
        lengths = np.linalg.norm(block, axis=1)
        cosines = (block @ wanted.T) / np.where(lengths > 0, lengths, 1)[:, None]
        usable = judged.scope.rows[rows, None] & (judged.given_labels[rows, None] == labels)
        cosines[~(usable & (groups[rows, None] != groups[queries]))] = -np.inf
        best = np.maximum(best, cosines.max(axis=0))
        near_best = cosines >= np.where(np.isfinite(best), best - _ROUNDING, np.inf)
        for place, parts in enumerate(found):
            if near_best[:, place].any():
                parts.append(first + np.flatnonzero(near_best[:, place]))
    near: list[_Near | None] = []
    for query, parts in enumerate(found):
        if examples[query] is None or not parts:
            near.append(None)
            continue
        some = np.concatenate(parts)[-_MOST_COMPARED:]
        exact = nearest(wanted[query : query + 1], vectors.take(some), 1, device="cpu")
        near.append(_Near(int(some[exact.indices[0, 0]]), float(exact.similarities[0, 0])))
    return near


def _quoted(embeddings: pa.Table, example: int | None, near: _Near | None) -> dict[str, Any]:
    return {
        "example_id": None if example is None else embeddings["id"][example].as_py(),
        "example_text": None if example is None else _text(embeddings, example),
        "nearest_id": None if near is None else embeddings["id"][near.row].as_py(),
        "nearest_text": None if near is None else _text(embeddings, near.row),
        "similarity": None if near is None else near.similarity,
    }


def _text(embeddings: pa.Table, row: int) -> str | None:
    text: str | None = embeddings["text"][row].as_py()
    return text
