"""Labels ruled out: closed forms, certainty, errors, and what the verified rows tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.probing.complementary import (
    Rejections,
    answers_worth_a_label,
    complementary_matrix,
    count_answers,
)


def weighed(probs, rows, labels, matrix):
    after = np.array(probs, float)
    changed = Rejections(np.array(rows), np.array(labels), matrix).weigh(after)
    return after, changed


@given(st.integers(2, 60), st.floats(0, 0.5))
def test_one_answer_divides_the_odds_as_its_error_says(n_classes, error):
    matrix = complementary_matrix(n_classes, error)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(n_classes))
    before = np.random.default_rng(n_classes).dirichlet(np.ones(n_classes), 1)
    after, changed = weighed(before, [0], [1], matrix)
    assert changed.tolist() == [0]
    rest = np.delete(np.arange(n_classes), 1)
    assert after[0, 1] * before[0, 0] * (1 - error) == pytest.approx(
        after[0, 0] * before[0, 1] * error
    )
    assert after[0, rest] / after[0, rest].sum() == pytest.approx(
        before[0, rest] / before[0, rest].sum()
    )


def test_all_but_one_ruled_out_for_certain_leaves_that_one():
    for n_classes in (2, 5, 77):
        start = np.full((1, n_classes), 1 / n_classes)
        labels = np.arange(n_classes - 1)
        matrix = complementary_matrix(n_classes, 0.0)
        after, _ = weighed(start, np.zeros(n_classes - 1, int), labels, matrix)
        assert after[0].tolist() == [0.0] * (n_classes - 1) + [1.0]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(1e-6, 0.99))
def test_an_answer_that_may_be_wrong_makes_nothing_impossible(labels, error):
    after, _ = weighed([[0.2] * 5], [0] * len(labels), labels, complementary_matrix(5, error))
    assert np.isfinite(after).all()
    assert after.sum() == pytest.approx(1)
    if len(labels) < 20:
        assert (after > 0).all()


def test_order_and_repetition():
    matrix = complementary_matrix(4)
    start = [[0.1, 0.2, 0.3, 0.4], [0.25] * 4]
    one, _ = weighed(start, [0, 1, 0], [3, 2, 1], matrix)
    other, _ = weighed(start, [0, 0, 1], [1, 3, 2], matrix)
    np.testing.assert_allclose(one, other)
    twice, _ = weighed(start, [0, 0], [3, 3], matrix)
    once, _ = weighed(start, [0], [3], matrix)
    assert twice[0, 3] < once[0, 3]


def test_where_everything_is_ruled_out_nothing_is_known():
    start = [[0.3, 0.7], [0.5, 0.5]]
    after, changed = weighed(start, [0, 0, 1], [0, 1, 0], complementary_matrix(2, 0.0))
    assert after.tolist() == [[0.3, 0.7], [0.0, 1.0]]
    assert changed.tolist() == [1]


def test_with_two_classes_a_rejection_is_an_answer():
    after, _ = weighed([[0.5, 0.5]], [0], [0], complementary_matrix(2, 0.04))
    assert after[0] == pytest.approx([0.04, 0.96])


def test_verified_rows_estimate_the_matrix():
    generator = np.random.default_rng(0)
    uneven = np.array([[0, 0.8, 0.2], [0.5, 0, 0.5], [0.1, 0.9, 0]])
    true_matrix = 0.9 * uneven + 0.1 * np.eye(3)
    verified = generator.integers(0, 3, 6000)
    labels = np.array([generator.choice(3, p=true_matrix[k]) for k in verified])
    counts = count_answers(np.arange(6000), labels, verified, 3)
    np.testing.assert_allclose(complementary_matrix(3, counts=counts), true_matrix, atol=0.03)
    few = count_answers(np.arange(49), labels[:49], verified, 3)
    np.testing.assert_array_equal(complementary_matrix(3, counts=few), complementary_matrix(3))
    unknown = np.where(verified == 1, -1, verified)
    assert count_answers(np.arange(6000), labels, unknown, 3)[1].sum() == 0


@pytest.mark.parametrize("n_classes", [2, 3, 10, 77])
def test_what_a_rejection_is_worth(n_classes):
    assert answers_worth_a_label(n_classes) == pytest.approx(
        math.log(n_classes) / math.log(n_classes / (n_classes - 1))
    )
    assert answers_worth_a_label(n_classes, 0.04) > answers_worth_a_label(n_classes)
