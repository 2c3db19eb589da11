"""Groups of rows with the same, or nearly the same, text.

Such rows must stay in one fold, must not vote for each other, and are worth showing when their
labels differ. Rows that merely say the same in other words are independent evidence, so two texts
are only near-duplicates when both their meaning (cosine) and their letters (n-grams) nearly agree:
"cancel my order" and "change my order" are not, nor are "yes" and "no".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors, nearest
from noisefix.vectors import Vectors, as_vectors

MIN_COSINE = 0.97
MIN_OVERLAP = 0.8  # shared share of character trigrams
SAME_VECTOR = 0.9995
"""Lowest cosine of two vectors that count as one, where there is no text to tell them apart."""

_CHAIN_SLACK = (0.02, 0.1)  # by which a text may fall short of the two with its group's leader
_N_NEIGHBORS = 10
_MAX_CHARACTERS = 2000  # compared
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_MARKS = re.compile(r"[.,!'\"`´‘’“”„«»…\-‐‑‒–—_*#]+")


@dataclass(frozen=True, eq=False)
class ClosePairs:
    """M pairs of rows that are neighbours at least so close.

    Attributes:
        rows: (M,) a row.
        others: (M,) its neighbour.
        similarities: (M,) float32 cosines.
    """

    rows: np.ndarray
    others: np.ndarray
    similarities: np.ndarray

    @classmethod
    def together(cls, parts: Iterable[ClosePairs]) -> ClosePairs:
        """Return the pairs of several blocks of rows, one block after the other."""
        every = list(parts)
        return cls(
            np.concatenate([part.rows for part in every]),
            np.concatenate([part.others for part in every]),
            np.concatenate([part.similarities for part in every]),
        )


def close_pairs(
    neighbors: Neighbors, first: int = 0, *, min_cosine: float = MIN_COSINE
) -> ClosePairs:
    """Return which rows of a block have near-duplicates' vectors among their neighbours.

    Args:
        neighbors: of each row of the block among all rows, itself left out.
        first: number of the block's first row.
        min_cosine: lowest cosine, in [-1, 1].
    """
    row, at = np.nonzero((neighbors.indices >= 0) & (neighbors.similarities >= min_cosine))
    return ClosePairs(first + row, neighbors.indices[row, at], neighbors.similarities[row, at])


def duplicate_groups(
    texts: Sequence[str | None],
    embeddings: Vectors | np.ndarray,
    *,
    neighbors: Neighbors | ClosePairs | None = None,
    min_cosine: float = MIN_COSINE,
    min_overlap: float = MIN_OVERLAP,
) -> np.ndarray:
    """Group rows whose texts are equal after ``normalise``, or nearly so.

    Pairs of neighbours above both thresholds join their groups, the closest pair first, provided
    that every text of the smaller group nearly reaches the thresholds with the leader of the larger
    one: a chain of small steps never joins what is far apart. Up to their numbers, groups do not
    depend on the order of the rows.

    Only the texts that have a close neighbour are kept: the others are known by a digest.

    Args:
        texts: (N,) texts; None counts as empty.
        embeddings: (N, D) unit vectors.
        neighbors: of each row among all rows, itself left out, or the ``close_pairs`` of these;
            None: found here.
        min_cosine: lowest cosine of near-duplicates, in [-1, 1].
        min_overlap: lowest Jaccard index of their character trigrams, in [0, 1].

    Returns:
        (N,) int64: the first row of each row's group.
    """
    if not len(texts):
        return np.zeros(0, dtype=np.int64)
    vectors = as_vectors(embeddings)
    if neighbors is None:
        every = np.arange(len(vectors))
        neighbors = nearest(embeddings, embeddings, _N_NEIGHBORS, exclude=every)
    if isinstance(neighbors, Neighbors):
        neighbors = close_pairs(neighbors, min_cosine=min_cosine)
    first, node = _equal_texts(texts)
    group = _joined(texts, vectors, first, node, neighbors, min_cosine, min_overlap)[node]
    _, first_row, inverse = np.unique(group, return_index=True, return_inverse=True)
    numbered: np.ndarray = first_row[inverse].astype(np.int64)
    return numbered


def _equal_texts(texts: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row of each distinct text (T,), and the text of each row (N,)."""
    digests = np.empty((len(texts), 2), dtype=np.uint64)
    for row, text in enumerate(texts):
        data = normalise(text or "").encode("utf-8", "surrogatepass")
        digests[row] = np.frombuffer(blake2b(data, digest_size=16).digest(), np.uint64)
    keys = digests.view([("a", np.uint64), ("b", np.uint64)]).ravel()
    _, first, node = np.unique(keys, return_index=True, return_inverse=True)
    return first, node


def _joined(
    texts: Sequence[str | None],
    vectors: Vectors,
    first: np.ndarray,
    node: np.ndarray,
    close: ClosePairs,
    min_cosine: float,
    min_overlap: float,
) -> np.ndarray:
    """Return the group of each of T distinct texts, (T,): the number of one of its texts."""
    group = np.arange(len(first))
    is_other = node[close.rows] != node[close.others]
    touched = np.unique(node[np.concatenate([close.rows[is_other], close.others[is_other]])])
    normal = [normalise(texts[row] or "") for row in first[touched].tolist()]
    alphabetical = sorted(range(len(touched)), key=normal.__getitem__)
    touched, normal = touched[alphabetical], [normal[i] for i in alphabetical]
    place = np.full(len(first), -1, dtype=np.int64)
    place[touched] = np.arange(len(touched))
    n_copies = np.bincount(node, minlength=len(first))[touched].tolist()
    merged = _Merged(normal, n_copies)
    slack = min(_CHAIN_SLACK[0], 1 - min_cosine)

    def belongs(a: int, leader: int) -> bool:
        if overlap(normal[a], normal[leader]) < min_overlap - _CHAIN_SLACK[1]:
            return False
        pair = vectors.take(first[touched[[a, leader]]])
        return float(pair[0] @ pair[1]) >= min_cosine - slack

    for a, b in _in_order(close, place[node[close.rows]], place[node[close.others]], is_other):
        large, small = merged.by_size(a, b)
        if large != small and overlap(normal[a], normal[b]) >= min_overlap:
            leader = merged.members[large][0]
            if all(belongs(member, leader) for member in merged.members[small]):
                merged.join(large, small)
    group[touched] = touched[merged.group_of]
    return group


class _Merged:
    """Groups of texts, which are in the order of the alphabet; the first of a group leads it."""

    def __init__(self, texts: Sequence[str], n_copies: Sequence[int]) -> None:
        self.members = [[a] for a in range(len(texts))]
        self.group_of = list(range(len(texts)))
        self._sizes = list(n_copies)

    def by_size(self, a: int, b: int) -> tuple[int, int]:
        """Return the groups of two texts, the larger first.

        Of equals, the one whose leader comes first in the alphabet.
        """
        large, small = sorted(
            (self.group_of[a], self.group_of[b]),
            key=lambda group: (-self._sizes[group], self.members[group][0]),
        )
        return large, small

    def join(self, large: int, small: int) -> None:
        """Put the texts of one group into another."""
        for member in self.members[small]:
            self.group_of[member] = large
        self.members[large] += self.members[small]
        self._sizes[large] += self._sizes[small]


def same_vectors(embeddings: Vectors | np.ndarray, neighbors: Neighbors | ClosePairs) -> np.ndarray:
    """Group rows that have no text, but (nearly) the same vector: copies of one picture.

    Args:
        embeddings: (N, D) unit vectors.
        neighbors: of each row among all rows, itself left out; or the ``close_pairs`` of these,
            with ``min_cosine=SAME_VECTOR``.

    Returns:
        (N,) int64: the first row of each row's group.
    """
    apart = [f"{row:020d}" for row in range(len(embeddings))]  # no two are equal as texts
    return duplicate_groups(
        apart, embeddings, neighbors=neighbors, min_cosine=SAME_VECTOR, min_overlap=0.0
    )


def normalise(text: str) -> str:
    """Fold case, width and spaces; drop marks, and links beside at least three words.

    Digits, question marks and emoticons stay: they can decide the label. A text of nothing but
    marks keeps them.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    without_links = _LINK.sub(" ", folded)
    kept = without_links if len(without_links.split()) >= 3 else folded
    return " ".join(_MARKS.sub(" ", kept).split()) or folded


def overlap(a: str, b: str) -> float:
    """Return the Jaccard index of the character trigrams of two texts, in [0, 1]."""
    short, long = sorted((len(a) + 2, len(b) + 2))
    if short < 0.5 * long:
        return 0.0
    grams_a, grams_b = _trigrams(a), _trigrams(b)
    return (grams_a & grams_b).total() / max((grams_a | grams_b).total(), 1)


def conflicts(groups: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Return the groups whose rows were given more than one label, ascending.

    Args:
        groups: (N,) from ``duplicate_groups``.
        given_labels: (N,) class ids; unlabelled rows do not count.
    """
    known = given_labels != UNLABELLED
    pairs = np.unique(np.stack([groups[known], given_labels[known]], axis=1), axis=0)
    group, n_labels = np.unique(pairs[:, 0], return_counts=True)
    found: np.ndarray = group[n_labels > 1]
    return found


def _trigrams(text: str) -> Counter[str]:
    padded = f" {text[:_MAX_CHARACTERS]} "
    return Counter(padded[i : i + 3] for i in range(len(padded) - 2))


def _in_order(
    close: ClosePairs, a: np.ndarray, b: np.ndarray, is_other: np.ndarray
) -> list[tuple[int, int]]:
    """Return pairs of distinct texts, the closest first."""
    low, high = np.minimum(a, b)[is_other], np.maximum(a, b)[is_other]
    order = np.lexsort((high, low, -close.similarities[is_other]))
    return list(dict.fromkeys(zip(low[order].tolist(), high[order].tolist(), strict=True)))
