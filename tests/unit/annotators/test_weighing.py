"""What follows from an annotator's answers: final labels, actions, alarms."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.annotators.weighing import NO_ANSWER, NONE_FITS, WEIGHING_MODEL, Verdicts, weigh


def weighed(made, **options) -> Verdicts:
    return weigh(made.answers, made.given, made.true_label_probs, made.p_error, **options)


def accuracy(labels: np.ndarray, made) -> float:
    return float((labels == made.truth).mean())


def test_a_good_annotator_repairs_the_labels(made_up):
    made = made_up(n_rows=1000, n_classes=4, noise=0.25, accuracy=0.95)
    verdicts = weighed(made)
    assert accuracy(made.given, made) < 0.8
    assert accuracy(verdicts.final_labels, made) > 0.93
    assert verdicts.alarm == ""


@pytest.mark.parametrize("right", [0.3, 0.5, 0.7])
def test_a_bad_annotator_does_no_harm_to_clean_labels(made_up, right):
    made = made_up(n_rows=1500, n_classes=5, noise=0.02, accuracy=right)
    assert accuracy(weighed(made).final_labels, made) >= accuracy(made.given, made) - 0.002


def test_nothing_changes_where_nobody_answered(made_up):
    made = made_up(n_rows=100, n_classes=3)
    verdicts = weighed(made.with_answers(np.full(100, NO_ANSWER)))
    np.testing.assert_array_equal(verdicts.final_labels, made.given)
    assert set(verdicts.actions) == {"keep"}
    np.testing.assert_allclose(verdicts.p_error, made.p_error, atol=2e-3)


def test_only_contradicted_rows_change_and_only_to_the_answer(made_up):
    made = made_up(n_rows=600, n_classes=4, noise=0.3, accuracy=0.8)
    verdicts = weighed(made)
    changed = verdicts.final_labels != made.given
    assert changed.any()
    np.testing.assert_array_equal(verdicts.final_labels[changed], made.answers[changed])
    np.testing.assert_array_equal(changed, verdicts.actions == "relabel")
    assert np.isnan(verdicts.log_odds[made.answers == made.given]).all()
    assert (verdicts.log_odds[changed] > 0).all()


def test_what_is_even_is_left_to_a_person(made_up):
    made = made_up(n_rows=1500, n_classes=3, noise=0.3, accuracy=0.65)
    verdicts = weighed(made)
    review = verdicts.actions == "review"
    assert review.any()
    np.testing.assert_array_equal(verdicts.final_labels[review], made.given[review])
    assert (np.abs(verdicts.log_odds[review]) <= WEIGHING_MODEL.margin).all()


def test_an_annotator_that_says_one_thing_changes_nothing(made_up):
    made = made_up(n_rows=400, n_classes=4, noise=0.3)
    verdicts = weighed(made.with_answers(np.full(400, 2)))
    assert "one class is 100% of its answers" in verdicts.alarm
    np.testing.assert_array_equal(verdicts.final_labels, made.given)
    np.testing.assert_allclose(verdicts.p_error, made.p_error)


def test_an_annotator_that_guesses_changes_nothing(made_up):
    made = made_up(n_rows=400, n_classes=4, noise=0.3)
    guesses = np.random.default_rng(5).integers(0, 4, 400)
    verdicts = weighed(made.with_answers(guesses))
    assert "no better than chance" in verdicts.alarm
    np.testing.assert_array_equal(verdicts.final_labels, made.given)


def test_a_common_class_answered_often_is_no_collapse(made_up):
    made = made_up(n_rows=600, n_classes=2, noise=0.03, accuracy=0.98, shares=(0.95, 0.05))
    assert weighed(made).alarm == ""


def test_a_handful_of_like_answers_is_too_few(made_up):
    made = made_up(n_rows=200, n_classes=4)
    few = np.where(np.arange(200) < 10, 1, NO_ANSWER)
    verdicts = weighed(made.with_answers(few))
    assert "10 answers are too few to tell" in verdicts.alarm
    np.testing.assert_array_equal(verdicts.final_labels, made.given)


def test_ten_good_answers_show_that_somebody_reads(made_up):
    made = made_up(n_rows=200, n_classes=4, accuracy=1.0)
    few = np.where(np.arange(200) < 10, made.answers, NO_ANSWER)
    assert weighed(made.with_answers(few)).alarm == ""


@pytest.fixture
def pools(made_up):
    """Two or three labels of twelve: the given one, the likeliest, and perhaps a third."""
    made = made_up(n_rows=600, n_classes=12, noise=0.2)
    offered = np.zeros((600, 12), dtype=bool)
    ranked = np.argsort(-made.true_label_probs, axis=1)
    for row in range(600):
        offered[row, [made.given[row], *ranked[row, :2]]] = True
    return made, offered


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_counted_by_what_was_offered(pools, seed):
    made, offered = pools
    draws = np.random.default_rng(seed).random(offered.shape)
    guesses = np.where(offered, draws, -1).argmax(axis=1)
    assert (guesses == made.truth).mean() > 0.35  # twelve classes: it looks like knowledge
    verdicts = weighed(made.with_answers(guesses), pools=offered)
    assert "no better than chance" in verdicts.alarm
    np.testing.assert_array_equal(verdicts.final_labels, made.given)
    assert verdicts.reliability.accuracy < 0.3


def test_one_label_whenever_it_is_offered_is_no_knowledge(pools):
    made, offered = pools
    constant = np.where(offered[:, 3], 3, NO_ANSWER)
    assert weighed(made.with_answers(constant), pools=offered).alarm


def test_a_good_annotator_with_few_labels_to_choose_from_is_heeded(pools):
    made, offered = pools
    rows = np.arange(600)
    inside = np.where(offered[rows, made.truth], made.truth, NO_ANSWER)
    verdicts = weighed(made.with_answers(inside), pools=offered)
    assert verdicts.alarm == ""
    assert accuracy(verdicts.final_labels, made) > accuracy(made.given, made) + 0.1
    assert verdicts.reliability.accuracy > 0.9


def test_offering_all_labels_is_the_same_as_saying_nothing_of_it(made_up):
    made = made_up(n_rows=300, n_classes=4, accuracy=0.7)
    everything = weighed(made, pools=np.ones((300, 4), dtype=bool))
    np.testing.assert_allclose(everything.true_label_probs, weighed(made).true_label_probs)


def test_what_a_person_says_stands(made_up):
    made = made_up(n_rows=300, n_classes=3, noise=0.1, accuracy=0.4)
    said = made.answers >= 0
    said[100:] = False
    answers = np.where(said, made.answers, NO_ANSWER)
    verdicts = weighed(made.with_answers(answers), final=said)
    np.testing.assert_array_equal(verdicts.final_labels[said], answers[said])
    np.testing.assert_array_equal(verdicts.final_labels[~said], made.given[~said])
    differs = answers[said] != made.given[said]
    np.testing.assert_array_equal(verdicts.p_error[said], differs.astype(float))
    np.testing.assert_array_equal(verdicts.actions[said] == "relabel", differs)
    assert verdicts.alarm == ""


def test_trusted_rows_stay(made_up):
    made = made_up(n_rows=500, n_classes=3, noise=0.3, accuracy=0.95)
    trusted = np.arange(500) % 2 == 0
    verdicts = weighed(made, trusted=trusted)
    np.testing.assert_array_equal(verdicts.final_labels[trusted], made.given[trusted])
    assert (verdicts.actions[trusted] == "keep").all()
    assert (verdicts.actions[~trusted] == "relabel").any()


def test_none_of_these_casts_doubt_and_asks_for_a_person(made_up):
    made = made_up(n_rows=300, n_classes=3, accuracy=0.9)
    answers = made.answers.copy()
    answers[:5] = NONE_FITS
    silent = np.where(np.arange(300) < 5, NO_ANSWER, answers)
    doubted, untouched = weighed(made.with_answers(answers)), weighed(made.with_answers(silent))
    assert (doubted.p_error[:5] > untouched.p_error[:5]).all()
    assert (doubted.actions[:5] == "review").all()
    np.testing.assert_array_equal(doubted.final_labels[:5], made.given[:5])
    np.testing.assert_allclose(doubted.true_label_probs.sum(axis=1), 1)


def test_an_unsure_answer_counts_for_less(made_up):
    made = made_up(n_rows=400, n_classes=3, noise=0.3, accuracy=0.9)
    row = int(np.flatnonzero((made.answers != made.given) & (made.p_error > 0.4))[0])
    confidence = np.full(400, 0.9)
    unsure = confidence.copy()
    unsure[row] = 0.05
    sure, doubtful = weighed(made, confidence=confidence), weighed(made, confidence=unsure)
    assert doubtful.log_odds[row] < sure.log_odds[row]


def test_unlabelled_rows_may_be_filled(made_up):
    made = made_up(n_rows=500, n_classes=3, noise=0.1, accuracy=0.97)
    given, p_error = made.given.copy(), made.p_error.copy()
    given[:50], p_error[:50] = -1, np.nan
    verdicts = weigh(made.answers, given, made.true_label_probs, p_error)
    assert np.isnan(verdicts.p_error[:50]).all()
    filled = verdicts.final_labels[:50] >= 0
    assert filled.mean() > 0.5
    assert (verdicts.final_labels[:50][filled] == made.truth[:50][filled]).mean() > 0.9


def test_probabilities_agree_with_each_other(made_up):
    made = made_up(n_rows=300, n_classes=4, noise=0.3, accuracy=0.8)
    verdicts = weighed(made)
    np.testing.assert_allclose(verdicts.true_label_probs.sum(axis=1), 1)
    at_given = verdicts.true_label_probs[np.arange(300), made.given]
    np.testing.assert_allclose(verdicts.p_error, 1 - at_given)


def test_shuffling_the_rows_changes_nothing_but_the_order(made_up):
    made = made_up(n_rows=300, n_classes=3, noise=0.3, accuracy=0.8)
    order = np.random.default_rng(1).permutation(300)
    verdicts = weighed(made)
    turned = weigh(
        made.answers[order], made.given[order], made.true_label_probs[order], made.p_error[order]
    )
    np.testing.assert_array_equal(turned.final_labels, verdicts.final_labels[order])
    np.testing.assert_allclose(turned.p_error, verdicts.p_error[order], atol=1e-6)
