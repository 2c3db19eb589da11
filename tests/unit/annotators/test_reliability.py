"""The annotator's confusions and the true labels, estimated together."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.annotators.reliability import estimate_reliability

NOBODY = -1


def test_without_answers_the_prior_is_what_was_known(made_up):
    made = made_up(n_rows=50, n_classes=3)
    found = estimate_reliability(
        np.full(50, NOBODY), made.given, made.true_label_probs, made.p_error
    )
    np.testing.assert_allclose(found.posterior, made.true_label_probs, atol=2e-3)
    assert found.accuracy == pytest.approx(0.7)
    assert found.n_steps == 0


@pytest.mark.parametrize("accuracy", [0.95, 0.7, 0.4])
def test_accuracy_is_recovered_without_the_truth(made_up, accuracy):
    made = made_up(n_rows=2000, n_classes=4, accuracy=accuracy)
    found = estimate_reliability(made.answers, made.given, made.true_label_probs, made.p_error)
    assert found.accuracy == pytest.approx(accuracy, abs=0.07)


def test_confusions_are_recovered(made_up):
    confusion = np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.4]])
    made = made_up(n_rows=3000, n_classes=3, confusion=confusion)
    found = estimate_reliability(made.answers, made.given, made.true_label_probs, made.p_error)
    np.testing.assert_allclose(found.confusion, confusion, atol=0.08)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)


def test_more_noise_than_was_thought_is_noticed(made_up):
    made = made_up(n_rows=1500, n_classes=3, noise=0.4, accuracy=0.97)
    thought = made.with_p_error(made.p_error * 0.5)
    found = estimate_reliability(
        thought.answers, thought.given, thought.true_label_probs, thought.p_error
    )
    rows = np.arange(1500)
    noise = 1 - found.prior[rows, thought.given].mean()
    assert abs(noise - 0.4) < abs(thought.p_error.mean() - 0.4) / 2


def test_probabilities_are_probabilities(made_up):
    made = made_up(n_rows=300, n_classes=5, accuracy=0.6)
    given = made.given.copy()
    given[:20] = -1
    p_error = made.p_error.copy()
    p_error[:20] = np.nan
    found = estimate_reliability(made.answers, given, made.true_label_probs, p_error)
    for probs in (found.posterior, found.prior, found.confusion):
        assert np.isfinite(probs).all()
        assert (probs >= 0).all()
        np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_copies_count_for_their_row_but_teach_nothing(made_up):
    made = made_up(n_rows=200, n_classes=3)
    own = np.arange(200) < 100
    taught = estimate_reliability(
        made.answers, made.given, made.true_label_probs, made.p_error, learn_from=own
    )
    first = np.where(own, made.answers, NOBODY)
    without = estimate_reliability(first, made.given, made.true_label_probs, made.p_error)
    np.testing.assert_allclose(taught.confusion, without.confusion)
    assert np.abs(taught.posterior[~own] - without.posterior[~own]).max() > 0.01


def test_a_guess_moves_its_row_less_than_a_sure_answer(made_up):
    made = made_up(n_rows=300, n_classes=3, accuracy=0.9)
    sure = estimate_reliability(made.answers, made.given, made.true_label_probs, made.p_error)
    weights = np.ones(300)
    weights[0] = 0.1
    doubted = estimate_reliability(
        made.answers, made.given, made.true_label_probs, made.p_error, weights=weights
    )
    answer = made.answers[0]
    gain = sure.posterior[0, answer] - sure.prior[0, answer]
    assert gain > 0.01
    assert doubted.posterior[0, answer] - doubted.prior[0, answer] < gain


def test_permuting_the_classes_permutes_the_result(made_up):
    made = made_up(n_rows=400, n_classes=4, accuracy=0.8)
    new = np.array([2, 0, 3, 1])
    found = estimate_reliability(made.answers, made.given, made.true_label_probs, made.p_error)
    order = np.argsort(new)
    turned = estimate_reliability(
        new[made.answers], new[made.given], made.true_label_probs[:, order], made.p_error
    )
    np.testing.assert_allclose(turned.posterior, found.posterior[:, order], atol=1e-6)
