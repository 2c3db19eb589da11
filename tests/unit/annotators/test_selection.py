"""Which rows are asked, and what a random probe tells."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.annotators.selection import (
    RateEstimate,
    combined_rate,
    corrected_disagreement,
    draw_probe,
    expected_benefit,
    prediction_powered_rate,
    rank_rows,
    spread_to_duplicates,
)
from noisefix.annotators.weighing import NO_ANSWER
from noisefix.errors import DataError

# Four rows given class 0, more and more probably wrong; the last has two rivals.
GIVEN = np.zeros(4, dtype=np.int64)
PROBS = np.array([[0.98, 0.01, 0.01], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.2, 0.4, 0.4]])


def test_the_most_suspicious_rows_come_first():
    assert rank_rows(GIVEN, PROBS).tolist() == [2, 3, 1, 0]


def test_benefit_is_what_asking_is_expected_to_repair():
    perfect = expected_benefit(GIVEN, PROBS, confusion=np.eye(3))
    np.testing.assert_allclose(perfect, [0.02, 0.4, 0.9, 0.8])
    useless = expected_benefit(GIVEN, PROBS, confusion=np.full((3, 3), 1 / 3))
    assert (useless < perfect).all()
    assert useless[0] == 0


def test_benefit_equals_a_simulation():
    rng = np.random.default_rng(0)
    confusion = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.1, 0.6]])
    truth = rng.choice(3, 200_000, p=PROBS[3])
    answer = (confusion[truth].cumsum(axis=1) < rng.random(len(truth))[:, None]).sum(axis=1)
    gained = (answer == truth).astype(int) - (truth == 0)
    benefit = expected_benefit(GIVEN[3:], PROBS[3:], confusion=confusion)
    assert benefit[0] == pytest.approx(gained[answer != 0].sum() / len(truth), abs=0.005)


def test_dear_rows_come_later():
    assert rank_rows(GIVEN, PROBS, costs=np.array([1, 1, 100, 1])).tolist() == [3, 1, 2, 0]


def test_ties_keep_row_order():
    assert rank_rows(GIVEN, PROBS[[1, 1, 1, 1]]).tolist() == [0, 1, 2, 3]


def test_near_duplicates_are_asked_once_and_count_together():
    probs = PROBS[[3, 1, 1, 1]]
    assert rank_rows(GIVEN, probs, groups=np.array([0, 1, 1, 1])).tolist() == [1, 0]


def test_near_duplicates_with_other_labels_are_asked_too():
    given = np.array([0, 1, 0, 0])
    named = rank_rows(given, PROBS, groups=np.array([5, 5, 6, 7]))
    assert sorted(named.tolist()) == [0, 1, 2, 3]


def test_answered_rows_and_their_twins_are_not_named():
    groups = np.array([0, 1, 1, 2])
    exclude = np.array([False, True, False, False])
    assert rank_rows(GIVEN, PROBS, groups=groups, exclude=exclude).tolist() == [3, 0]
    assert rank_rows(GIVEN, PROBS, exclude=exclude).tolist() == [2, 3, 0]


def test_unlabelled_rows_are_not_named():
    assert 2 not in rank_rows(np.array([0, 0, -1, 0]), PROBS)


def test_answers_spread_to_near_duplicates_of_the_same_label():
    answers = np.array([NO_ANSWER, 1, NO_ANSWER, NO_ANSWER, 2])
    given = np.array([0, 0, 0, 1, 0])
    groups = np.array([7, 7, 3, 7, 9])
    spread, own = spread_to_duplicates(answers, given, groups)
    assert spread.tolist() == [1, 1, NO_ANSWER, NO_ANSWER, 2]
    assert own.tolist() == [False, True, False, False, True]


def test_the_probe_is_drawn_from_eligible_rows_only():
    eligible = np.arange(100) % 3 == 0
    probe = draw_probe(eligible, 10, seed=4)
    assert len(set(probe.tolist())) == 10
    assert eligible[probe].all()
    np.testing.assert_array_equal(probe, draw_probe(eligible, 10, seed=4))
    assert probe.tolist() != draw_probe(eligible, 10, seed=5).tolist()
    assert draw_probe(eligible, 50).tolist() == np.flatnonzero(eligible).tolist()


def test_every_eligible_row_has_the_same_chance():
    counts = np.zeros(20)
    for seed in range(400):
        counts[draw_probe(np.ones(20, dtype=bool), 5, seed=seed)] += 1
    assert counts.min() > 60
    assert counts.max() < 140


def test_a_negative_probe_is_refused():
    with pytest.raises(DataError, match="-1 is negative"):
        draw_probe(np.ones(3, dtype=bool), -1)


def test_the_probe_is_unbiased_and_its_interval_covers():
    rng = np.random.default_rng(0)
    wrong = rng.random(3000) < 0.12
    predicted = np.clip(0.3 * wrong + rng.random(3000) * 0.3, 0, 1)  # biased upwards
    values, covered = [], 0
    for _ in range(400):
        probed = rng.choice(3000, 60, replace=False)
        rate = prediction_powered_rate(predicted, probed, wrong[probed].astype(float))
        values.append(rate.value)
        covered += rate.low <= wrong.mean() <= rate.high
    assert np.mean(values) == pytest.approx(wrong.mean(), abs=0.006)
    assert abs(predicted.mean() - wrong.mean()) > 0.05
    assert 0.85 <= covered / 400 <= 0.99


def test_good_predictions_narrow_the_interval():
    rng = np.random.default_rng(1)
    wrong = rng.random(2000) < 0.3
    probed = rng.choice(2000, 100, replace=False)
    observed = wrong[probed].astype(float)
    good = prediction_powered_rate(np.where(wrong, 0.9, 0.1), probed, observed)
    useless = prediction_powered_rate(np.full(2000, 0.3), probed, observed)
    assert good.high - good.low < 0.5 * (useless.high - useless.low)
    assert useless.value == pytest.approx(observed.mean())


def test_when_all_rows_are_probed_nothing_is_left_to_estimate():
    wrong = np.array([1.0, 0, 0, 1])
    rate = prediction_powered_rate(np.full(4, 0.9), np.arange(4), wrong)
    assert rate.value == pytest.approx(0.5)
    assert rate.low == pytest.approx(rate.high)


def test_without_a_probe_the_interval_is_everything():
    rate = prediction_powered_rate(np.array([0.2, 0.4]), np.array([], dtype=int), np.array([]))
    assert (rate.value, rate.low, rate.high) == (pytest.approx(0.3), 0.0, 1.0)


def test_a_probe_without_an_error_does_not_claim_certainty():
    rate = prediction_powered_rate(np.full(1000, 0.05), np.arange(50), np.zeros(50))
    assert rate.high > 0.03


def test_the_annotators_own_errors_are_taken_out():
    rng = np.random.default_rng(2)
    wrong = rng.random(100_000) < 0.1
    says = np.where(wrong, rng.random(100_000) > 0.3, rng.random(100_000) < 0.2)
    assert says.mean() > 0.2
    values, can = corrected_disagreement(says, false_alarm=0.2, missed=0.3)
    assert can
    assert values.mean() == pytest.approx(0.1, abs=0.01)


def test_a_useless_annotator_is_not_corrected():
    values, can = corrected_disagreement(np.array([True, False]), 0.6, 0.4)
    assert not can
    assert values.tolist() == [1.0, 0.0]


def test_strata_are_weighed_by_their_size():
    rate = combined_rate(
        np.array([900, 100, 0]),
        [
            RateEstimate(0.02, 0.0, 0.05, 50),
            RateEstimate(0.6, 0.5, 0.7, 0),
            RateEstimate(float("nan"), 0, 1, 0),
        ],
    )
    assert rate.value == pytest.approx(0.078)
    assert rate.low < rate.value < rate.high
    assert rate.n_probed == 50
