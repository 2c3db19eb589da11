"""TF-IDF features of words and characters, hashed, in NumPy.

What scikit-learn's ``TfidfVectorizer`` would give (words and pairs of words; 3 to 5 characters
within a word), at a tenth of the time and without its import: a polynomial hash of every substring
comes from differences of one prefix sum over the whole corpus, as in Rabin and Karp's search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from noisefix.tables.leftovers import temporary_name
from noisefix.threads import thread_map
from noisefix.vectors import GRAIN, blocks

MAX_CHARACTERS = 5000  # of a text; what follows is ignored
_MAX_WORDS, _MAX_CHARS = 20_000, 30_000  # most frequent features kept of each kind
_MIN_ROWS = 2  # a feature of a single row says nothing about any other
_BITS = 20  # hash buckets before the choice of the most frequent
_CHUNK = 500_000  # characters hashed at once: bounds the memory
BLOCK = 4 * GRAIN
"""Rows whose features are made at once."""

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_WORD = re.compile(r"\w+")
_SPACE, _END = 32, 10


class Ngrams:
    """The n-grams of N texts: (N, V) float32 features, V at most 50,000, made block by block.

    Term counts enter as 1 + log(count), weighted by log((1 + N) / (1 + rows)) + 1. Words and
    characters each have unit length before both are divided by sqrt(2). No label is looked at.
    What is kept are counts, in memory or in a file.
    """

    def __init__(self, texts: Sequence[str | None], scratch: Path | None = None) -> None:
        """Count the n-grams.

        Args:
            texts: (N,) texts; None counts as empty.
            scratch: an existing folder for a file of the counts, which vanishes with ``close``;
                None: they are held.

        Raises:
            OSError: the file cannot be written.
        """
        self.n_rows = len(texts)
        self._store = _Store(scratch)
        self._parts: dict[int, list[_Part]] = {}
        n_with = np.zeros((len(_KINDS), 2**_BITS), dtype=np.int64)
        lock = Lock()

        def count(block: tuple[int, int]) -> None:
            counted = [
                _count(lines, kind)
                for lines, kind in zip(_folded(texts[slice(*block)]), _KINDS, strict=True)
            ]
            with lock:
                self._parts[block[0]] = [self._store.add(part) for part in counted]
                for rows, part in zip(n_with, counted, strict=True):
                    rows += np.bincount(part.indices, minlength=2**_BITS)

        try:
            thread_map(count, blocks(self.n_rows, BLOCK))
        except BaseException:
            self.close()
            raise
        self._vocabularies = []
        for rows, kind in zip(n_with, _KINDS, strict=True):
            self._vocabularies.append(_Vocabulary.choose(rows, self.n_rows, kind.most()))

    @property
    def n_features(self) -> int:
        """V."""
        return sum(len(vocabulary.rarity) for vocabulary in self._vocabularies)

    def block(self, first: int) -> Any:
        """Return the features of the ``BLOCK`` rows from ``first`` on, a sparse (R, V) matrix."""
        import scipy.sparse

        both = [
            vocabulary.weigh(self._store.get(part))
            for vocabulary, part in zip(self._vocabularies, self._parts[first], strict=True)
        ]
        return (scipy.sparse.hstack(both) * np.float32(np.sqrt(0.5))).tocsr()

    def close(self) -> None:
        """Remove the file."""
        self._store.close()


def ngram_features(texts: Sequence[str | None]) -> Any:
    """Return the features of ``Ngrams``, all of them, a (N, V) float32 ``csr_matrix``."""
    import scipy.sparse

    found = Ngrams(texts)
    parts = [scipy.sparse.csr_matrix((0, found.n_features), dtype=np.float32)]
    parts += [found.block(first) for first, _ in blocks(len(texts), BLOCK)]
    return scipy.sparse.vstack(parts).tocsr()


@dataclass(frozen=True)
class _Kind:
    """Words or characters."""

    hashes: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    most: Callable[[], int]  # features kept


@dataclass(frozen=True)
class _Part:
    """Where the counts of a block lie: arrays one after the other."""

    place: int
    shapes: tuple[int, ...]


class _Store:
    """Counts of blocks, held or in a file."""

    _TYPES = (np.int32, np.int32, np.uint16)  # where rows begin, buckets, counts

    def __init__(self, scratch: Path | None) -> None:
        self._held: list[list[np.ndarray]] = []
        self._path = None if scratch is None else scratch / temporary_name()
        self._end = 0

    def add(self, counts: Any) -> _Part:
        arrays = [
            np.ascontiguousarray(array, kind)
            for array, kind in zip(
                (counts.indptr, counts.indices, counts.data), self._TYPES, strict=True
            )
        ]
        shapes = tuple(map(len, arrays))
        if self._path is None:
            self._held.append(arrays)
            return _Part(len(self._held) - 1, shapes)
        part = _Part(self._end, shapes)
        with self._path.open("ab") as file:
            for array in arrays:
                file.write(array.data)
        self._end += sum(array.nbytes for array in arrays)
        return part

    def get(self, part: _Part) -> list[np.ndarray]:
        if self._path is None:
            return self._held[part.place]
        place, arrays = part.place, []
        for length, kind in zip(part.shapes, self._TYPES, strict=True):
            arrays.append(np.fromfile(self._path, kind, length, offset=place))
            place += arrays[-1].nbytes
        return arrays

    def close(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Vocabulary:
    """The buckets kept of one kind."""

    column: np.ndarray  # (buckets,) int32, -1: not kept
    rarity: np.ndarray  # (V,) float32

    @classmethod
    def choose(cls, n_with: np.ndarray, n_rows: int, most: int) -> _Vocabulary:
        """Keep the buckets that most of the rows have, by (buckets,) numbers of rows."""
        kept = np.flatnonzero(n_with >= _MIN_ROWS)
        kept = np.sort(kept[np.argsort(-n_with[kept], kind="stable")[:most]])
        column = np.full(len(n_with), -1, dtype=np.int32)
        column[kept] = np.arange(len(kept))
        rarity = np.log((1 + n_rows) / (1 + n_with[kept])) + 1
        return cls(column, rarity.astype(np.float32))

    def weigh(self, counts: Sequence[np.ndarray]) -> Any:
        """Return the features of some rows, whose lengths are 1, as a sparse matrix."""
        import scipy.sparse

        starts, buckets, numbers = counts
        columns = self.column[buckets]
        kept = columns >= 0
        starts = np.concatenate([[0], np.cumsum(kept)])[starts]
        columns = columns[kept]
        data = (1 + np.log(numbers[kept].astype(np.float32))) * self.rarity[columns]
        shape = (len(starts) - 1, len(self.rarity))
        features = scipy.sparse.csr_matrix((data, columns, starts), shape=shape)
        lengths = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
        features.data /= np.repeat(lengths, np.diff(features.indptr)).astype(np.float32)
        return features


def _folded(texts: Sequence[str | None]) -> tuple[list[str], list[str]]:
    """Return lines of words, and lines of characters."""
    folded = [(text or "")[:MAX_CHARACTERS].casefold() for text in texts]
    words = [" ".join(_WORD.findall(text)) + "\n" for text in folded]
    return words, [f" {' '.join(text.split())} \n" for text in folded]


def _count(lines: list[str], kind: _Kind) -> Any:
    """Return how often each line has what falls into each bucket, a sparse matrix."""
    import scipy.sparse

    n_buckets = 2**_BITS
    parts = [scipy.sparse.csr_matrix((0, n_buckets), dtype=np.float32)]
    for chunk in _chunks(lines):
        row, bucket = kind.hashes(*_codes(chunk))
        ones = np.ones(len(row), dtype=np.float32)
        part = scipy.sparse.csr_matrix((ones, (row, bucket)), shape=(len(chunk), n_buckets))
        part.sum_duplicates()
        parts.append(part)
    return scipy.sparse.vstack(parts).tocsr()


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


_KINDS = (
    _Kind(_word_hashes, lambda: _MAX_WORDS),
    _Kind(_character_hashes, lambda: _MAX_CHARS),
)
