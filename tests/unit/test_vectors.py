import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.vectors import GRAIN, InFile, InMemory, as_vectors, blocks, write_vectors


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    matrix = np.random.default_rng(0).normal(size=(57, 5)).astype(np.float32)
    path = tmp_path_factory.mktemp("vectors") / "v.f32"
    return matrix, write_vectors(path, [matrix[:20], matrix[20:20], matrix[20:]], 5)


@given(st.lists(st.integers(0, 56)))
def test_taken_rows_are_those_of_the_matrix(both, rows):
    matrix, in_file = both
    wanted = np.array(rows, np.int64)
    assert np.array_equal(in_file.take(wanted), matrix[wanted])
    assert np.array_equal(InMemory(matrix).take(wanted), matrix[wanted])


@given(st.integers(0, 57), st.integers(0, 60))
def test_rows_of_a_block_are_those_of_the_matrix(both, first, last):
    matrix, in_file = both
    assert np.array_equal(in_file.rows(first, last), matrix[first:last])
    assert np.array_equal(as_vectors(matrix).rows(first, last), matrix[first:last])


def test_shapes(both):
    matrix, in_file = both
    for vectors in (in_file, as_vectors(matrix), pickle.loads(pickle.dumps(in_file))):
        assert vectors.shape == (57, 5)
        assert len(vectors) == 57
    assert as_vectors(in_file) is in_file


def test_a_row_that_is_not_there(both):
    for wrong in (-1, 57):
        with pytest.raises(IndexError, match="of 57"):
            both[1].take(np.array([3, wrong]))


def test_a_file_cut_short(tmp_path):
    path = tmp_path / "v.f32"
    write_vectors(path, [np.ones((4, 3), np.float32)], 3)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(OSError, match="cut short"):
        InFile(path, 4, 3).take(np.array([3]))


@given(st.integers(0, 5 * GRAIN), st.integers(1, 3 * GRAIN))
def test_blocks_are_whole_grains_and_cover_every_row_once(n_rows, size):
    found = list(blocks(n_rows, size))
    assert [row for first, last in found for row in range(first, last)] == list(range(n_rows))
    assert all((last - first) % GRAIN == 0 for first, last in found[:-1])
    assert all(last - first <= max(size + GRAIN - 1, GRAIN) for first, last in found)
