"""Random orders of many rows that a disk can follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.training.shuffling import POOL, RUN, shuffled


@given(n_rows=st.integers(0, 3 * POOL), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_every_row_comes_once(n_rows, seed):
    rows = np.arange(n_rows) * 3 + 1
    order = shuffled(rows, np.random.default_rng(seed))
    assert np.array_equal(np.sort(order), rows)
    assert np.array_equal(order, shuffled(rows, np.random.default_rng(seed)))


def test_few_rows_are_shuffled_whole():
    rows = np.arange(POOL)
    order = shuffled(rows, np.random.default_rng(1))
    assert np.array_equal(order, np.random.default_rng(1).permutation(rows))


def test_a_pool_is_read_in_runs_and_no_run_is_read_twice():
    order = shuffled(np.arange(5 * POOL), np.random.default_rng(2))
    seen: set[int] = set()
    for first in range(0, 5 * POOL, POOL):
        runs = set((order[first : first + POOL] // RUN).tolist())
        assert len(runs) == POOL // RUN
        assert not runs & seen
        seen |= runs


@pytest.mark.parametrize("seed", range(3))
def test_a_table_sorted_by_class_is_mixed(seed):
    n_rows, n_classes = 8 * POOL, 10
    labels = np.arange(n_rows) * n_classes // n_rows
    order = shuffled(np.arange(n_rows), np.random.default_rng(seed))
    for batch in np.array_split(order, n_rows // 4096):
        shares = np.bincount(labels[batch], minlength=n_classes) / len(batch)
        assert shares.min() > 0.05  # a tenth is right; of 512 runs a class has 51 +- 7
        assert shares.max() < 0.16


def test_within_a_pool_the_order_is_random():
    order = shuffled(np.arange(2 * POOL), np.random.default_rng(3))
    inner = order[:POOL]
    assert (np.diff(inner // RUN) == 0).mean() < 0.01  # the next row is of another place
    ranks = np.argsort(np.argsort(inner))
    assert abs(np.corrcoef(ranks, np.arange(POOL))[0, 1]) < 0.02
