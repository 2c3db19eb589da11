"""Annotators that know nothing of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.annotators.alarms import alarm_of, repetition


def test_contradicting_the_most_suspicious_rows_alone_is_a_perfect_copy():
    rng = np.random.default_rng(0)
    p = rng.beta(0.6, 2, 400)
    excess, z = repetition(p > np.quantile(p, 0.8), p)
    assert excess == pytest.approx(1)
    assert z > 5


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(-1.5, 1.5))
def test_an_annotator_that_is_right_is_no_copy_however_far_the_rate_is_off(seed, shift):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.0, 1.5, 600)
    p = 1 / (1 + np.exp(-odds))
    wrong = rng.random(600) < 1 / (1 + np.exp(-(odds + shift)))
    excess, z = repetition(wrong, p)
    assert abs(z) < 5
    assert excess < 0.5


def test_contradictions_that_do_not_follow_the_suspicion_are_below_what_is_expected():
    rng = np.random.default_rng(1)
    p = rng.beta(0.6, 2, 500)
    excess, z = repetition(rng.random(500) < 0.3, p)
    assert excess < 0
    assert z < 0


@pytest.mark.parametrize("contradicts", [np.zeros(50, bool), np.ones(50, bool)])
def test_none_and_all_contradicted_tell_nothing(contradicts):
    assert repetition(contradicts, np.linspace(0.1, 0.9, 50)) == (0.0, 0.0)
    assert repetition(np.arange(50) < 25, np.full(50, 0.3)) == (0.0, 0.0)


def _alarm(made, answers, pred_probs=None):
    return alarm_of(answers, made.given, made.true_label_probs, made.p_error, pred_probs=pred_probs)


def _hard(made):
    """Return the witnesses with texts that leave doubt."""
    probs = made.true_label_probs**0.3
    probs /= probs.sum(axis=1, keepdims=True)
    p_error = 1 - probs[np.arange(len(probs)), made.given]
    return replace(made, true_label_probs=probs, p_error=p_error)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_who_says_what_seems_right_anyway_is_not_heeded(made_up, n_classes):
    made = _hard(made_up(n_rows=1000, n_classes=n_classes, noise=0.3, accuracy=0.85))
    assert _alarm(made, made.answers) == ""
    assert _alarm(made, made.truth) == ""
    suggested = made.true_label_probs.argmax(axis=1)
    assert "what was expected of each row" in _alarm(made, suggested)
    other = (made.given + 1) % n_classes
    top = made.p_error > np.quantile(made.p_error, 0.8)
    exchanged = np.where(top, other, made.given)
    assert "contradicts the suspected labels and no others" in _alarm(made, exchanged)


def test_where_the_texts_leave_no_doubt_repeating_does_no_harm(made_up):
    made = made_up(n_rows=1000, n_classes=2, noise=0.3, accuracy=0.85)
    assert _alarm(made, made.true_label_probs.argmax(axis=1)) == ""


def test_who_answers_as_the_classifier_does_is_not_heeded(made_up):
    made = made_up(n_rows=1000, n_classes=5, noise=0.3, accuracy=0.85)
    rng = np.random.default_rng(2)
    pred_probs = rng.dirichlet(np.ones(5), 1000)
    pred_probs[np.arange(1000), made.answers] += 2.0
    assert _alarm(made, made.answers) == ""
    assert "learned the given labels" in _alarm(made, made.answers, pred_probs)
    some = np.where(rng.random(1000) < 0.1, made.truth, made.answers)
    assert _alarm(made, some, np.roll(pred_probs, 1, axis=0)) == ""
    few = np.where(np.arange(1000) < 15, made.answers, -1)
    assert "learned the given labels" not in _alarm(made, few, pred_probs)
    # who agrees with the labels everywhere changes nothing anyway, and is no reason for an alarm
    agreeing = np.zeros((1000, 5))
    agreeing[np.arange(1000), made.given] = 1
    assert "learned the given labels" not in _alarm(made, made.given, agreeing)


def test_who_says_what_is_expected_of_every_row_is_not_heeded_with_many_classes(made_up):
    """Of many classes the likeliest label is seldom sure, and no single suspicion tells of it."""
    made = made_up(n_rows=1000, n_classes=40, noise=0.3, accuracy=0.85)
    rng = np.random.default_rng(3)
    probs = 0.6 * made.true_label_probs + 0.4 * rng.dirichlet(np.full(40, 0.2), 1000)
    vague = made.with_answers(probs.argmax(axis=1))
    alarm = alarm_of(vague.answers, made.given, probs, made.p_error)
    assert "what was expected of each row" in alarm or "no others" in alarm
    assert alarm_of(made.answers, made.given, probs, made.p_error) == ""
    assert alarm_of(made.truth, made.given, made.true_label_probs, made.p_error) == ""
