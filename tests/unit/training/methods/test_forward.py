"""Forward correction: its loss, its two matrices, and that it undoes a known noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import ce, forward
from noisefix.training.objective import Batch
from noisefix.training.targets import one_hot

K = 3
ONE_WAY = np.array([[0.55, 0.45, 0.0], [0.0, 1.0, 0.0], [0.0, 0.3, 0.7]])


def test_the_loss_is_the_given_labels_likelihood(make_problem):
    data = make_problem(ONE_WAY, n_rows=40).data
    objective = forward.Forward(data, forward.Params(), "cpu")
    logits = np.random.default_rng(0).normal(size=(1, 40, K))
    batch = Batch(torch.arange(40), torch.zeros(40, 1), torch.tensor(logits), 1.0, None, None)
    matrix = forward.transition_matrix(data, "detect")
    probs = softmax(logits[0], axis=1) @ matrix
    wanted = -np.log(probs[np.arange(40), data.given_labels])
    np.testing.assert_allclose(objective.row_losses(batch)[0], wanted, rtol=1e-5)


def test_detects_matrix_counts_what_is_believed_against_what_was_given(make_problem):
    problem = make_problem(ONE_WAY, n_rows=4000)
    known = problem.with_data(true_label_probs=one_hot(problem.true_labels, K))
    found = forward.transition_matrix(known.data, "detect")
    np.testing.assert_allclose(found, ONE_WAY, atol=0.03)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found > 0).all()


def test_near_rows_tell_the_same_matrix(make_problem):
    data = make_problem(ONE_WAY, n_rows=3000, spread=0.1).data
    found = forward.transition_matrix(replace(data, true_label_probs=None), "hoc")
    np.testing.assert_allclose(found, ONE_WAY, atol=0.06)


def test_without_noise_it_is_cross_entropy(make_problem):
    problem = make_problem(np.eye(K), n_rows=3000, spread=0.4)
    clean = problem.with_data(true_label_probs=one_hot(problem.true_labels, K))
    ours, plain = (
        finish(m.fit(clean.data, m.Params(epochs=5, penalty=0.1), seed=0, device="cpu"))
        for m in (forward, ce)
    )
    gap = ours.predict_probs(clean.test_features) - plain.predict_probs(clean.test_features)
    assert np.abs(gap).max() < 0.02


def test_it_undoes_noise_that_has_a_direction(make_problem):
    problem = make_problem(ONE_WAY, n_rows=1500, spread=0.5)
    known = problem.with_data(true_label_probs=one_hot(problem.true_labels, K))
    ours, plain = (
        known.accuracy(finish(m.fit(known.data, m.Params(epochs=15), seed=0, device="cpu")))
        for m in (forward, ce)
    )
    assert ours > plain + 0.05


def test_near_rows_that_tell_nothing_are_said(make_problem):
    data = make_problem(ONE_WAY, n_rows=30).data
    with pytest.raises(DataError, match="fewer than 100 rows"):
        forward.transition_matrix(data, "hoc")
    with pytest.raises(UsageError, match="magic"):
        forward.Params(transition="magic")
    with pytest.raises(DataError, match="--method forward needs true_label_probs"):
        forward.transition_matrix(replace(data, true_label_probs=None), "detect")
