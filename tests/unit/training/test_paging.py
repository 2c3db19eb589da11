"""Rows of a mapped matrix: what the system is told, and that nothing else changes."""

from __future__ import annotations

import mmap
from typing import ClassVar

import numpy as np
import pytest

from noisefix.training import head_training, shuffling
from noisefix.training.interface import TrainingData, finish
from noisefix.training.paging import Paging, rows_of
from noisefix.training.registry import find_method

pytestmark = pytest.mark.skipif(
    not hasattr(mmap, "MADV_WILLNEED"), reason="this system cannot be told of pages"
)

_ROWS, _DIMENSION = 3000, 96


class _Told(mmap.mmap):
    """A map that notes what is said of it."""

    said: ClassVar[list[tuple[int, ...]]] = []

    def madvise(self, *what: int) -> None:
        self.said.append(what)
        super().madvise(*what)


@pytest.fixture
def said(monkeypatch):
    """Return what is said of maps made from now on."""
    monkeypatch.setattr(_Told, "said", [])
    monkeypatch.setattr(mmap, "mmap", _Told)
    return _Told.said


@pytest.fixture
def matrix():
    return np.random.default_rng(0).random((_ROWS, _DIMENSION), dtype=np.float32)


@pytest.fixture
def mapped(tmp_path, said, matrix):
    path = tmp_path / "rows.bin"
    path.write_bytes(matrix.tobytes())
    return np.asarray(np.memmap(path, "<f4", "c", shape=matrix.shape))


def _bytes_told(said):
    asked = [what for what in said if what[0] == mmap.MADV_WILLNEED]
    return [(start, start + size) for _, start, size in asked]


@pytest.mark.parametrize("first_row", [0, 7])
def test_each_run_of_rows_is_asked_for_once(mapped, said, first_row):
    rows = np.array([900, 3, 4, 5, 2990 - first_row, 901, 3])
    Paging(mapped[first_row:]).fetch(rows)
    spans = _bytes_told(said)
    assert len(spans) == 3
    size = _DIMENSION * 4
    for row in rows + first_row:
        assert any(a <= row * size and (row + 1) * size <= b for a, b in spans)
    assert sum(b - a for a, b in spans) < 6 * size + 3 * mmap.PAGESIZE
    assert all(start % mmap.PAGESIZE == 0 for start, _ in spans)


def test_no_rows_ask_for_nothing(mapped, said):
    Paging(mapped).fetch(np.empty(0, np.int64))
    assert not said


def test_reading_ahead_is_off_within_the_block_alone(mapped, said):
    with pytest.raises(KeyError), Paging(mapped).at_random():
        raise KeyError(*said)
    assert said == [(mmap.MADV_RANDOM,), (mmap.MADV_NORMAL,)]


def test_rows_are_what_they_are_without_it(mapped, matrix, said):
    rows = np.array([5, 2999, 5, 0])
    assert np.array_equal(rows_of(matrix, rows), matrix[rows])
    assert not said
    assert np.array_equal(rows_of(mapped, rows), matrix[rows])
    assert _bytes_told(said)


def test_a_matrix_in_memory_is_left_alone(said):
    told = Paging(np.zeros((4, 2), np.float32))
    with told.at_random():
        told.fetch(np.array([1, 2]))
    assert not said


def test_training_fetches_every_row_of_a_map_once_an_epoch(tmp_path, said, monkeypatch):
    for module in (head_training, shuffling):
        monkeypatch.setattr(module, "POOL", 4 * shuffling.RUN)
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 1900)
    matrix = (draw.normal(size=(len(labels), 4)) + labels[:, None]).astype(np.float32)
    path = tmp_path / "rows.bin"
    path.write_bytes(matrix.tobytes())
    mapped = np.asarray(np.memmap(path, "<f4", "c", shape=matrix.shape))
    fit, params = find_method("ce").load()
    models = []
    for features in (matrix, mapped):
        training = fit(
            TrainingData(features, labels, 2), params(epochs=2, penalty=0.1), seed=0, device="cpu"
        )
        models.append(finish(training).state()[0])
    assert models[0].keys() == models[1].keys()
    assert all(np.array_equal(models[0][name], models[1][name]) for name in models[0])
    told = np.zeros(matrix.nbytes // mmap.PAGESIZE + 1, int)
    for start, end in _bytes_told(said):
        told[start // mmap.PAGESIZE : -(-end // mmap.PAGESIZE)] += 1
    assert told.min() >= 2
    assert said.count((mmap.MADV_RANDOM,)) == said.count((mmap.MADV_NORMAL,)) == 2
