"""The order counts where it explains labels, and changes nothing where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.probability import sigmoid
from noisefix.probing.group_rates import group_rates
from noisefix.probing.hidden_chain import NO_PLACE, Sequences
from noisefix.probing.hypotheses import Hypotheses
from noisefix.probing.readings import CALIBRATIONS, Read
from noisefix.probing.sequence import Chain, odds_shift, smooth, with_chain

N_CLASSES = 3


def runs(n_rows=600, length=5, noise=0.25, seed=0):
    """Labels in runs of one class, a quarter of them wrong; the text says half of it."""
    rng = np.random.default_rng(seed)
    true = np.repeat(rng.integers(0, N_CLASSES, n_rows // length), length)
    random = rng.integers(0, N_CLASSES, n_rows)
    given = np.where(rng.random(n_rows) < noise, random, true)
    text = np.full((n_rows, N_CLASSES), 0.2)
    heard = np.where(rng.random(n_rows) < 0.6, true, rng.integers(0, N_CLASSES, n_rows))
    text[np.arange(n_rows), heard] = 0.6
    both = text * np.where(np.arange(N_CLASSES) == given[:, None], 0.8, 0.1)
    return true, given, text, both / both.sum(axis=1, keepdims=True)


def in_file_order(n_rows=600):
    return Sequences(np.zeros(n_rows, np.int64), np.arange(n_rows))


def test_runs_are_heard():
    true, given, text, both = runs()
    chain = smooth(both, text, given, in_file_order())
    assert chain.is_used
    assert chain.gain > 2 * chain.gain_error > 0
    after = both * np.exp(chain.log_ratio)
    right = after.argmax(axis=1) == true
    assert right.mean() > (both.argmax(axis=1) == true).mean() + 0.08
    shift = odds_shift(both, given, chain.log_ratio)
    assert shift[given != true].mean() > 0 > shift[given == true].mean()


@pytest.mark.parametrize("seed", range(5))
def test_a_shuffled_order_is_refused(seed):
    _, given, text, both = runs(seed=seed)
    order = np.random.default_rng(seed).permutation(600)
    chain = smooth(both, text, given, Sequences(np.zeros(600, np.int64), order))
    assert not chain.is_used
    assert not chain.log_ratio.any()


def test_the_order_that_the_labels_gave_is_refused():
    _, given, text, both = runs()
    order = np.argsort(np.argsort(given, kind="stable"))
    chain = smooth(both, text, given, Sequences(np.zeros(600, np.int64), order))
    assert not chain.is_used
    assert "sorted by their labels" in chain.refused


@pytest.mark.parametrize("n_placed", [0, 2, 15])
def test_too_few_rows_are_refused(n_placed):
    _, given, text, both = runs()
    places = np.where(np.arange(600) < n_placed, np.arange(600), NO_PLACE)
    chain = smooth(both, text, given, Sequences(np.zeros(600, np.int64), places))
    assert not chain.is_used
    assert "too few" in chain.refused


def test_too_many_classes_are_refused():
    probs = np.full((700, 600), 1 / 600)
    given = np.arange(700) % 600
    assert "too many" in smooth(probs, probs, given, in_file_order(700)).refused


def evidence(both, given):
    own = both[np.arange(len(given)), given]
    base = np.log(1 - own) - np.log(own)
    only = np.column_stack([sigmoid(base)] * 2)
    readings = Read(base, np.zeros((len(given), 2)), only, CALIBRATIONS["unknown"])
    logits = np.log(both).astype(np.float32)
    return Hypotheses(np.zeros((len(given), 4)), logits), readings


def test_what_the_chain_says_is_the_posterior():
    _, given, text, both = runs()
    chain = smooth(both, text, given, in_file_order())
    hypotheses, readings = with_chain(*evidence(both, given), both, given, chain)
    after = both * np.exp(chain.log_ratio.astype(np.float64))
    after /= after.sum(axis=1, keepdims=True)
    rows = np.arange(len(given))
    expected = 1 - after[rows, given]
    inside = np.abs(readings.base - evidence(both, given)[1].base) < 4
    np.testing.assert_allclose(sigmoid(readings.base)[inside], expected[inside], atol=1e-6)
    np.testing.assert_allclose(hypotheses.label_logits, np.log(both) + chain.log_ratio, atol=1e-5)


def test_a_chain_that_says_nothing_changes_nothing():
    _, given, _, both = runs()
    made = evidence(both, given)
    silent = np.zeros(both.shape, np.float32)
    for is_used in (True, False):
        chain = Chain(is_used, 0.0, 0.0, 0.0, 0.0, 600, silent)
        found = with_chain(*made, both, given, chain)
        assert found[0] is made[0]
        assert found[1] is made[1]


def test_rows_without_a_place_get_no_message():
    _, given, text, both = runs()
    places = np.arange(600)
    places[::7] = NO_PLACE
    chain = smooth(both, text, given, Sequences(np.zeros(600, np.int64), places))
    assert chain.is_used
    assert not chain.log_ratio[::7].any()


def test_unlabelled_rows_speak_and_are_spoken_to():
    _, given, text, both = runs()
    given[::9] = -1
    both[::9] = text[::9]
    chain = smooth(both, text, given, in_file_order())
    assert chain.is_used
    assert chain.log_ratio[::9].any(axis=1).mean() > 0.9
    assert not odds_shift(both, given, chain.log_ratio)[::9].any()


def groups_of(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(f"thread {k}" for k in range(len(sizes)))
    return Sequences(groups, np.arange(len(groups)), names)


def test_a_bad_group_comes_first_and_is_drawn_to_the_mean():
    p_error = np.r_[np.full(50, 0.1), np.full(50, 0.12), np.full(50, 0.6)]
    p_error += 0.02 * np.random.default_rng(0).normal(size=150)
    first = group_rates(p_error, groups_of([50, 50, 50]))[0]
    assert first.group == "thread 2"
    assert 0.5 < first.noise_rate < p_error[100:].mean()
    assert first.rows == 50


def test_groups_that_differ_by_chance_only_are_all_the_same():
    p_error = np.tile([0.0, 1.0, 0.0, 0.0], 25)
    rates = {round(rate.noise_rate, 6) for rate in group_rates(p_error, groups_of([4] * 25))}
    assert rates == {0.25}


def test_groups_of_one_row_are_drawn_to_the_mean():
    found = group_rates(np.array([0.1, 0.9, np.nan]), groups_of([1, 1, 1]))
    assert [rate.noise_rate for rate in found] == [0.5, 0.5]


def test_without_groups_there_are_no_rates():
    assert group_rates(np.array([0.1, 0.9]), in_file_order(2)) == []
    assert group_rates(np.full(2, np.nan), groups_of([1, 1])) == []
