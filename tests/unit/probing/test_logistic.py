"""The solver: its gradient is that of its loss, and threads do not change the result."""

import numpy as np
import pytest

from noisefix.probing import logistic
from noisefix.probing.logistic import Problem, minimise
from noisefix.vectors import InMemory


def make_problem(n_rows=300, n_features=6, n_classes=3, n_folds=2, seed=0):
    rng = np.random.default_rng(seed)
    features = (rng.normal(size=(n_rows, n_features)) + 2).astype(np.float32)
    labels = rng.integers(0, n_classes, n_rows)
    weights = rng.random((n_rows, n_folds)).astype(np.float32)
    totals = np.stack([np.bincount(labels, weights[:, f], n_classes) for f in range(n_folds)])
    return Problem(InMemory(features), features.mean(axis=0), labels, weights, totals, penalty=0.7)


def test_gradient_matches_finite_differences():
    problem = make_problem()
    rng = np.random.default_rng(1)
    theta = rng.normal(scale=0.3, size=(7, 2, 3)).astype(np.float32)
    direction = rng.normal(size=theta.shape).astype(np.float32)
    _, gradient = logistic._loss_and_gradient(problem, theta)
    step = np.float32(1e-2)
    above, _ = logistic._loss_and_gradient(problem, theta + step * direction)
    below, _ = logistic._loss_and_gradient(problem, theta - step * direction)
    slope = (gradient * direction).sum(axis=(0, 2))
    np.testing.assert_allclose((above - below) / (2 * step), slope, rtol=2e-3)


def test_minimum_has_no_gradient_and_no_neighbour_is_lower():
    problem = make_problem()
    weights, intercepts = minimise(problem, max_iter=200, tol=1e-6)
    theta = np.concatenate([weights, (intercepts + problem.mean @ weights.swapaxes(0, 1))[None]])
    loss, gradient = logistic._loss_and_gradient(problem, theta)
    assert np.abs(gradient).max() < 1e-3
    rng = np.random.default_rng(2)
    for _ in range(5):
        nudge = rng.normal(scale=0.05, size=theta.shape).astype(np.float32)
        nearby, _ = logistic._loss_and_gradient(problem, theta + nudge)
        assert (nearby > loss).all()


@pytest.mark.parametrize("threads", ["2", "5"])
def test_the_number_of_threads_does_not_change_a_bit(monkeypatch, threads):
    problem = make_problem(n_rows=3000)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    weights, intercepts = minimise(problem, max_iter=50, tol=1e-5)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    again, again_intercepts = minimise(problem, max_iter=50, tol=1e-5)
    np.testing.assert_array_equal(weights, again)
    np.testing.assert_array_equal(intercepts, again_intercepts)


def test_copies_of_the_problem_are_independent():
    problem = make_problem(n_folds=3)
    together, _ = minimise(problem, max_iter=300, tol=1e-6)
    for fold in range(3):
        alone = Problem(
            problem.features,
            problem.mean,
            problem.labels,
            problem.weights[:, fold : fold + 1],
            problem.class_weights[fold : fold + 1],
            problem.penalty,
        )
        weights, _ = minimise(alone, max_iter=300, tol=1e-6)
        np.testing.assert_allclose(together[:, fold], weights[:, 0], atol=1e-3)


def test_more_features_than_rows():
    problem = make_problem(n_rows=12, n_features=40, n_folds=1)
    weights, _ = minimise(problem, max_iter=300, tol=1e-6)
    assert np.isfinite(weights).all()
    span = problem.features.matrix - problem.mean
    outside = weights[:, 0] - np.linalg.pinv(span, rcond=1e-4) @ (span @ weights[:, 0])
    assert np.abs(outside).max() < 1e-3
