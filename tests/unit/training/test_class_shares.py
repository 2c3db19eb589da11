from __future__ import annotations

from dataclasses import replace

import numpy as np

from noisefix.training.class_shares import MAX_FACTOR, class_weights, estimated_shares, given_shares

COLLAPSE = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])


def test_classes_given_too_often_weigh_less_and_the_mean_stays_one(make_problem):
    data = make_problem(COLLAPSE, n_rows=3000).data
    weights = class_weights(data, 1.0)
    assert weights[0] < 1 < min(weights[1:])
    np.testing.assert_allclose((weights * given_shares(data)).sum(), 1)
    hedged = class_weights(data, 0.5)
    assert weights[0] < hedged[0] < 1
    np.testing.assert_allclose(class_weights(data, 0.0), 1)


def test_shares_that_the_user_knows_come_first(make_problem):
    data = replace(make_problem(COLLAPSE).data, class_shares=np.array([2.0, 1.0, 1.0]))
    assert estimated_shares(data).tolist() == [0.5, 0.25, 0.25]


def test_without_estimates_nothing_is_corrected(make_problem):
    data = replace(make_problem(COLLAPSE).data, true_label_probs=None)
    np.testing.assert_allclose(class_weights(data, 1.0), 1)


def test_weights_are_bounded_and_absent_classes_have_one(make_problem):
    data = make_problem(np.eye(3), shares=[0.7, 0.3, 0.0]).data
    data = replace(data, class_shares=np.array([0.001, 0.5, 0.499]))
    weights = class_weights(data, 1.0)
    assert weights[2] == 1
    assert weights[1] / weights[0] <= MAX_FACTOR**2 + 1e-9
