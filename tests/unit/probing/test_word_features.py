"""The view of the words: learns, calibrated, out of sample."""

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.probing.folds import make_folds
from noisefix.probing.word_features import word_probs

TOPICS = [
    "refund money back charge card payment invoice bill",
    "parcel delivery courier late arrive tracking shipment address",
    "password login account locked reset code email access",
]
FILLER = ["please", "hello", "the", "my", "is", "it", "and", "was", "today", "again", "thanks"]


def corpus(n_rows=300, n_classes=3, seed=0, strength=0.3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_rows)
    texts = []
    for label in labels:
        words = TOPICS[label].split()
        pick = rng.random(8) < strength
        texts.append(" ".join(rng.choice(words) if hit else rng.choice(FILLER) for hit in pick))
    return texts, labels


def log_loss(probs, labels):
    return -np.log(probs[np.arange(len(labels)), labels]).mean()


def test_finds_the_topic_and_is_calibrated():
    texts, labels = corpus(n_rows=900)
    probs = word_probs(texts, labels, make_folds(labels), 3)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    best = probs.argmax(axis=1)
    accuracy = (best == labels).mean()
    assert accuracy > 0.85
    assert abs(probs.max(axis=1).mean() - accuracy) < 0.04


def test_words_that_say_nothing_leave_the_class_shares():
    rng = np.random.default_rng(1)
    texts, _ = corpus(n_rows=600)
    labels = (rng.random(600) < 0.2).astype(np.int64)
    probs = word_probs(texts, labels, make_folds(labels), 2)
    shares = np.bincount(labels) / 600
    assert log_loss(probs, labels) < -(shares * np.log(shares)).sum() + 0.03


def test_a_rows_own_label_does_not_reach_its_probabilities():
    texts, labels = corpus(n_rows=900)
    folds = make_folds(labels)
    probs = word_probs(texts, labels, folds, 3)
    for row in (3, 40, 111):
        changed = labels.copy()
        changed[row] = (changed[row] + 1) % 3
        again = word_probs(texts, changed, folds, 3)
        np.testing.assert_allclose(again[row], probs[row], rtol=0.05, atol=2e-3)


def test_unseen_classes_unlabelled_rows_and_repeatability():
    texts, labels = corpus()
    given = labels.copy()
    given[given == 2] = 1
    given[10] = 2  # the only row of its class
    given[::4] = -1
    folds = make_folds(given)
    probs = word_probs(texts, given, folds, 4)
    assert probs.tobytes() == word_probs(texts, given, folds, 4).tobytes()
    n_train = ((folds != folds[10]) & (given >= 0)).sum()
    assert probs[10, 2] == pytest.approx(1 / (n_train + 4))
    assert (probs[:, 3] > 0).all()
    assert (probs[:, 3] < 0.02).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    hidden = given == -1
    assert ((probs[hidden].argmax(axis=1) == 0) == (labels[hidden] == 0)).mean() > 0.9


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a"], [-1]),
        (["a", "b"], [0, -1]),
        ([None, "", "", ""], [0, 1, 0, 1]),
        (["same", "same", "same"], [0, 0, 0]),
        (["one two", "three four"], [0, 1]),
    ],
)
def test_tiny_inputs_give_finite_distributions(texts, labels):
    labels = np.array(labels)
    probs = word_probs(texts, labels, make_folds(labels), 2)
    assert np.isfinite(probs).all()
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)


def test_lengths_that_differ_are_an_error():
    with pytest.raises(DataError, match="2 texts"):
        word_probs(["a", "b"], np.array([0]), np.array([0]), 2)


def test_many_classes_go_the_sparse_way_with_the_same_result(monkeypatch):
    from noisefix.probing import word_features

    rng = np.random.default_rng(5)
    words = [f"w{i}" for i in range(300)]
    labels = rng.integers(0, 40, 400)
    texts = [" ".join([f"c{k}", *rng.choice(words, 5)]) for k in labels]
    labels[::17] = -1
    folds = np.where(labels == -1, -1, np.arange(400) % 5)
    dense = word_features.word_probs(texts, labels, folds, 40)
    monkeypatch.setattr(word_features, "_MANY_CLASSES", 2)
    sparse = word_features.word_probs(texts, labels, folds, 40)
    np.testing.assert_allclose(sparse, dense, atol=1e-4)
    assert (sparse.argmax(1) == dense.argmax(1)).mean() > 0.99
