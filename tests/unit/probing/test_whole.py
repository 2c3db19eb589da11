"""The verdict on the whole: clean, some, many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.probability import Interval
from noisefix.probing.whole import CLEAN, MANY, SOME, judge_whole

LEVELS = (CLEAN, SOME, MANY)


@pytest.mark.parametrize(
    ("value", "low", "flagged", "verdict"),
    [
        (0.0, 0.0, 0.0, CLEAN),
        (0.015, 0.002, 0.001, CLEAN),
        (0.015, 0.002, 0.03, SOME),  # so many flags are not clean
        (0.04, 0.005, 0.0, SOME),  # nothing flagged, but one in 25 may be wrong
        (0.035, 0.025, 0.01, SOME),  # few, but surely some
        (0.12, 0.06, 0.12, SOME),
        (0.3, 0.02, 0.3, SOME),  # it may be next to nothing
        (0.3, 0.1, 0.3, MANY),
        (0.3, 0.1, 0.0, MANY),
    ],
)
def test_the_three_levels(value, low, flagged, verdict):
    assert judge_whole(Interval(value, low, 1.0), flagged) == verdict


shares = st.floats(0, 1)


@given(shares, shares, shares, shares, shares)
def test_more_noise_never_makes_a_better_verdict(value, low, flagged, more, more_low):
    before = judge_whole(Interval(value, min(low, value), 1.0), flagged)
    noisier = min(value + more, 1.0)
    low_then = min(max(min(low, value), more_low), noisier)
    after = judge_whole(Interval(noisier, low_then, 1.0), max(flagged, more))
    assert LEVELS.index(after) >= LEVELS.index(before)
