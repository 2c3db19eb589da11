"""Which rows are flagged."""

import numpy as np
import pytest

from noisefix.probing.flags import FLOOR, flag_rows, perhaps_clean


def test_as_many_rows_are_flagged_as_give_the_largest_expected_f1():
    p = np.array([0.9, 0.8, 0.7, 0.45, 0.3, 0.1, 0.05, 0.02])
    total = p.sum()
    f1 = [2 * p[:n].sum() / (n + total) for n in range(1, len(p) + 1)]
    assert flag_rows(p).sum() == np.argmax(f1) + 1 == 4


def test_the_most_suspicious_rows_are_flagged_wherever_they_stand():
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 2, 500)
    flags = flag_rows(p)
    assert 0 < flags.sum() < 500
    assert p[flags].min() > p[~flags].max()


def test_never_more_than_the_expected_errors_and_none_below_the_floor():
    p = np.full(1000, 0.3) + np.linspace(0, 0.01, 1000)
    assert flag_rows(p).sum() == np.ceil(p.sum())
    assert not flag_rows(np.full(1000, FLOOR - 0.01)).any()
    assert flag_rows(np.append(np.full(1000, 0.01), 0.9)).sum() == 1


def test_many_expected_errors_are_never_no_flags():
    for rate in (0.26, 0.35, 0.6, 0.95):
        assert flag_rows(np.full(200, rate)).all()  # equals are not told apart


def test_data_that_are_perhaps_clean_get_fewer_flags():
    p = np.linspace(0, 0.6, 300)
    assert flag_rows(p).sum() > 20
    assert np.flatnonzero(flag_rows(p, is_perhaps_clean=True)).tolist() == list(range(294, 300))
    assert not flag_rows(
        np.full(300, 0.4), is_perhaps_clean=True
    ).any()  # equals are not told apart
    assert flag_rows(np.array([0.1, 0.9]), is_perhaps_clean=True).tolist() == [False, True]


def test_the_user_may_ask_for_a_precision_or_a_number():
    p = np.array([0.2, 0.9, 0.6, 0.8, 0.1])
    assert flag_rows(p, precision=0.8).tolist() == [False, True, False, True, False]
    assert flag_rows(p, precision=0.75).tolist() == [False, True, True, True, False]
    assert not flag_rows(p, precision=0.95).any()
    assert np.flatnonzero(flag_rows(p, top=1)).tolist() == [1]
    assert flag_rows(p, top=0).sum() == 0
    assert flag_rows(p, top=99).all()


def test_rows_without_a_probability_are_not_flagged():
    p = np.array([np.nan, 0.9, np.nan])
    assert flag_rows(p).tolist() == flag_rows(p, top=3).tolist() == [False, True, False]
    assert not flag_rows(np.array([np.nan])).any()
    assert flag_rows(np.array([])).shape == (0,)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(60), 1)
    order = rng.permutation(60)
    np.testing.assert_array_equal(flag_rows(p[order]), flag_rows(p)[order])
    np.testing.assert_array_equal(
        flag_rows(p[order], precision=0.7), flag_rows(p, precision=0.7)[order]
    )


def test_where_nobody_said_who_labelled_the_interval_has_to_begin_lower():
    assert perhaps_clean(0.015, "people")
    assert not perhaps_clean(0.015, "unknown")
    assert perhaps_clean(0.01, "unknown")
    assert not perhaps_clean(0.02, "rules")
