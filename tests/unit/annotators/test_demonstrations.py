"""Which rows serve as examples: clean, near, balanced, and no duplicates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.demonstrations import (
    NO_GROUP,
    DemonstrationParams,
    choose_demonstrations,
    clean_rows,
)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.deg2rad(np.array(degrees))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def ungrouped(n: int) -> np.ndarray:
    return np.full(n, NO_GROUP)


EVERY = DemonstrationParams(n_per_class=2, n_total=4, clean_share=1.0, max_p_error=1.0)


def test_nearest_of_each_class_in_the_order_of_the_pool() -> None:
    #                      0  1   2   3  4   5   6
    embeddings = on_circle(0, 10, 20, 5, 30, 15, 2)
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    chosen = choose_demonstrations(
        embeddings, labels, np.zeros(7), ungrouped(7), np.array([0]), [[1, 0]], EVERY
    )
    assert chosen.tolist() == [[3, 1, 5, 2]]  # never the row itself, never class 2


def test_total_is_shared_out_class_by_class() -> None:
    embeddings = on_circle(*range(0, 60, 5))
    labels = np.array([0, 1, 2] * 4)
    params = DemonstrationParams(n_per_class=3, n_total=4, clean_share=1.0)
    chosen = choose_demonstrations(
        embeddings, labels, np.zeros(12), ungrouped(12), np.array([0]), [[2, 0, 1]], params
    )
    assert labels[chosen[0]].tolist() == [2, 0, 1, 2]
    narrow = DemonstrationParams(n_per_class=3, n_total=2, clean_share=1.0)
    chosen = choose_demonstrations(
        embeddings, labels, np.zeros(12), ungrouped(12), np.array([0]), [[2, 0, 1]], narrow
    )
    assert labels[chosen[0]].tolist() == [2, 0]


def test_a_class_without_clean_rows_leaves_room() -> None:
    embeddings = on_circle(0, 1, 2)
    labels = np.array([0, 0, 1])
    p_error = np.array([0.0, 0.0, 0.9])
    params = DemonstrationParams(n_per_class=2, n_total=4, clean_share=1.0)
    chosen = choose_demonstrations(
        embeddings, labels, p_error, ungrouped(3), np.array([2]), [[1, 0, 5]], params
    )
    assert chosen.tolist() == [[1, 0, -1, -1]]


def test_duplicates_of_the_row_and_of_each_other_are_left_out() -> None:
    embeddings = on_circle(0, 0, 1, 1, 1, 9)
    labels = np.zeros(6, dtype=np.int64)
    groups = np.array([7, 7, 8, 8, 8, NO_GROUP])
    p_error = np.array([0.0, 0.0, 0.2, 0.1, 0.1, 0.2])
    chosen = choose_demonstrations(
        embeddings, labels, p_error, groups, np.array([0, 5]), [[0], [0]], EVERY
    )
    assert chosen[0].tolist() == [3, 5, -1, -1]  # 1 is its duplicate; 3 is the surest of 2, 3, 4
    assert chosen[1].tolist() == [3, 0, -1, -1]


def test_duplicates_that_disagree_show_nothing() -> None:
    labels = np.array([0, 1, 0, 0])
    groups = np.array([3, 3, 4, 4])
    assert clean_rows(labels, np.zeros(4), groups, EVERY).tolist() == [2]


def test_the_surest_share_of_each_class_serves() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, -1, 1])
    p_error = np.array([0.2, 0.1, 0.05, 0.25, 0.29, 0.31, 0.0, np.nan])
    params = DemonstrationParams(clean_share=0.5, max_p_error=0.3)
    assert clean_rows(labels, p_error, ungrouped(8), params).tolist() == [1, 2, 4]


def test_nothing_clean_is_no_error() -> None:
    embeddings = on_circle(0, 1)
    chosen = choose_demonstrations(
        embeddings, np.array([-1, -1]), np.array([np.nan, 0]), ungrouped(2), np.array([1]), [[0]]
    )
    assert chosen.tolist() == [[-1] * 8]
    none = choose_demonstrations(
        embeddings, np.array([0, 0]), np.zeros(2), ungrouped(2), np.empty(0, dtype=np.int64), []
    )
    assert none.shape == (0, 8)


@pytest.mark.parametrize("block_entries", [1, 7, 10_000])
def test_ties_go_by_row_order_for_every_block_size(
    block_entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noisefix.annotators.demonstrations._BLOCK_ENTRIES", block_entries)
    embeddings = on_circle(0, 5, 5, 5, -5, 5)
    labels = np.zeros(6, dtype=np.int64)
    chosen = choose_demonstrations(
        embeddings, labels, np.zeros(6), ungrouped(6), np.array([0, 3]), [[0], [0]], EVERY
    )
    assert chosen[:, :2].tolist() == [[1, 2], [1, 2]]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_invariants_on_random_data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_classes = 40, 4
    embeddings = rng.normal(size=(n, 5)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = rng.integers(-1, n_classes, n)
    groups = rng.integers(-1, 12, n)
    p_error = rng.random(n)
    rows = rng.permutation(n)[:15]
    pools = [rng.permutation(n_classes)[: rng.integers(1, 5)].tolist() for _ in rows]
    params = DemonstrationParams(n_per_class=2, n_total=5, clean_share=0.7, max_p_error=0.6)
    chosen = choose_demonstrations(embeddings, labels, p_error, groups, rows, pools, params)
    clean = set(clean_rows(labels, p_error, groups, params).tolist())
    for row, pool, picked in zip(rows, pools, chosen, strict=True):
        real = picked[picked >= 0]
        assert set(real.tolist()) <= clean
        assert row not in real
        assert set(labels[real].tolist()) <= set(pool)
        assert np.bincount(labels[real], minlength=1).max(initial=0) <= 2
        grouped = groups[real][groups[real] != NO_GROUP]
        assert len(np.unique(grouped)) == len(grouped)
        assert groups[row] == NO_GROUP or groups[row] not in grouped
    half = choose_demonstrations(embeddings, labels, p_error, groups, rows[::2], pools[::2], params)
    np.testing.assert_array_equal(half, chosen[::2])  # no row depends on its neighbours in the run
