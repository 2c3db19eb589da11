"""p_error: the formula, what verified rows change, and what the interval covers."""

import numpy as np
import pytest

from noisefix.probing.error_model import ERROR_MODEL, ErrorModel, estimate_errors
from noisefix.probing.hypotheses import Hypotheses


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def made_up(n_rows, n_classes, seed=0, unlabelled=0.0):
    """Random hypotheses and given labels."""
    rng = np.random.default_rng(seed)
    given = rng.integers(0, n_classes, n_rows)
    given[rng.random(n_rows) < unlabelled] = -1
    log_odds = np.clip(rng.normal(-1.5, 1.5, (n_rows, 4)), -3, 3)
    log_odds[given == -1] = 0
    return Hypotheses(log_odds, rng.normal(size=(n_rows, n_classes)).astype(np.float32)), given


def test_p_error_is_the_weighted_log_odds():
    model = ErrorModel(weights=(1.0, 0.5, 0.25, 2.0), intercept=-0.3, name_gain=-2)
    hypotheses, given = made_up(400, 3)
    found = estimate_errors(hypotheses, given, name_gain=0.2, model=model)
    offset = -0.3 - 2 * 0.2
    expected = sigmoid(hypotheses.log_odds @ np.array([1.0, 0.5, 0.25, 2.0]) + offset)
    np.testing.assert_allclose(found.p_error, expected, rtol=1e-9)
    assert found.noise_rate.value == pytest.approx(expected.mean())


def test_the_label_names_vouch_up_to_a_limit_and_the_size_of_the_data_does_not_count():
    model = ERROR_MODEL
    assert model.offset(0) == model.intercept
    assert model.offset(0.9) == model.offset(model.max_name_gain) < model.offset(0.1)
    hypotheses, given = made_up(600, 2, unlabelled=0.5)
    few = Hypotheses(hypotheses.log_odds[:50], hypotheses.label_logits[:50])
    np.testing.assert_array_equal(
        estimate_errors(hypotheses, given).p_error[:50], estimate_errors(few, given[:50]).p_error
    )


def test_true_label_probs_share_the_error_out_by_the_logits():
    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]], dtype=np.float32))
    log_odds = np.array([[1.0] * 4, [0] * 4])
    found = estimate_errors(Hypotheses(log_odds, logits), np.array([0, -1]))
    p = found.p_error[0]
    np.testing.assert_allclose(found.true_label_probs[0], [1 - p, p * 0.6, p * 0.4], rtol=1e-5)
    np.testing.assert_allclose(found.true_label_probs[1], [0.6, 0.3, 0.1], rtol=1e-5)
    assert np.isnan(found.p_error[1])
    assert found.noise_rate.value == pytest.approx(p)
    np.testing.assert_allclose(found.true_shares, found.true_label_probs[0], rtol=1e-6)


def test_verified_rows_are_known():
    hypotheses, given = made_up(50, 3)
    verified = np.full(50, -1)
    verified[:4] = [given[0], (given[1] + 1) % 3, 3, 7]  # right, wrong, and two unheard-of classes
    found = estimate_errors(hypotheses, given, verified_labels=verified)
    assert found.p_error[:4].tolist() == [0, 1, 1, 1]
    assert found.true_label_probs[0].tolist() == np.eye(3)[given[0]].tolist()
    assert found.true_label_probs[1].tolist() == np.eye(3)[(given[1] + 1) % 3].tolist()
    assert found.true_label_probs[2, given[2]] == 0
    np.testing.assert_allclose(found.true_label_probs.sum(axis=1), 1, rtol=1e-5)
    assert found.n_verified == 4


def test_a_verified_row_without_a_given_label_settles_itself_only():
    hypotheses, given = made_up(50, 3)
    given[0] = -1
    verified = np.full(50, -1)
    verified[0] = 2
    found = estimate_errors(hypotheses, given, verified_labels=verified)
    assert np.isnan(found.p_error[0])
    assert found.true_label_probs[0].tolist() == [0, 0, 1]
    assert found.n_verified == 0
    np.testing.assert_array_equal(found.p_error[1:], estimate_errors(hypotheses, given).p_error[1:])


@pytest.mark.parametrize("are_wrong", [True, False])
def test_verified_rows_move_the_others_and_narrow_the_interval(are_wrong):
    hypotheses, given = made_up(400, 2)
    prior = estimate_errors(hypotheses, given)
    verified = np.full(400, -1)
    verified[:100] = np.where(are_wrong, 1 - given[:100], given[:100])
    found = estimate_errors(hypotheses, given, verified_labels=verified)
    moved = found.p_error[100:] - prior.p_error[100:]
    assert (moved > 0).all() if are_wrong else (moved < 0).all()
    width = found.noise_rate.high - found.noise_rate.low
    assert width < 0.6 * (prior.noise_rate.high - prior.noise_rate.low)


def test_more_verified_rows_count_more():
    hypotheses, given = made_up(400, 2)
    rates = []
    for n_verified in (0, 2, 20, 200):
        verified = np.full(400, -1)
        verified[:n_verified] = 1 - given[:n_verified]
        found = estimate_errors(hypotheses, given, verified_labels=verified)
        rates.append(found.p_error[200:].mean())
    assert rates == sorted(rates)
    assert rates[1] - rates[0] < 0.15
    assert rates[3] > 0.9


def test_rows_that_were_picked_as_right_tell_nothing_of_the_others():
    hypotheses, given = made_up(300, 2)
    verified = np.where(np.arange(300) < 100, given, -1)
    prior = estimate_errors(hypotheses, given)
    found = estimate_errors(
        hypotheses, given, verified_labels=verified, learn_from=np.zeros(300, dtype=bool)
    )
    np.testing.assert_array_equal(found.p_error[100:], prior.p_error[100:])
    assert not found.p_error[:100].any()
    assert found.n_verified == 0


def test_a_class_of_which_the_verified_rows_are_wrong_is_suspected_most():
    hypotheses, given = made_up(600, 3)
    chosen = np.flatnonzero(np.arange(600) < 150)
    verified = np.full(600, -1)
    verified[chosen] = np.where(given[chosen] == 0, 1, given[chosen])  # only class 0 is wrong
    prior, found = (
        estimate_errors(hypotheses, given),
        estimate_errors(hypotheses, given, verified_labels=verified),
    )
    moved = (found.p_error - prior.p_error)[150:]
    assert (moved[given[150:] == 0] > 0).all()
    assert moved[given[150:] == 0].mean() > 0.3
    assert moved[given[150:] != 0].mean() < -0.1


def test_a_view_that_the_verified_rows_bear_out_weighs_more():
    hypotheses, given = made_up(600, 2)
    names = hypotheses.log_odds[:, 3]
    verified = np.full(600, -1)
    verified[:200] = np.where(names[:200] > -1.5, 1 - given[:200], given[:200])
    prior, found = (
        estimate_errors(hypotheses, given),
        estimate_errors(hypotheses, given, verified_labels=verified),
    )

    def follows(p):
        return np.corrcoef(p[200:], names[200:])[0, 1]

    assert follows(found.p_error) > follows(prior.p_error) + 0.3


def test_all_rows_verified_leave_only_the_sampling():
    hypotheses, given = made_up(300, 2)
    wrong = np.arange(300) < 60
    found = estimate_errors(hypotheses, given, verified_labels=np.where(wrong, 1 - given, given))
    assert found.noise_rate.value == pytest.approx(0.2)
    spread = np.sqrt(0.2 * 0.8 / 300)
    assert found.noise_rate.low == pytest.approx(0.2 - 1.645 * spread, abs=0.01)
    assert found.noise_rate.high == pytest.approx(0.2 + 1.645 * spread, abs=0.01)
    np.testing.assert_array_equal(found.p_error, wrong.astype(float))


def test_intervals_hold_their_value_and_absent_classes_have_none():
    hypotheses, given = made_up(500, 4)
    given[given == 2] = 1
    found = estimate_errors(hypotheses, given)
    assert np.isnan(found.class_noise_rates[2].value)
    for label in (0, 1, 3):
        rate = found.class_noise_rates[label]
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
        assert rate.value == pytest.approx(found.p_error[given == label].mean())


def test_every_class_has_an_interval_however_the_file_is_sorted():
    hypotheses, given = made_up(8_200, 7)
    given[:] = np.arange(8_200) % 2  # in turn: every second row would be of one class
    rare = [776, 777, 778, 779, 780]  # one row each, of which a sample holds about half
    given[rare] = range(2, 7)
    found = estimate_errors(hypotheses, given)
    for rate in found.class_noise_rates:
        assert 0 <= rate.low <= rate.value <= rate.high <= 1
    for label, row in enumerate(rare, 2):
        rate = found.class_noise_rates[label]
        assert rate.value == found.p_error[row]
        assert rate.high - rate.low > 0.02


def test_rows_added_for_rare_classes_do_not_count_twice_in_the_whole():
    """Nine rows of ten are surely right; the rest, in sixty small classes, are surely wrong."""
    n_rows = 40_000
    given = np.where(np.arange(n_rows) % 10 == 0, 1 + (np.arange(n_rows) // 10) % 60, 0)
    log_odds = np.repeat(np.where(given > 0, 3.0, -3.0)[:, None], 4, axis=1)
    model = ErrorModel(
        weights=(2, 0, 0, 0), intercept_sd=0.01, weights_sd=(0.01,) * 4, class_sd=0.01
    )
    logits = np.zeros((n_rows, 61), np.float32)
    found = estimate_errors(Hypotheses(log_odds, logits), given, model=model).noise_rate
    assert found.value == pytest.approx(0.1, abs=0.005)
    assert found.low == pytest.approx(0.1, abs=0.02)
    assert found.high == pytest.approx(0.1, abs=0.02)


def test_the_seed_decides_the_draws_and_nothing_else():
    hypotheses, given = made_up(300, 3)
    first, again, other = (estimate_errors(hypotheses, given, seed=seed) for seed in (1, 1, 2))
    assert first.noise_rate == again.noise_rate
    assert first.class_noise_rates == again.class_noise_rates
    assert other.noise_rate != first.noise_rate
    np.testing.assert_array_equal(other.p_error, first.p_error)


def test_the_arguments_are_left_alone():
    hypotheses, given = made_up(60, 3, unlabelled=0.2)
    before = hypotheses.log_odds.copy(), hypotheses.label_logits.copy(), given.copy()
    verified = np.where(given == 0, 1, -1)
    estimate_errors(hypotheses, given, verified_labels=verified)
    for array, copy in zip(
        (hypotheses.log_odds, hypotheses.label_logits, given), before, strict=True
    ):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("n_rows", "n_classes"), [(2, 2), (10, 5), (300, 100)])
def test_small_data_and_many_classes(n_rows, n_classes):
    hypotheses, given = made_up(n_rows, n_classes)
    given[:2] = [0, n_classes - 1]
    found = estimate_errors(hypotheses, given, verified_labels=np.where(given == 0, 0, -1))
    np.testing.assert_allclose(found.true_label_probs.sum(axis=1), 1, rtol=1e-5)
    assert ((found.p_error >= 0) & (found.p_error <= 1)).all()


def test_nothing_found_in_few_rows_is_no_proof_of_none():
    labels = np.arange(100) % 2
    odds = np.full((100, 4), -3.0)
    hypotheses = Hypotheses(odds, np.log(np.eye(2)[labels] * 0.98 + 0.01))
    sure = ErrorModel(intercept=-30.0)
    found = estimate_errors(hypotheses, labels, model=sure)
    assert found.noise_rate.value < 1e-6
    assert found.noise_rate.high >= 0.02  # 100 rows of which 2 % are wrong often show none
