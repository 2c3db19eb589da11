"""The batched linear probe against scikit-learn's LogisticRegression, fold by fold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from noisefix.probing.folds import make_folds
from noisefix.probing.linear_probe import fit_probe, out_of_fold_probs, predict_probs


def overlapping(n_rows, n_features, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(n_classes, n_rows, p=rng.dirichlet(np.full(n_classes, 3.0)))
    features = rng.normal(size=(n_classes, n_features))[labels]
    features += 1.5 * rng.normal(size=(n_rows, n_features)) + 0.3
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels


def sklearn_probs(features, labels, folds, n_classes, **options):
    probs = np.zeros((len(labels), n_classes))
    for fold in range(folds.max() + 1):
        held_out = folds == fold
        model = LogisticRegression(max_iter=5000, tol=1e-9, **options)
        model.fit(features[~held_out].astype(np.float64), labels[~held_out])
        probs[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return probs


@pytest.mark.parametrize("n_classes", [2, 3, 12])
@pytest.mark.parametrize("options", [{}, {"C": 20.0}, {"class_weight": "balanced"}])
def test_out_of_fold_probs_are_those_of_scikit_learn(n_classes, options):
    features, labels = overlapping(600, 24, n_classes)
    folds = make_folds(labels)
    ours = out_of_fold_probs(features, labels, folds, n_classes, tol=1e-6, **options)
    theirs = sklearn_probs(features, labels, folds, n_classes, **options)
    assert np.abs(ours - theirs).max() < 0.01
    assert np.abs(ours - theirs).mean() < 5e-4


def test_default_tolerance_is_close_too():
    features, labels = overlapping(1500, 64, 6)
    folds = make_folds(labels)
    ours = out_of_fold_probs(features, labels, folds, 6)
    assert np.abs(ours - sklearn_probs(features, labels, folds, 6)).max() < 0.01


def test_more_features_than_rows():
    features, labels = overlapping(40, 200, 3)
    folds = make_folds(labels)
    ours = out_of_fold_probs(features, labels, folds, 3, tol=1e-6)
    assert np.abs(ours - sklearn_probs(features, labels, folds, 3)).max() < 0.01


@pytest.mark.parametrize("n_classes", [2, 5])
def test_full_fit_has_scikit_learns_coefficients(n_classes):
    features, labels = overlapping(400, 10, n_classes)
    weights, intercepts = fit_probe(features, labels, n_classes, C=5.0, tol=1e-6)
    model = LogisticRegression(C=5.0, max_iter=5000, tol=1e-9)
    model.fit(features.astype(np.float64), labels)
    np.testing.assert_allclose(
        predict_probs(features, weights, intercepts), model.predict_proba(features), atol=2e-3
    )
    if n_classes == 2:  # scikit-learn keeps one column: the difference of ours
        difference = weights[:, 1] - weights[:, 0]
        np.testing.assert_allclose(difference, model.coef_[0], atol=0.02)
    else:
        np.testing.assert_allclose(weights.T, model.coef_, atol=0.02)


def test_features_with_an_offset_and_different_scales():
    rng = np.random.default_rng(0)
    features, labels = overlapping(500, 8, 3)
    features = (features * rng.uniform(0.5, 20, 8) + rng.uniform(-5, 5, 8)).astype(np.float32)
    folds = make_folds(labels)
    ours = out_of_fold_probs(features, labels, folds, 3, tol=1e-6)
    assert np.abs(ours - sklearn_probs(features, labels, folds, 3)).max() < 0.01
