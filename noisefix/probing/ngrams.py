"""TF-IDF features of words and characters, hashed, in NumPy.

What scikit-learn's ``TfidfVectorizer`` would give (words and pairs of words; 3 to 5 characters
within a word), at a tenth of the time and without its import: a polynomial hash of every substring
comes from differences of one prefix sum over the whole corpus, as in Rabin and Karp's search.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MAX_CHARACTERS = 5000  # of a text; what follows is ignored
_MAX_WORDS, _MAX_CHARS = 20_000, 30_000  # most frequent features kept of each kind
_MIN_ROWS = 2  # a feature of a single row says nothing about any other
_BITS = 20  # hash buckets before the choice of the most frequent
_CHUNK = 2_000_000  # characters hashed at once: bounds the memory
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_WORD = re.compile(r"\w+")
_SPACE, _END = 32, 10


def ngram_features(texts: Sequence[str | None]) -> Any:
    """Return an (N, V) float32 ``scipy.sparse.csr_matrix``, V at most 50,000.

    Term counts enter as 1 + log(count), weighted by log((1 + N) / (1 + rows)) + 1. Words and
    characters each have unit length before both are divided by sqrt(2). No label is looked at.
    """
    import scipy.sparse

    folded = [(text or "")[:MAX_CHARACTERS].casefold() for text in texts]
    words = [" ".join(_WORD.findall(text)) + "\n" for text in folded]
    chars = [f" {' '.join(text.split())} \n" for text in folded]
    both = [
        _tfidf(words, _word_hashes, _MAX_WORDS),
        _tfidf(chars, _character_hashes, _MAX_CHARS),
    ]
    return (scipy.sparse.hstack(both) * np.float32(np.sqrt(0.5))).tocsr()


def _tfidf(lines: list[str], hashes: Any, max_features: int) -> Any:
    import scipy.sparse

    n_rows, n_buckets = len(lines), 2**_BITS
    parts = [scipy.sparse.csr_matrix((0, n_buckets), dtype=np.float32)]
    for chunk in _chunks(lines):
        row, bucket = hashes(*_codes(chunk))
        ones = np.ones(len(row), dtype=np.float32)
        part = scipy.sparse.csr_matrix((ones, (row, bucket)), shape=(len(chunk), n_buckets))
        part.sum_duplicates()
        parts.append(part)
    counts = scipy.sparse.vstack(parts).tocsr()
    n_with = np.bincount(counts.indices, minlength=n_buckets)
    kept = np.flatnonzero(n_with >= _MIN_ROWS)
    kept = np.sort(kept[np.argsort(-n_with[kept], kind="stable")[:max_features]])
    features = counts[:, kept]
    rarity = np.log((1 + n_rows) / (1 + n_with[kept])) + 1
    features.data = (1 + np.log(features.data)) * rarity[features.indices].astype(np.float32)
    lengths = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    features.data /= np.repeat(lengths, np.diff(features.indptr)).astype(np.float32)
    return features


def _chunks(lines: list[str]) -> Iterator[list[str]]:
    """Yield runs of lines of some ``_CHUNK`` characters."""
    first, size = 0, 0
    for i, line in enumerate(lines):
        size += len(line)
        if size >= _CHUNK:
            yield lines[first : i + 1]
            first, size = i + 1, 0
    if first < len(lines):
        yield lines[first:]


def _codes(lines: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return code points of all lines in one array, and the line each belongs to."""
    codes = np.frombuffer("".join(lines).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return codes, np.repeat(np.arange(len(lines)), [len(line) for line in lines])


class _SubstringHash:
    """Hashes of any substrings, each in constant time."""

    def __init__(self, codes: np.ndarray) -> None:
        terms = (codes.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, len(codes))
        self._prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        self._shift = _powers(_INVERSE, len(codes) + 1)

    def __call__(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the bucket in 0..2**20-1 of each substring [start, end)."""
        h = (self._prefix[ends] - self._prefix[starts]) * self._shift[starts]
        for _ in range(2):  # the low bits of a polynomial hash are poor
            h ^= h >> np.uint64(32)
            h *= _MIX
        buckets: np.ndarray = (h >> np.uint64(64 - _BITS)).astype(np.int64)
        return buckets


def _powers(base: int, n: int) -> np.ndarray:
    factors = np.full(n, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _word_hashes(codes: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines and buckets of all words and pairs of neighbouring words."""
    ends = np.flatnonzero((codes == _SPACE) | (codes == _END))
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    row = line[starts]
    hashed = _SubstringHash(codes)
    pair = row[1:] == row[:-1]
    return (
        np.concatenate([row, row[1:][pair]]),
        np.concatenate([hashed(starts, ends), hashed(starts[:-1][pair], ends[1:][pair])]),
    )


def _character_hashes(codes: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines and buckets of all 3, 4 and 5 characters within a word and the spaces around it."""
    hashed = _SubstringHash(codes)
    gaps = np.concatenate([[0], np.cumsum((codes == _SPACE) | (codes == _END))])
    rows, buckets = [], []
    for n in (3, 4, 5):
        starts = np.arange(max(len(codes) - n + 1, 0))
        last = starts + n - 1
        within = gaps[last] == gaps[starts + 1]  # no space but at the ends
        starts = starts[within & (codes[last] != _END) & (codes[starts] != _END)]
        rows.append(line[starts])
        buckets.append(hashed(starts, starts + n))
    return np.concatenate(rows), np.concatenate(buckets)
