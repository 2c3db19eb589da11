"""ADELE: the curve of a class, when it is due, and which rows give way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.methods import adele

K = 3
NOISE = 0.7 * np.eye(K) + 0.1
EXACT = (0.8, 0.6, 2.0)


def curve(n_epochs, a=0.8, b=0.6, c=2.0):
    return a * (1 - np.exp(-(np.arange(1, n_epochs + 1) ** b) / c))


def test_the_fit_finds_the_curve_that_it_was_made_of():
    np.testing.assert_allclose(adele.fit_curve(curve(12)), EXACT, atol=1e-3)


def test_the_slope_is_the_curves():
    step = 1e-6
    found = [a * (1 - np.exp(-((3.0 + s) ** b) / c)) for s in (step, -step) for a, b, c in [EXACT]]
    assert adele.slope(3.0, *EXACT) == pytest.approx((found[0] - found[1]) / (2 * step), rel=1e-5)


def test_a_class_is_due_when_its_rise_has_slowed_down():
    first = adele.slope(1.0, *EXACT)
    slow = [x for x in range(1, 60) if adele.slope(float(x), *EXACT) <= 0.1 * first]
    assert adele.is_due(curve(slow[0]), 0.9)
    assert not adele.is_due(curve(slow[0] - 1), 0.9)
    assert adele.is_due(curve(slow[0] - 1), 0.7)


def test_too_few_epochs_and_a_flat_curve_are_never_due():
    assert not adele.is_due(curve(3), 0.0)
    assert not adele.is_due(np.full(20, 0.4), 0.5)
    assert not adele.is_due(np.zeros(20), 0.5)


def test_overlap_counts_rows_of_either():
    given = np.array([0, 0, 0, 1, 1, -1])
    predicted = np.array([0, 0, 1, 1, 0, 2])
    np.testing.assert_allclose(adele.overlaps(given, predicted, 3), [2 / 4, 1 / 3, 0])


def test_the_surest_rows_between_classes_that_are_due_give_way():
    given = np.array([0, 0, 0, 0, 1, 1, 2, -1])
    probs = np.array(
        [
            [0.1, 0.9, 0.0],
            [0.2, 0.8, 0.0],
            [0.1, 0.0, 0.9],
            [0.9, 0.1, 0.0],
            [0.7, 0.3, 0.0],
            [0.1, 0.9, 0.0],
            [0.9, 0.1, 0.0],
            [0.9, 0.1, 0.0],
        ]
    )
    both, rates = np.array([True, True, False]), np.array([0.5, 0.5, 1.0])
    chosen = [
        np.flatnonzero(adele.rows_to_correct(given, probs, *a)).tolist()
        for a in (
            (both, rates),
            (both, np.array([0.25, 0, 1])),
            (np.array([True, False, False]), rates),
        )
    ]
    assert chosen == [[0, 1, 4], [0], []]


def test_targets_give_way_class_by_class_and_go_on_from_the_given_ones(make_problem):
    problem = make_problem(NOISE, n_rows=200)
    data = replace(problem.data, p_error=np.ones(200))
    objective = adele.Corrected(data, adele.Params(epochs=40), "cpu")
    given = objective.targets.clone()
    shown = torch.tensor(4.0 * np.eye(K)[problem.true_labels], dtype=torch.float32)[None]
    objective.start_epoch(1, lambda: shown)
    assert (objective.targets == given).all()
    objective.due[0] = objective.due[1] = 1
    objective.start_epoch(2, lambda: shown)
    moved = (objective.targets.argmax(1) != given.argmax(1)).numpy()
    between = (data.given_labels < 2) & (problem.true_labels < 2)
    wanted = between & (data.given_labels != problem.true_labels)
    np.testing.assert_array_equal(moved, wanted)
    objective.start_epoch(3, lambda: torch.log(given + 1e-3)[None])
    assert (objective.targets == given).all()


def test_options_out_of_range():
    with pytest.raises(UsageError):
        adele.Params(ratio=1.5)
