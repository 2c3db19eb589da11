"""The order of the rows to mark: fair within each kind, wherever the person stops."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from noisefix.auditing.sample import DISPUTED, FLAGGED, LEFT_OUT, UNFLAGGED, draw_order, kinds_of


def test_half_of_every_six_rows_look_right():
    kinds = np.repeat([UNFLAGGED, FLAGGED, DISPUTED], [100, 40, 10])
    order = draw_order(kinds, 30, seed=3)
    for start in range(0, 30, 6):
        assert np.bincount(kinds[order[start : start + 6]]).tolist() == [3, 2, 1]


@given(st.lists(st.integers(LEFT_OUT, DISPUTED), max_size=40), st.integers(0, 50))
def test_every_row_comes_once_and_a_longer_sample_continues_a_shorter(kinds, n_rows):
    kinds = np.array(kinds, dtype=np.int64)
    whole = draw_order(kinds, 100, seed=1)
    assert sorted(whole) == np.flatnonzero(kinds != LEFT_OUT).tolist()
    assert draw_order(kinds, n_rows, seed=1).tolist() == whole[:n_rows].tolist()


def test_rows_of_a_kind_are_equally_probable():
    kinds = np.repeat([UNFLAGGED, FLAGGED], [20, 10])
    hits = sum(np.bincount(draw_order(kinds, 12, seed), minlength=30) for seed in range(2_000))
    assert np.allclose(hits[:20] / 2_000, 6 / 20, atol=0.05)
    assert np.allclose(hits[20:] / 2_000, 6 / 10, atol=0.05)


def test_a_disputed_row_is_that_whether_flagged_or_not():
    flagged = np.array([True, True, False, False])
    disputed = np.array([True, False, True, False])
    drawn_from = np.array([True, True, True, False])
    assert kinds_of(flagged, disputed, drawn_from).tolist() == [
        DISPUTED,
        FLAGGED,
        DISPUTED,
        LEFT_OUT,
    ]
