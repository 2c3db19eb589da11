import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.detection.gates import NoiseRate
from noisefix.detection.settled_rate import settled_rate

RATE = NoiseRate(0.3, 0.2, 0.4)
shares = st.floats(0, 1)


def test_rows_that_a_person_keeps_lower_it():
    before = np.array([0.9, 0.1, 0.1, 0.1, np.nan])
    after = np.array([0.0, 0.1, 0.1, 0.1, np.nan])
    found = settled_rate(RATE, before, after, np.array([True, False, False, False, False]))
    assert found == NoiseRate(pytest.approx(0.075), 0.0, pytest.approx(0.175))


def test_a_row_that_belongs_to_no_class_is_wrong():
    before, after = np.array([0.5, 0.1]), np.array([np.nan, 0.1])
    found = settled_rate(RATE, before, after, np.array([True, False]))
    assert found == NoiseRate(pytest.approx(0.55), 0.5, pytest.approx(0.65))


def test_all_decided_is_all_known():
    before, after = np.full(4, 0.3), np.array([0.0, 1.0, 0.0, 0.0])
    found = settled_rate(RATE, before, after, np.ones(4, bool))
    assert found == NoiseRate(0.25, 0.25, 0.25)
    nothing = np.full(2, np.nan)
    assert settled_rate(RATE, nothing, nothing, np.zeros(2, bool)) == RATE


@given(st.lists(st.tuples(shares, shares, st.booleans()), min_size=1), shares, shares, shares)
def test_it_stays_an_interval_within_what_is_possible(rows, a, b, c):
    low, estimate, high = sorted((a, b, c))
    before, after, known = (np.array(column) for column in zip(*rows, strict=True))
    after = np.where(known, np.round(after), after)
    found = settled_rate(NoiseRate(estimate, low, high), before, after, known.astype(bool))
    assert found.low <= found.estimate <= found.high
    wrong = (after * known).sum() / len(rows)
    assert wrong - 1e-9 <= found.low
    assert found.high <= wrong + (~known.astype(bool)).mean() + 1e-9
