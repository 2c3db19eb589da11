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
from collections.abc import Sequence

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.neighbors.search import Neighbors, nearest

MIN_COSINE = 0.97
MIN_OVERLAP = 0.8  # shared share of character trigrams
SAME_VECTOR = 0.9995
"""Lowest cosine of two vectors that count as one, where there is no text to tell them apart."""

_CHAIN_SLACK = (0.02, 0.1)  # by which a text may fall short of the two with its group's leader
_N_NEIGHBORS = 10
_MAX_CHARACTERS = 2000  # compared
_LINK = re.compile(r"(?:https?://|www\.)\S+")
_MARKS = re.compile(r"[.,!'\"`´‘’“”„«»…\-‐‑‒–—_*#]+")


def duplicate_groups(
    texts: Sequence[str | None],
    embeddings: np.ndarray,
    *,
    neighbors: Neighbors | None = None,
    min_cosine: float = MIN_COSINE,
    min_overlap: float = MIN_OVERLAP,
) -> np.ndarray:
    """Group rows whose texts are equal after ``normalise``, or nearly so.

    Pairs of neighbours above both thresholds join their groups, the closest pair first, provided
    that every text of the smaller group nearly reaches the thresholds with the leader of the larger
    one: a chain of small steps never joins what is far apart. Up to their numbers, groups do not
    depend on the order of the rows.

    Args:
        texts: (N,) texts; None counts as empty.
        embeddings: (N, D) unit vectors.
        neighbors: of each row among all rows, itself left out; None: found here.
        min_cosine: lowest cosine of near-duplicates, in [-1, 1].
        min_overlap: lowest Jaccard index of their character trigrams, in [0, 1].

    Returns:
        (N,) int64: the first row of each row's group.
    """
    if not len(texts):
        return np.zeros(0, dtype=np.int64)
    normal = [normalise(text or "") for text in texts]
    distinct, first, node = np.unique(
        np.array(normal, dtype=object), return_index=True, return_inverse=True
    )
    if neighbors is None:
        neighbors = nearest(
            embeddings, embeddings, _N_NEIGHBORS, exclude=np.arange(len(embeddings))
        )
    n_copies = np.bincount(node)
    groups: list[list[int]] = [[a] for a in range(len(distinct))]  # the first is the leader
    group_of = list(range(len(distinct)))
    cosine_slack = min(_CHAIN_SLACK[0], 1 - min_cosine)

    def belongs(a: int, leader: int) -> bool:
        cosine = float(embeddings[first[a]] @ embeddings[first[leader]])
        return cosine >= min_cosine - cosine_slack and (
            overlap(distinct[a], distinct[leader]) >= min_overlap - _CHAIN_SLACK[1]
        )

    for a, b in _close_pairs(neighbors, node, min_cosine):
        # Larger first; of equals, the one whose leader comes first in the alphabet.
        large, small = sorted(
            (group_of[a], group_of[b]), key=lambda g: (-n_copies[groups[g]].sum(), groups[g][0])
        )
        if large == small or overlap(distinct[a], distinct[b]) < min_overlap:
            continue
        leader = groups[large][0]
        if all(belongs(member, leader) for member in groups[small]):
            for member in groups[small]:
                group_of[member] = large
            groups[large] += groups[small]
    group = np.array(group_of)[node]
    _, first_row, inverse = np.unique(group, return_index=True, return_inverse=True)
    numbered: np.ndarray = first_row[inverse].astype(np.int64)
    return numbered


def same_vectors(embeddings: np.ndarray, neighbors: Neighbors) -> np.ndarray:
    """Group rows that have no text, but (nearly) the same vector: copies of one picture.

    Args:
        embeddings: (N, D) unit vectors.
        neighbors: of each row among all rows, itself left out.

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


def _close_pairs(
    neighbors: Neighbors, node: np.ndarray, min_cosine: float
) -> list[tuple[int, int]]:
    """Return pairs of distinct texts at least that close, the closest first."""
    row, at = np.nonzero((neighbors.indices >= 0) & (neighbors.similarities >= min_cosine))
    a, b = node[row], node[neighbors.indices[row, at]]
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((high, low, -neighbors.similarities[row, at]))
    pairs = dict.fromkeys(zip(low[order].tolist(), high[order].tolist(), strict=True))
    return [(a, b) for a, b in pairs if a != b]
