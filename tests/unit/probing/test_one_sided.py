"""Noise in one direction: the odds of rows that somebody looked at fall, the others stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.probability import log_odds
from noisefix.probing.one_sided import trust_what_was_looked_at
from noisefix.probing.readings import CALIBRATIONS, Read

LOOKED_AT = np.array([True, False, True, False])


def readings() -> Read:
    rng = np.random.default_rng(0)
    return Read(
        rng.normal(size=4), rng.normal(size=(4, 2)), rng.random((4, 2)), CALIBRATIONS["unknown"]
    )


@given(st.floats(1, 1e6))
def test_the_odds_are_divided_in_the_mixture_and_in_both_readings(one_sided):
    before = readings()
    after = trust_what_was_looked_at(before, LOOKED_AT, one_sided)
    np.testing.assert_allclose(np.exp(before.base - after.base)[LOOKED_AT], one_sided)
    fall = (log_odds(before.only) - log_odds(after.only))[LOOKED_AT]
    expected = np.minimum(
        np.log(one_sided), log_odds(before.only)[LOOKED_AT] - log_odds(np.zeros(1))
    )
    np.testing.assert_allclose(fall, expected, atol=1e-6)


def test_rows_that_nobody_looked_at_and_what_is_learned_from_stay():
    before = readings()
    after = trust_what_was_looked_at(before, LOOKED_AT)
    np.testing.assert_array_equal(after.base[~LOOKED_AT], before.base[~LOOKED_AT])
    np.testing.assert_allclose(after.only[~LOOKED_AT], before.only[~LOOKED_AT])
    np.testing.assert_array_equal(after.inputs, before.inputs)
    assert after.calibration == before.calibration


def test_one_changes_nothing():
    before = readings()
    after = trust_what_was_looked_at(before, LOOKED_AT, 1.0)
    np.testing.assert_array_equal(after.base, before.base)
    assert after.only == pytest.approx(before.only)
