"""Class shares with a labeller's errors taken out: formulas, coverage, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.metrics.shares import by_label, indistinct_classes, rogan_gladen

TWO = np.array([0.9, 0.1]), np.array([[0.95, 0.05], [0.2, 0.8]])
THREE = np.array([0.5, 0.3, 0.2]), np.array([[0.85, 0.1, 0.05], [0.1, 0.8, 0.1], [0.05, 0.25, 0.7]])
FIVE = np.array([0.4, 0.25, 0.15, 0.12, 0.08]), 0.8 * np.eye(5) + 0.2 / 5
DRAWS = 300


def sample(case, n, n_rest, rng):
    shares, confusion = case
    cells = shares[:, None] * confusion
    counts = rng.multinomial(n, cells.ravel()).reshape(cells.shape)
    return counts, rng.multinomial(n_rest, cells.sum(axis=0))


def test_two_classes_follow_the_formula_of_rogan_and_gladen():
    counts, rest = np.array([[90, 10], [8, 42]]), np.array([600, 250])
    said = (52 + 250) / (150 + 850)
    sensitivity, specificity = 42 / 50, 90 / 100
    expected = (said + specificity - 1) / (sensitivity + specificity - 1)
    found = rogan_gladen(counts, rest)
    assert found.shares[1] == pytest.approx(expected, abs=1e-5)
    assert found.low[1] < expected < found.high[1]


def test_two_classes_stay_between_0_and_1():
    counts, rest = np.array([[80, 20], [5, 45]]), np.array([990, 10])
    found = rogan_gladen(counts, rest)  # fewer are called the second class than are by mistake
    assert found.shares == pytest.approx([1, 0], abs=1e-3)
    assert ((found.low >= 0) & (found.high <= 1)).all()


def test_more_classes_solve_the_linear_system_where_its_solution_is_a_distribution():
    counts = np.array([[80, 10, 5], [8, 60, 9], [2, 12, 50]])
    rest = np.array([300, 350, 200])
    confusion = counts / counts.sum(axis=1, keepdims=True)
    said = (counts.sum(axis=0) + rest) / (counts.sum() + rest.sum())
    expected = np.linalg.solve(confusion.T, said)
    assert (expected > 0).all()
    assert rogan_gladen(counts, rest).shares == pytest.approx(expected, abs=1e-4)


def test_outside_of_the_simplex_the_likeliest_shares_in_it_are_taken():
    from scipy.optimize import minimize

    counts = np.array([[80, 10, 10], [20, 60, 20], [30, 30, 40]])
    rest = np.array([700, 200, 20])
    confusion = counts / counts.sum(axis=1, keepdims=True)
    said = (counts.sum(axis=0) + rest) / (counts.sum() + rest.sum())
    assert (np.linalg.solve(confusion.T, said) < 0).any()
    found = minimize(
        lambda shares: -(said * np.log(shares @ confusion)).sum(),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1},
        method="SLSQP",
    )
    assert rogan_gladen(counts, rest).shares == pytest.approx(found.x, abs=5e-3)


def test_by_label_weighs_what_each_label_really_is():
    counts, rest = np.array([[40, 5], [10, 45]]), np.array([500, 400])
    found = by_label(counts, rest)
    said = np.array([550, 450]) / 1000
    assert found.shares[0] == pytest.approx(said[0] * 40 / 50 + said[1] * 5 / 50)
    assert found.shares.sum() == pytest.approx(1)


def test_a_labeller_without_errors_is_left_as_it_is():
    counts, rest = np.diag([30, 20, 10]), np.array([300, 300, 400])
    said = (counts.sum(axis=0) + rest) / (60 + 1000)
    for estimate in (by_label, rogan_gladen):
        assert estimate(counts, rest).shares == pytest.approx(said, abs=1e-6)


def test_a_label_that_no_row_with_a_truth_has_is_taken_as_right_and_hardly_known():
    counts, rest = np.diag([30, 20, 0]), np.array([100, 100, 100])
    found = by_label(counts, rest)
    assert found.shares[2] == pytest.approx(100 / 350)
    assert found.high[2] - found.low[2] > 0.2
    assert np.isnan(rogan_gladen(counts, rest).shares).tolist() == [False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("estimate", [by_label, rogan_gladen])
@pytest.mark.parametrize("case", [TWO, THREE, FIVE], ids=["two", "three", "five"])
def test_intervals_hold_what_they_promise(estimate, case):
    rng = np.random.default_rng(3)
    covered = []
    for draw in range(DRAWS):
        found = estimate(*sample(case, 200, 1800, rng), seed=draw, n_draws=500)
        covered.append((found.low <= case[0]) & (case[0] <= found.high))
    assert 0.86 <= np.mean(covered) <= 0.94


def test_by_label_is_narrower_where_rows_are_drawn_at_random():
    counts, rest = sample(THREE, 200, 1800, np.random.default_rng(0))
    one, other = by_label(counts, rest), rogan_gladen(counts, rest)
    assert (one.high - one.low).sum() < 0.8 * (other.high - other.low).sum()


def test_rogan_gladen_holds_where_rows_are_drawn_class_by_class():
    rng = np.random.default_rng(1)
    shares, confusion = TWO
    counts = np.stack([rng.multinomial(2000, confusion[k]) for k in range(2)])
    rest = rng.multinomial(40_000, shares @ confusion) - counts.sum(axis=0)
    assert rogan_gladen(counts, rest).shares == pytest.approx(shares, abs=0.02)
    assert abs(by_label(counts, rest).shares - shares).max() > 0.1


def test_same_seed_same_interval():
    counts, rest = sample(FIVE, 100, 900, np.random.default_rng(0))
    one, other, third = (rogan_gladen(counts, rest, seed) for seed in (0, 0, 1))
    assert (one.low == other.low).all()
    assert (one.low != third.low).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=9, max_size=9), st.permutations(range(3)))
def test_class_order_changes_nothing_and_shares_sum_to_1(cells, order):
    counts = np.array(cells).reshape(3, 3) + np.eye(3, dtype=int)
    rest = np.array([50, 70, 90])
    order = np.array(order)
    for estimate in (by_label, rogan_gladen):
        plain = estimate(counts, rest, n_draws=50)
        turned = estimate(counts[np.ix_(order, order)], rest[order], n_draws=50)
        assert turned.shares == pytest.approx(plain.shares[order], abs=1e-4)
        assert plain.shares.sum() == pytest.approx(1)
        assert ((plain.low <= plain.shares) & (plain.shares <= plain.high)).all()


def test_classes_that_are_confused_like_one_another_are_named():
    confusion = np.array([[0.8, 0.1, 0.1], [0.1, 0.45, 0.45], [0.1, 0.45, 0.45]])
    rng = np.random.default_rng(0)
    case = np.array([0.4, 0.3, 0.3]), confusion
    found = [indistinct_classes(sample(case, 200, 0, rng)[0]) for _ in range(100)]
    assert np.mean([set(classes) == {1, 2} for classes in found]) > 0.9
    clear = [indistinct_classes(sample(THREE, 200, 0, rng)[0]) for _ in range(100)]
    assert np.mean([classes != () for classes in clear]) < 0.1


def test_a_single_class_is_told_apart():
    assert indistinct_classes(np.array([[9, 1], [0, 0]])) == ()
