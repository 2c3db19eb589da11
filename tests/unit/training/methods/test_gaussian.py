"""The closed form against scikit-learn's, and what a head of it is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from noisefix.errors import UsageError
from noisefix.training.heads import HeadClassifier
from noisefix.training.interface import finish
from noisefix.training.methods import gaussian
from noisefix.training.targets import one_hot

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def head_of(problem, **options):
    return finish(gaussian.fit(problem.data, gaussian.Params(**options), seed=0, device="cpu"))


def with_labels(problem, labels):
    return problem.with_data(true_label_probs=one_hot(labels, K).astype(np.float64))


def test_certain_labels_give_scikit_learns_discriminant(make_problem):
    problem = make_problem(np.eye(K), n_rows=300, n_features=5, shares=[0.5, 0.3, 0.2])
    labels, rows = problem.true_labels, problem.data.features
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.0).fit(rows, labels)
    ours = gaussian.fit_head(rows, one_hot(labels, K).astype(np.float64), 0.0)
    wanted = theirs.predict_proba(problem.test_features)
    np.testing.assert_allclose(ours.predict_probs(problem.test_features), wanted, atol=1e-3)


def test_shrinkage_is_towards_a_multiple_of_the_identity():
    covariance = np.diag([4.0, 1.0, 1.0])
    np.testing.assert_allclose(gaussian.shrunk(covariance, 1.0), 2 * np.eye(3), rtol=1e-5)
    np.testing.assert_allclose(gaussian.shrunk(covariance, 0.5), np.diag([3, 1.5, 1.5]), rtol=1e-5)


def test_a_row_counts_for_each_class_by_its_probability():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]], np.float32)
    labels = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.75, 0.0]])
    counts, means = gaussian.class_means(rows, labels)
    np.testing.assert_allclose(counts, [1.75, 1.25, 0])
    np.testing.assert_allclose(means[0], (rows[0] + 0.5 * rows[1] + 0.25 * rows[2]) / 1.75)
    np.testing.assert_allclose(means[2], rows.mean(axis=0))  # nothing is known of it
    within = gaussian.pooled_covariance(rows, labels, counts, means)
    wanted = sum(
        labels[i, k] * np.outer(rows[i] - means[k], rows[i] - means[k])
        for i in range(3)
        for k in range(3)
    )
    np.testing.assert_allclose(within, wanted / 3, atol=1e-7)


def test_it_is_as_sure_as_it_is_right(make_problem):
    """Few rows of many numbers: the bare closed form is far too sure."""
    problem = make_problem(NOISE, n_rows=200, n_features=60, spread=0.5)
    problem = with_labels(problem, problem.true_labels)
    probs = head_of(problem, shrinkage=0.1).predict_probs(problem.test_features)
    labels = one_hot(problem.true_labels, K).astype(np.float64)
    bare = gaussian.fit_head(problem.data.features, labels, 0.1)

    def gap(found):
        return found.max(axis=1).mean() - (found.argmax(axis=1) == problem.test_labels).mean()

    assert abs(gap(probs)) < 0.07
    assert gap(bare.predict_probs(problem.test_features)) > 0.1
    np.testing.assert_array_equal(
        probs.argmax(axis=1), bare.predict_probs(problem.test_features).argmax(axis=1)
    )


def test_no_seed_and_a_head_like_any_other(make_problem):
    problem = make_problem(NOISE)
    first, other = (
        finish(gaussian.fit(problem.data, gaussian.Params(), seed=s, device="cpu")) for s in (0, 1)
    )
    tensors, config = first.state()
    again = HeadClassifier.from_state(tensors, config)
    probs = again.predict_probs(problem.test_features)
    assert (probs == other.predict_probs(problem.test_features)).all()
    assert problem.accuracy(again) > 0.8


def test_rows_that_were_dropped_or_have_no_label_count_nowhere(make_problem):
    data = make_problem(NOISE, n_rows=90).data
    given, repaired = data.given_labels.copy(), data.given_labels.copy()
    given[:3], repaired[:5] = -1, -1
    left = replace(data, given_labels=given, repaired_labels=repaired)
    for labels in gaussian.LABELS:
        found = gaussian.class_labels(left, labels, "gaussian")
        assert not found[:5].any()
        np.testing.assert_allclose(found[5:].sum(axis=1), 1, atol=1e-6)


def test_a_class_of_one_row_and_one_of_none(make_problem):
    problem = make_problem(np.eye(K), n_rows=60)
    labels = problem.true_labels % 2
    labels[0] = 2
    head = head_of(with_labels(problem, labels))
    assert np.isfinite(head.predict_probs(problem.test_features)).all()
    none = head_of(with_labels(problem, problem.true_labels % 2))
    assert none.predict_probs(problem.test_features)[:, 2].max() < 0.05


def test_rows_that_are_all_alike_give_the_class_shares(make_problem):
    problem = make_problem(NOISE, n_rows=60)
    flat = problem.with_data(features=np.ones_like(problem.data.features))
    head = head_of(with_labels(flat, np.repeat([0, 1, 2], [30, 20, 10])))
    probs = head.predict_probs(np.ones_like(problem.test_features[:2]))
    np.testing.assert_allclose(probs[0], [0.5, 1 / 3, 1 / 6], atol=0.02)


def test_an_encoder_cannot_learn_along(make_problem):
    data = replace(make_problem(NOISE).data, tuning=object())
    with pytest.raises(UsageError, match="--features finetune"):
        finish(gaussian.fit(data, gaussian.Params(), seed=0, device="cpu"))


@pytest.mark.parametrize("options", [{"shrinkage": 1.5}, {"labels": "given"}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        gaussian.Params(**options)
