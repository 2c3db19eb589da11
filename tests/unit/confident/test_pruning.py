import numpy as np
import pytest

from noisefix.confident import pruning, validation
from noisefix.confident.pruning import class_rows, largest_margins, prune_counts
from noisefix.confident.rows import summarize_rows


def by_sorting(probs, members, given, counts):
    """The rows wanted, by sorting every column."""
    chosen = np.zeros(len(members), dtype=bool)
    for j, count in enumerate(counts):
        margin = probs[members, j] - probs[members, given]
        chosen[np.argsort(-margin, kind="stable")[:count]] = True
    return chosen


def test_prune_counts_are_the_off_diagonals():
    calibrated = np.array([[5, 2], [1, 6]])
    np.testing.assert_array_equal(prune_counts(calibrated), calibrated)


def test_the_least_number_of_rows_is_taken_evenly_from_the_pairs():
    calibrated = np.array([[1, 5, 3, 0], [0, 4, 0, 0], [0, 0, 4, 0], [0, 0, 0, 4]])
    counts = prune_counts(calibrated, min_examples_per_class=3)
    np.testing.assert_array_equal(counts[0], [3, 4, 2, 0])
    np.testing.assert_array_equal(counts[1:], calibrated[1:])


def test_frac_noise_returns_the_rest_to_the_diagonal():
    counts = prune_counts(np.array([[10, 4, 3], [0, 5, 0], [0, 0, 5]]), frac_noise=0.5)
    np.testing.assert_array_equal(counts[0], [13, 2, 1])


def test_class_rows_skips_unlabelled_and_too_small_classes():
    given = np.array([2, -1, 0, 2, 1, 0, 2])
    rows = summarize_rows(given, np.full((7, 3), 1 / 3))
    found = dict(class_rows(rows, np.array([1, 1, 1]), 1))
    assert set(found) == {0, 2}
    np.testing.assert_array_equal(found[0], [2, 5])
    np.testing.assert_array_equal(found[2], [0, 3, 6])
    assert dict(class_rows(rows, np.array([1, 1, 0]), 2)) == {}


@pytest.mark.parametrize(
    ("chunk_cells", "block_cells"), [(1, 64), (500, 64), (1 << 21, 64), (1 << 21, 1 << 18)]
)
@pytest.mark.parametrize("spare", [0, 20, 1 << 18])
@pytest.mark.parametrize("decimals", [1, 2, 16])
@pytest.mark.parametrize("n_members", [3, 40, 129, 700])
def test_largest_margins_equal_sorting_each_column(
    monkeypatch, chunk_cells, block_cells, spare, decimals, n_members
):
    monkeypatch.setattr(pruning, "CHUNK_CELLS", chunk_cells)
    monkeypatch.setattr(validation, "BLOCK_CELLS", block_cells)
    monkeypatch.setattr(pruning, "SPARE", spare)
    rng = np.random.default_rng(n_members)
    probs = rng.dirichlet(np.full(5, 0.5), 1_000).round(decimals)
    members = np.sort(rng.choice(1_000, n_members, replace=False))
    for most in (1, 4, n_members // 32, n_members // 3, n_members, 2 * n_members):
        counts = rng.integers(0, most + 1, 5)
        counts[2] = 0
        np.testing.assert_array_equal(
            largest_margins(probs, members, 2, counts), by_sorting(probs, members, 2, counts)
        )


def test_equal_margins_take_the_first_rows():
    probs = np.full((500, 3), 1 / 3)
    members = np.arange(100, 500)
    for count in (1, 7, 50, 399):
        chosen = largest_margins(probs, members, 0, np.array([0, count, 0]))
        np.testing.assert_array_equal(np.flatnonzero(chosen), np.arange(count))
