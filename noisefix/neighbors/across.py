"""Rows of one file whose text is, or nearly is, that of rows of another file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.neighbors.duplicates import MIN_COSINE, MIN_OVERLAP, normalise, overlap
from noisefix.neighbors.search import nearest
from noisefix.tables.text_checks import says_something

_N_NEIGHBORS = 10


@dataclass(frozen=True, eq=False)
class Matches:
    """M matches: one for each row of the other file and each label that its text has in this one.

    Attributes:
        other: (M,) the row of the other file, ascending.
        row: (M,) the nearest row of this file that has the label; of equal ones the first.
        label: (M,) class id of the label in this file, -1 = none.
        similarity: (M,) float32 cosine of the two in [-1, 1]; 1 where the texts are equal.
        is_equal: (M,) bool: they are equal but for case, spaces, marks and links.
        rows: (M,) how many rows of this file match and have the label.
    """

    other: np.ndarray
    row: np.ndarray
    label: np.ndarray
    similarity: np.ndarray
    is_equal: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class _Side:
    """The distinct texts of a file, and the rows that have each."""

    texts: list[str]
    rows: list[list[int]]

    @property
    def first(self) -> list[int]:
        return [rows[0] for rows in self.rows]


def matches_across(
    texts: Sequence[str],
    embeddings: np.ndarray,
    labels: np.ndarray,
    other_texts: Sequence[str],
    other_embeddings: np.ndarray,
) -> Matches:
    """Find what two files have in common, by the measure that ``duplicate_groups`` has within one.

    A text that says nothing matches none.

    Args:
        texts: (N,) of this file.
        embeddings: (N, D) unit vectors.
        labels: (N,) class ids, -1 = unlabelled.
        other_texts: (P,) of the other file.
        other_embeddings: (P, D) unit vectors of the same encoder.
    """
    here, there = _distinct(texts), _distinct(other_texts)
    found: list[tuple[int, int, int, float, bool, int]] = []
    for node, near in enumerate(_matching_texts(here, embeddings, there, other_embeddings)):
        by_label: dict[int, tuple[float, int, bool, int]] = {}
        for similarity, text, is_equal in near:  # the nearest first
            for row in here.rows[text]:
                label = int(labels[row])
                known = by_label.get(label, (similarity, row, is_equal, 0))
                by_label[label] = (*known[:3], known[3] + 1)
        found += [
            (other, row, label, similarity, is_equal, rows)
            for other in there.rows[node]
            for label, (similarity, row, is_equal, rows) in by_label.items()
        ]
    found.sort(key=lambda match: (match[0], -match[3], match[1]))
    kinds = (np.int64, np.int64, np.int64, np.float32, np.bool_, np.int64)
    columns = list(zip(*found, strict=True)) or [()] * len(kinds)
    return Matches(*(np.array(c, dtype=kind) for c, kind in zip(columns, kinds, strict=True)))


def _distinct(texts: Sequence[str]) -> _Side:
    rows: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if says_something(text):
            rows.setdefault(normalise(text), []).append(row)
    return _Side(list(rows), list(rows.values()))


def _matching_texts(
    here: _Side, embeddings: np.ndarray, there: _Side, other_embeddings: np.ndarray
) -> list[list[tuple[float, int, bool]]]:
    """Return, for each text there, similarity, number and equality of those here, nearest first."""
    if not here.texts or not there.texts:
        return [[] for _ in there.texts]
    number = {text: i for i, text in enumerate(here.texts)}
    near = nearest(
        other_embeddings[there.first],
        embeddings[here.first],
        min(_N_NEIGHBORS, len(here.texts)),
    )
    found = []
    for text, indices, cosines in zip(there.texts, near.indices, near.similarities, strict=True):
        same = number.get(text)
        matching = [] if same is None else [(1.0, same, True)]
        matching += [
            (float(cosine), int(i), False)
            for i, cosine in zip(indices, cosines, strict=True)
            if i >= 0
            and i != same
            and cosine >= MIN_COSINE
            and overlap(text, here.texts[i]) >= MIN_OVERLAP
        ]
        found.append(matching)
    return found
