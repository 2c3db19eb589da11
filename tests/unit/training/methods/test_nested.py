"""Principal directions: all of them change nothing, and the head takes features as they are."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.errors import UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import ce, nested

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def probs(method, problem, epochs=15, penalty=0.3, **options):
    params = method.Params(epochs=epochs, penalty=penalty, **options)
    head = finish(method.fit(problem.data, params, seed=1, device="cpu"))
    assert head.n_features == problem.data.features.shape[1]
    return head.predict_probs(problem.test_features)


def test_all_directions_are_plain_training(make_problem):
    problem = make_problem(NOISE, n_rows=60)
    near = {"epochs": 60, "penalty": 3.0}
    found = probs(nested, problem, rank=8, **near)
    # Adam's way depends on the axes, where it leads to does not.
    np.testing.assert_allclose(found, probs(ce, problem, **near), atol=2e-3)
    assert (probs(nested, problem, rank=99, **near) == found).all()


def test_few_directions_see_nothing_of_the_rest(make_problem):
    problem = make_problem(NOISE, n_rows=300)
    params = nested.Params(epochs=3, rank=2)
    head = finish(nested.fit(problem.data, params, seed=1, device="cpu"))
    directions = nested.principal_directions(problem.data.features)
    moved = problem.test_features + (5 * directions[:, 3]).astype(np.float32)
    np.testing.assert_allclose(
        head.predict_probs(moved), head.predict_probs(problem.test_features), atol=1e-4
    )


def test_directions_are_those_of_the_singular_values():
    rows = np.random.default_rng(0).normal(size=(50, 6)) * np.arange(1, 7)
    found = nested.principal_directions(rows.astype(np.float32))
    _, _, wanted = np.linalg.svd(rows.astype(np.float32))
    np.testing.assert_allclose(np.abs(np.diag(found.T @ wanted.T)), 1, atol=1e-5)


def test_how_many_directions_a_step_sees():
    odds = nested.kept_counts(10, 0.3)
    k = np.arange(1, 11)
    np.testing.assert_allclose(odds, np.exp(-((k / 3) ** 2)) / np.exp(-((k / 3) ** 2)).sum())
    np.testing.assert_allclose(nested.kept_counts(10, 1e6), 0.1, rtol=1e-6)


def test_as_few_directions_as_do_no_harm(make_problem):
    problem = make_problem(np.eye(K), n_rows=800, n_features=64, spread=0.1)
    directions = nested.principal_directions(problem.data.features)
    rotated = problem.data.features @ directions.astype(np.float32)
    assert nested.sufficient_rank(problem.data, rotated, 0.1) == 8
    noise = np.random.default_rng(0).normal(size=rotated.shape).astype(np.float32)
    noise[:, 40:43] = np.eye(K)[problem.data.given_labels]  # what tells the classes comes late
    assert nested.sufficient_rank(problem.data, noise, 0.1) == 64


def test_nested_dropout_leans_on_the_first_directions(make_problem):
    problem = make_problem(np.eye(K), n_rows=400, n_features=16)
    directions = nested.principal_directions(problem.data.features)
    params = nested.Params(epochs=8, sigma=0.1)
    head = finish(nested.fit(problem.data, params, seed=1, device="cpu"))
    sizes = np.linalg.norm(directions.T @ head.parameters["weight"][0], axis=1)
    assert sizes[:3].mean() > 5 * sizes[8:].mean()


def test_a_hidden_layer_is_turned_back_too(make_problem):
    problem = make_problem(NOISE, n_rows=200)
    found = probs(nested, problem, rank=8, head="mlp", hidden=16)
    assert (found.argmax(axis=1) == problem.test_labels).mean() > 0.7


@pytest.mark.parametrize("options", [{"rank": "all"}, {"rank": 0}, {"sigma": 0.0}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        nested.Params(**options)
