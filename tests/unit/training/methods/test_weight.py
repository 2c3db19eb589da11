"""Weights of rows: limits that equal other methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import ce, prune, repair, weight

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def probs(method, data, problem, **options):
    params = method.Params(epochs=3, **options)
    head = finish(method.fit(data, params, seed=1, device="cpu"))
    return head.predict_probs(problem.test_features)


def test_errors_known_for_certain_are_left_out_as_prune_leaves_them(make_problem):
    problem = make_problem(NOISE, n_rows=120)
    wrong = problem.data.given_labels != problem.true_labels
    data = replace(problem.data, p_error=wrong.astype(float), is_issue=wrong)
    own = weight.Weighted(data, weight.Params(), "cpu")
    pruned = prune.Pruned(data, prune.Params(is_soft=False, least_share=0.0), "cpu")
    np.testing.assert_array_equal(own.weights.numpy() > 0, ~wrong)
    np.testing.assert_array_equal(pruned.rows, np.flatnonzero(~wrong))


def test_labels_that_are_all_right_give_plain_training(make_problem):
    problem = make_problem(np.eye(K), n_rows=120)
    data = replace(problem.data, p_error=np.zeros(120))
    assert (probs(weight, data, problem) == probs(ce, data, problem)).all()


def test_a_row_counts_by_its_label_being_right_and_without_one_not_at_all(make_problem):
    data = make_problem(NOISE, n_rows=60).data
    given, p_error = data.given_labels.copy(), data.p_error.copy()
    given[4], p_error[4], p_error[5] = -1, np.nan, 0.0
    data = replace(data, given_labels=given, p_error=p_error)
    found = weight.Weighted(data, weight.Params(), "cpu").weights.numpy()
    assert found[4] == 0
    assert found[5] == 1
    np.testing.assert_allclose(found[6:], 1 - p_error[6:], rtol=1e-6)


def test_repaired_and_weighted_is_one_thing_by_two_names(make_problem):
    problem = make_problem(NOISE, n_rows=120)
    one = probs(weight, problem.data, problem, start="repaired")
    other = probs(repair, problem.data, problem, weight="confidence")
    assert (one == other).all()
    assert (other != probs(repair, problem.data, problem)).any()
    with pytest.raises(UsageError, match="confidence"):
        repair.Params(weight="much")


def test_it_needs_p_error(make_problem):
    data = replace(make_problem(NOISE).data, p_error=None)
    with pytest.raises(DataError, match="--method weight needs p_error"):
        weight.Weighted(data, weight.Params(), "cpu")
