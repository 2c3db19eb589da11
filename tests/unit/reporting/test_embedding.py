import numpy as np
import pytest

from noisefix.reporting.embedding import nearest_rows, neighbour_embedding


def groups(n_rows: int, n_groups: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    group = draw.integers(0, n_groups, n_rows)
    rows = draw.normal(size=(n_groups, 8))[group] + 0.15 * draw.normal(size=(n_rows, 8))
    return rows.astype(np.float32), group


def test_nearest_rows_are_those_of_all_distances():
    rows, _ = groups(1500)
    squares = ((rows[:, None] - rows[None]) ** 2).sum(-1)
    np.fill_diagonal(squares, np.inf)
    expected = np.sort(np.partition(squares, 4, axis=1)[:, :5], axis=1)
    found = np.take_along_axis(squares, nearest_rows(rows, 5), 1)
    assert np.allclose(np.sort(found, axis=1), expected, atol=1e-5)


@pytest.mark.parametrize("n_rows", [120, 900])  # all pairs, and pairs that are drawn
def test_groups_are_told_apart_and_neighbours_kept_better_than_by_components(n_rows):
    rows, group = groups(n_rows, 12)
    places = neighbour_embedding(rows)
    assert places.shape == (n_rows, 2)
    assert (group[nearest_rows(places, 1)[:, 0]] == group).mean() > 0.97
    assert kept(rows, places) > kept(rows, rows[:, :2])


def kept(rows: np.ndarray, places: np.ndarray) -> float:
    """Return the share of the 10 nearest rows that are among the 10 nearest places."""
    pairs = zip(nearest_rows(rows, 10), nearest_rows(places, 10), strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs])) / 10


def test_the_seed_alone_decides():
    rows, _ = groups(400)
    assert np.array_equal(neighbour_embedding(rows, 3), neighbour_embedding(rows, 3))
    assert not np.array_equal(neighbour_embedding(rows, 3), neighbour_embedding(rows, 4))


@pytest.mark.parametrize("rows", [np.ones((60, 3), np.float32), np.zeros((2, 2), np.float32)])
def test_rows_in_one_place_are_no_trouble(rows):
    assert np.isfinite(neighbour_embedding(rows)).all()
