"""The noise sweep in closed form: against sampling, hand arithmetic, and certain beliefs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.metrics.prevalence import (
    accuracies,
    accuracy_at,
    beliefs,
    crossing,
    removed_share,
    sweep_points,
)


def made(n_right=90, n_wrong=10, on_right=(0.9, 0.8), on_wrong=(0.2, 0.6), memorised=(0.7, 0.1)):
    """Rows of three classes on which two models have these accuracies exactly."""
    given_labels = np.zeros(n_right + n_wrong, int)
    right_labels = np.r_[np.zeros(n_right, int), np.ones(n_wrong, int)]
    predicted = np.full((len(given_labels), len(on_right)), 2)
    for m, (a_r, a_e, mem) in enumerate(zip(on_right, on_wrong, memorised, strict=True)):
        predicted[: round(a_r * n_right), m] = 0
        hits, repeats = round(a_e * n_wrong), round(mem * n_wrong)
        predicted[n_right : n_right + hits, m] = 1
        predicted[n_right + hits : n_right + hits + repeats, m] = 0
    return given_labels, predicted, right_labels


def test_accuracies_are_those_counted_by_hand():
    found = accuracies(beliefs(*made()))
    assert (found.right, found.wrong) == (90, 10)
    assert found.on_right == pytest.approx([0.9, 0.8])
    assert found.on_wrong == pytest.approx([0.2, 0.6])
    assert found.memorised == pytest.approx([0.7, 0.1])
    assert found.given == pytest.approx([(81 + 7) / 100, (72 + 1) / 100])
    assert found.corrected == pytest.approx([(81 + 2) / 100, (72 + 6) / 100])


def test_two_models_cross_where_hand_arithmetic_says():
    found = accuracies(beliefs(*made()))
    share = crossing(found, 0, 1)
    assert share == pytest.approx(0.1 / (0.1 + 0.4))  # lead on right rows, and on wrong ones
    one, other = accuracy_at(float(share), found)
    assert one == pytest.approx(other)
    removed = removed_share(float(share), 90, 10)
    assert removed == pytest.approx(1 - 10 * 0.8 / (0.2 * 90))
    left = (1 - removed) * 90
    assert (left * 0.9 + 10 * 0.2) / (left + 10) == pytest.approx(
        (left * 0.8 + 10 * 0.6) / (left + 10)
    )


def test_models_equal_on_right_rows_meet_only_where_no_label_is_wrong():
    found = accuracies(beliefs(*made(on_right=(0.8, 0.8))))
    assert np.isnan(crossing(found, 0, 1))
    assert accuracy_at(0.0, found)[0] == accuracy_at(0.0, found)[1]
    assert accuracy_at(0.3, found)[0] < accuracy_at(0.3, found)[1]


def test_closed_form_agrees_with_taking_rows_out():
    labels, predicted, right = made(900, 100)
    known = beliefs(labels, predicted, right)
    found = accuracies(known)
    generator = np.random.default_rng(0)
    for share in sweep_points(900, 100)[[2, 6, 10]]:
        n_kept = round((1 - removed_share(float(share), 900, 100)) * 900)
        drawn = []
        for _ in range(400):
            rows = np.r_[generator.choice(900, n_kept, replace=False), np.arange(900, 1000)]
            drawn.append((predicted[rows] == right[rows, None]).mean(axis=0))
        error = np.std(drawn, axis=0) / 20
        assert np.all(np.abs(np.mean(drawn, axis=0) - accuracy_at(float(share), found)) < 4 * error)


def test_a_sweep_needs_right_and_wrong_rows():
    assert sweep_points(100, 0).size == 0
    assert sweep_points(0, 5).size == 0
    assert sweep_points(10, 30).tolist() == [0.75]
    points = sweep_points(90, 10)
    assert (points[0], points[-1], len(points)) == (0.1, 0.5, 11)
    assert removed_share(0.1, 90, 10) == pytest.approx(0)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.integers(2, 5),
    st.integers(1, 4),
)
def test_certain_probabilities_are_labels(seed, n_rows, n_classes, n_models):
    generator = np.random.default_rng(seed)
    given_labels, right = generator.integers(0, n_classes, (2, n_rows))
    predicted = generator.integers(-1, n_classes, (n_rows, n_models))
    hard = accuracies(beliefs(given_labels, predicted, right))
    soft = accuracies(beliefs(given_labels, predicted, np.eye(n_classes)[right]))
    for name in ("given", "corrected", "on_right", "on_wrong", "memorised"):
        np.testing.assert_allclose(getattr(hard, name), getattr(soft, name))
    np.testing.assert_allclose(hard.corrected, (predicted == right[:, None]).mean(axis=0))
    np.testing.assert_allclose(hard.given, (predicted == given_labels[:, None]).mean(axis=0))


def test_expected_accuracy_is_the_mean_probability_of_what_is_predicted():
    probs = np.random.default_rng(1).dirichlet(np.ones(4), 50)
    predicted = np.random.default_rng(2).integers(0, 4, (50, 2))
    found = accuracies(beliefs(probs.argmax(axis=1), predicted, probs))
    rows = np.arange(50)
    expected = [probs[rows, predicted[:, m]].mean() for m in range(2)]
    assert found.corrected == pytest.approx(expected)
