import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.reporting.layout import layout, principal_components


def unit_rows(n_rows: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n_rows, dimension)).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 10, 49, 50, 60])
def test_every_row_has_a_place_however_few_there_are(n_rows):
    places = layout(unit_rows(n_rows))
    assert places.shape == (n_rows, 2)
    assert np.isfinite(places).all()


def test_the_same_rows_have_the_same_places_and_groups_stay_together():
    centres = unit_rows(3, seed=1)
    group = np.repeat(np.arange(3), 60)
    rows = centres[group] + 0.1 * unit_rows(180, seed=2)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    places = layout(rows)
    assert np.array_equal(places, layout(rows))
    squares = ((places[:, None] - places[None]) ** 2).sum(-1)
    np.fill_diagonal(squares, np.inf)
    assert (group[squares.argmin(1)] == group).mean() > 0.95


def test_rows_beyond_the_landmarks_lie_between_them():
    places = layout(unit_rows(3200))
    assert places.shape == (3200, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) > 3000


@pytest.mark.slow
@given(n_rows=st.integers(0, 80), dimension=st.integers(1, 5))
def test_equal_texts_are_no_trouble(n_rows, dimension):
    rows = np.ones((n_rows, dimension), np.float32) / np.sqrt(dimension)
    assert np.isfinite(layout(rows)).all()


def test_components_are_those_of_the_covariance():
    rows = unit_rows(200)
    found = principal_components(rows, 2)
    centred = rows - rows.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    expected = centred @ axes[:2].T
    assert np.allclose(np.abs(found), np.abs(expected), atol=1e-3)
