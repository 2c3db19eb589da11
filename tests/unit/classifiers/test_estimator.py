"""``NoisyLabelClassifier`` keeps scikit-learn's promises, and finds what ``detect`` finds."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import noisefix
from noisefix import NoisyLabelClassifier

FEW_EPOCHS = {"epochs": 10}  # it is fitted some seventy times


@parametrize_with_checks([NoisyLabelClassifier(parameters=FEW_EPOCHS)])
def test_every_check_of_scikit_learn_is_passed(estimator, check):
    check(estimator)


WORDS = {
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late"],
    "account": ["password", "login", "email address", "profile", "locked out"],
}


def texts(n: int = 90) -> tuple[list[str], list[str], np.ndarray]:
    rng, names = random.Random(0), list(WORDS)
    true = [names[k % 3] for k in range(n)]
    said = [f"{rng.choice(WORDS[y])} or {rng.choice(WORDS[y])} {k}" for k, y in enumerate(true)]
    wrong = np.arange(n) % 15 == 4
    given = [names[(k + wrong[k]) % 3] for k in range(n)]
    return said, given, wrong


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, lambda x: np.array(x, dtype=object)])
def test_texts_of_any_kind(kind):
    said, given, wrong = texts()
    model = NoisyLabelClassifier(encoder="tfidf", parameters=FEW_EPOCHS).fit(kind(said), given)
    assert model.classes_.tolist() == sorted(WORDS)
    assert model.p_error_[wrong].min() > np.median(model.p_error_)
    assert model.predict(kind(["my parcel has arrived late"])).tolist() == ["shipping"]
    probs = model.predict_proba(said)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(said), probs)


def test_it_judges_as_detect_does():
    said, given, _ = texts()
    found = noisefix.detect(texts=said, labels=given, encoder="tfidf", labelled_by="people")
    model = NoisyLabelClassifier(encoder="tfidf", labelled_by="people", parameters=FEW_EPOCHS)
    model.fit(said, given)
    np.testing.assert_allclose(model.p_error_, found.to_arrow()["p_error"].to_numpy(), atol=1e-4)
    assert model.is_issue_.tolist() == found.to_arrow()["is_issue"].to_pylist()
    assert model.noise_rate_ == pytest.approx(found.noise_rate, abs=1e-4)


def test_the_meaning_of_label_names_counts_where_the_encoder_knows_words():
    said, given, _ = texts(30)
    model = NoisyLabelClassifier(parameters=FEW_EPOCHS)
    assert model.fit(said, given).predict(said[:3]).shape == (3,)


def test_wrong_labels_mislead_it_less_than_a_plain_classifier():
    pixels, digits = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(digits))
    train, test = rows[:700], rows[700:]
    wrong = rng.random(700) < 0.3
    given = np.where(wrong, (digits[train] + rng.integers(1, 10, 700)) % 10, digits[train])
    model = NoisyLabelClassifier().fit(pixels[train], given)
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    plain.fit(pixels[train], given)
    assert model.score(pixels[test], digits[test]) > plain.score(pixels[test], digits[test]) + 0.1
    assert model.p_error_[wrong].mean() > model.p_error_[~wrong].mean() + 0.3


def test_measurements_are_told_apart_by_distance_and_embeddings_by_direction():
    X, y = make_blobs(150, centers=[[1, 1], [5, 5]], cluster_std=0.5, random_state=0)
    far = NoisyLabelClassifier(parameters=FEW_EPOCHS).fit(X, y)
    assert far.score(X, y) == 1
    same = NoisyLabelClassifier(metric="cosine", parameters=FEW_EPOCHS).fit(X, y)
    assert same.score(X, y) < 0.9  # one direction: only how far out tells them apart
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    of_unit = NoisyLabelClassifier(parameters=FEW_EPOCHS).fit(unit, y)
    by_name = NoisyLabelClassifier(metric="cosine", parameters=FEW_EPOCHS).fit(unit, y)
    np.testing.assert_array_equal(of_unit.predict_proba(X), by_name.predict_proba(X))


def test_it_works_with_the_tools_of_scikit_learn():
    X, y = make_blobs(60, random_state=0)
    search = GridSearchCV(
        NoisyLabelClassifier(parameters=FEW_EPOCHS), {"method": ["ce", "repair"]}, cv=2
    ).fit(X, y)
    assert search.best_score_ > 0.8
    copy = clone(NoisyLabelClassifier("gce", random_state=3))
    assert copy.get_params()["method"] == "gce"
    assert copy.set_params(random_state=None).random_state is None


def test_what_cannot_be_fitted_is_a_value_error():
    said, given, _ = texts(12)
    X, y = make_blobs(20, random_state=0)
    for arguments, rows, labels, message in (
        ({}, X, np.zeros(20), "one class only"),
        ({}, said, given[:-1], "12 texts for 11 labels"),
        ({"metric": "manhattan"}, X, y, "metric 'manhattan' is unknown"),
        ({"metric": "cosine"}, np.vstack([X[:-1], [[0, 0]]]), y, "zero in the vectors of row 20"),
        ({"method": "magic"}, X, y, "magic"),
        ({"method": "noiseal"}, X, y, "asks an annotator"),
        ({"labelled_by": "cats"}, X, y, "cats"),
        ({"parameters": {"nothing": 1}}, X, y, "no parameter 'nothing'"),
    ):
        with pytest.raises(ValueError, match=message):
            NoisyLabelClassifier(**arguments).fit(rows, labels)
    model = NoisyLabelClassifier(encoder="tfidf", parameters=FEW_EPOCHS).fit(said, given)
    with pytest.raises(ValueError, match="fitted to texts"):
        model.predict(X)
    of_numbers = NoisyLabelClassifier(parameters=FEW_EPOCHS).fit(X, y)
    with pytest.raises(ValueError, match="could not convert"):
        of_numbers.predict(said)
