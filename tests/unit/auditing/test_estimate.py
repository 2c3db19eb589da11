"""What a marked sample says: known intervals, edges, and how often they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.auditing.estimate import Stratum, found_share, width_after, wrong_share


@pytest.mark.parametrize("tie", [0.0, 0.5, 0.99])
def test_no_error_seen_is_no_proof_that_there_is_none_whatever_chance_says(tie):
    share = wrong_share([Stratum(1_000_000, 15, 0, tie=tie)])
    assert share.value == share.low == 0
    assert share.high == pytest.approx(1 - 0.1 ** (1 / 15), abs=0.002)
    whole = wrong_share([Stratum(1_000_000, 15, 15, tie=tie)])
    assert (whole.low, whole.high) == pytest.approx((0.1 ** (1 / 15), 1), abs=0.002)


def test_a_kind_of_which_nothing_is_marked_may_be_all_wrong_or_none():
    share = wrong_share([Stratum(500, 10, 5), Stratum(500, 0, 0, True)])
    assert share.low < 0.2
    assert share.high > 0.8


def test_a_stratum_marked_whole_is_known():
    share = wrong_share([Stratum(40, 40, 10), Stratum(60, 60, 0)])
    assert (share.low, share.value, share.high) == pytest.approx((0.1, 0.1, 0.1))


def test_nothing_marked_says_nothing():
    assert wrong_share([Stratum(10, 0, 0)]) is None
    assert found_share([Stratum(10, 5, 0)]) is None
    assert width_after([Stratum(10, 0, 0)], [5]) == 1.0


def test_strata_are_weighed_by_their_rows():
    share = wrong_share([Stratum(900, 15, 0), Stratum(100, 10, 5, is_flagged=True)])
    assert share.value == pytest.approx(0.05)
    assert share.low < 0.05 < share.high
    assert found_share([Stratum(900, 15, 3), Stratum(100, 10, 5, True)]).value == pytest.approx(
        50 / 230
    )


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.floats(0, 1))
def test_an_interval_holds_its_value_and_what_is_possible(rows, marked, wrong, tie):
    marked = min(marked, rows)
    wrong = min(wrong, marked)
    share = wrong_share([Stratum(rows, marked, wrong, tie=tie)])
    if not marked:
        assert share is None
        return
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.high * rows <= rows - marked + wrong + 1e-6


def test_more_rows_narrow_it_and_all_of_them_leave_nothing():
    strata = [Stratum(500, 15, 1), Stratum(100, 10, 5, True)]
    now = wrong_share(strata).width
    assert 0 < width_after(strata, [10, 10]) < now
    assert width_after(strata, [485, 90]) == 0
    assert width_after(strata, [0, 0]) == pytest.approx(now)


def test_nine_intervals_of_ten_hold():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(1_000):
        wrong = int(rng.hypergeometric(60, 60, 12))
        share = wrong_share([Stratum(120, 12, wrong, tie=float(rng.random()))])
        held += share.low - 1e-9 <= 0.5 <= share.high + 1e-9
    assert 0.88 <= held / 1_000 <= 0.92
