from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from noisefix.probing.folds import make_folds
from noisefix.training.interface import finish
from noisefix.training.methods import ce, gce, prune
from noisefix.training.objective import HeadParams
from noisefix.training.penalty import (
    CHOICES,
    USUAL,
    choose_penalty,
    first_good_enough,
    settled_penalty,
)

CLEAN = np.eye(3)


def guesses(n_classes: int) -> np.ndarray:
    return np.full((n_classes, n_classes), 1 / n_classes)


def test_clean_rows_want_the_weakest_penalty_and_guesses_the_strongest(make_problem):
    clean = make_problem(CLEAN, n_rows=300, spread=0.1)
    noise = make_problem(guesses(3), n_rows=300, n_features=40)
    assert choose_penalty(clean.data) == min(CHOICES)
    assert choose_penalty(noise.data) == max(CHOICES)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_choice_is_that_of_scikit_learns_cross_validation(make_problem, n_classes):
    matrix = 0.5 * np.eye(n_classes) + 0.5 * guesses(n_classes)
    data = make_problem(matrix, n_rows=200, n_features=30, spread=0.3).data
    folds = make_folds(data.given_labels, n_folds=4)
    gains = np.zeros((len(CHOICES), 200))
    for own, penalty in zip(gains, CHOICES, strict=True):
        for fold in range(4):
            train = folds != fold
            # A head has one vector a class; scikit-learn, with two classes, the difference alone.
            model = LogisticRegression(C=(2 if n_classes == 2 else 1) / penalty, max_iter=1000)
            model.fit(data.features[train], data.given_labels[train])
            probs = model.predict_proba(data.features[~train])
            own[~train] = np.log(probs[np.arange((~train).sum()), data.given_labels[~train]])
    assert choose_penalty(data) == CHOICES[first_good_enough(gains)]


def test_a_gain_that_may_be_chance_does_not_count():
    rng = np.random.default_rng(0)
    base = rng.normal(size=400)
    noise = rng.normal(size=400)
    noise -= noise.mean()
    noise /= noise.std()  # standard error 1 / 20
    assert first_good_enough(np.stack([base, base + noise + 0.09])) == 0
    assert first_good_enough(np.stack([base, base + noise + 0.11])) == 1
    assert first_good_enough(np.stack([base, base, base - 1])) == 0


def test_near_duplicates_do_not_vouch_for_each_other(make_problem):
    noise = make_problem(guesses(3), n_rows=100, n_features=40).data
    rows = np.repeat(np.arange(100), 4)
    copied = replace(
        noise,
        features=noise.features[rows],
        given_labels=noise.given_labels[rows],
        **dict.fromkeys(
            (
                "pred_probs",
                "p_error",
                "true_label_probs",
                "candidate_weights",
                "is_certain",
                "is_issue",
            )
        ),
    )
    assert choose_penalty(copied) == min(CHOICES)  # copies in other folds: learned by heart
    assert choose_penalty(replace(copied, groups=rows)) == max(CHOICES)


def test_only_linear_heads_on_frozen_features_choose(make_problem):
    data = make_problem(guesses(3), n_rows=300, n_features=40).data
    assert settled_penalty(data, HeadParams(penalty=0.7)) == 0.7
    assert settled_penalty(data, HeadParams(penalty=0.0)) == 0.0
    assert settled_penalty(data, HeadParams(head="mlp")) == USUAL
    assert settled_penalty(data, HeadParams()) == max(CHOICES)


@pytest.mark.parametrize(
    ("method", "share"),
    [(ce, 1.0), (prune, 1.0), (gce, gce.PENALTY_SHARE)],
    ids=["ce", "prune", "gce"],
)
def test_the_training_says_which_penalty_it_took(make_problem, method, share):
    data = make_problem(guesses(3), n_rows=300, n_features=40).data
    steps = []
    training = method.fit(data, method.Params(epochs=2), seed=0, device="cpu")
    finish(training, steps.append)
    assert {step.metrics["penalty"] for step in steps} == {share * max(CHOICES)}
