"""The linear probe: honest for classes it has not seen, and never in sample."""

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.probing.folds import make_folds
from noisefix.probing.linear_probe import fit_probe, out_of_fold_probs, predict_probs


def blobs(n_rows=400, n_features=16, n_classes=4, seed=0, spread=0.6):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_classes, n_features))
    labels = rng.integers(0, n_classes, n_rows)
    features = centers[labels] + spread * rng.normal(size=(n_rows, n_features))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels


@pytest.mark.parametrize("n_classes", [2, 3, 40])
def test_probabilities_are_distributions_and_find_the_class(n_classes):
    features, labels = blobs(n_rows=30 * n_classes, n_features=48, n_classes=n_classes)
    probs = out_of_fold_probs(features, labels, make_folds(labels), n_classes)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert probs.min() >= 0
    assert (probs.argmax(axis=1) == labels).mean() > 0.9


def test_a_rows_own_label_does_not_reach_its_probabilities():
    features, labels = blobs()
    folds = make_folds(labels)
    probs = out_of_fold_probs(features, labels, folds, 4, tol=1e-6)
    changed = labels.copy()
    fold = folds == 2
    changed[fold] = (changed[fold] + 1) % 4
    again = out_of_fold_probs(features, changed, folds, 4, tol=1e-6)
    np.testing.assert_allclose(again[fold], probs[fold], atol=2e-3)
    assert np.abs(again[~fold] - probs[~fold]).max() > 0.05


def test_a_class_unseen_in_training_gets_a_small_probability():
    features, labels = blobs(n_rows=100)
    labels[labels == 3] = 2
    labels[17] = 3  # the only row of its class
    folds = make_folds(labels)
    probs = out_of_fold_probs(features, labels, folds, 5)  # class 4 has no row at all
    n_train = (folds != folds[17]).sum()
    assert probs[17, 3] == pytest.approx(1 / (n_train + 5))
    assert (probs[:, 4] > 0).all()
    assert (probs[:, 4] < 0.02).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)


def test_unlabelled_rows_are_predicted_and_not_trained_on():
    features, labels = blobs()
    partly = labels.copy()
    partly[::3] = -1
    folds = make_folds(partly)
    probs = out_of_fold_probs(features, partly, folds, 4)
    assert (probs[::3].argmax(axis=1) == labels[::3]).mean() > 0.9
    known = partly >= 0
    alone = out_of_fold_probs(features[known], partly[known], folds[known], 4)
    np.testing.assert_allclose(probs[known], alone, atol=1e-6)


@pytest.mark.parametrize(
    "labels", [[-1, -1, -1, -1], [0, -1, -1, -1], [1, 1, 1, 1], [0, 1, -1, -1], [0, 1, 2, 0]]
)
def test_tiny_inputs_give_finite_distributions(labels):
    labels = np.array(labels)
    features = np.eye(4, 5, dtype=np.float32)
    probs = out_of_fold_probs(features, labels, make_folds(labels), 3)
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    if (labels == -1).all():
        np.testing.assert_allclose(probs, 1 / 3)


def test_identical_features_leave_the_class_shares():
    labels = np.array([0] * 30 + [1] * 10)
    probs = out_of_fold_probs(np.ones((40, 3), np.float32), labels, make_folds(labels), 2)
    np.testing.assert_allclose(probs[:, 0], 0.75, atol=0.02)


def test_sample_weight_equals_repeating_rows():
    features, labels = blobs(n_rows=60)
    times = np.random.default_rng(3).integers(0, 4, 60)
    weighted = fit_probe(features, labels, 4, sample_weight=times.astype(float), tol=1e-6)
    repeated = fit_probe(np.repeat(features, times, 0), np.repeat(labels, times), 4, tol=1e-6)
    np.testing.assert_allclose(
        predict_probs(features, *weighted), predict_probs(features, *repeated), atol=1e-3
    )


def test_class_weight_array_moves_the_probabilities():
    features, labels = blobs(spread=2.0)
    folds = make_folds(labels)
    plain = out_of_fold_probs(features, labels, folds, 4)
    heavy = out_of_fold_probs(features, labels, folds, 4, class_weight=np.array([5.0, 1, 1, 1]))
    assert heavy[:, 0].mean() > plain[:, 0].mean() + 0.1


def test_twice_the_same_bytes():
    features, labels = blobs(n_rows=900, spread=2.0)
    folds = make_folds(labels)
    first = out_of_fold_probs(features, labels, folds, 4)
    assert first.tobytes() == out_of_fold_probs(features, labels, folds, 4).tobytes()


def test_arguments_that_do_not_fit_are_named():
    features, labels = blobs(n_rows=20)
    folds = make_folds(labels)
    with pytest.raises(DataError, match="shape"):
        out_of_fold_probs(features[:-1], labels, folds, 4)
    with pytest.raises(DataError, match=r"-1\.\.2"):
        out_of_fold_probs(features, np.full(20, 3), folds, 3)
    with pytest.raises(DataError, match="19 folds"):
        out_of_fold_probs(features, labels, folds[:-1], 4)
    with pytest.raises(DataError, match="no fold"):
        out_of_fold_probs(features, labels, np.full(20, -1), 4)
    with pytest.raises(DataError, match="uniform"):
        fit_probe(features, labels, 4, class_weight="uniform")
