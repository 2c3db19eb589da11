from itertools import pairwise

import numpy as np
import pytest

from noisefix.annotators.protocol import Answer
from noisefix.relabelling.rounds import N_ROUNDS, first_rows, rounds


@pytest.fixture
def rows(random_rows):
    return random_rows(300, seed=2)


def answers_to(rows, now, truth):
    return [Answer(rows.ids[r], rows.class_names[truth[r]], is_label=True) for r in now.tolist()]


def test_the_probe_is_unflagged_spread_and_in_random_order(rows):
    rows.is_trusted[np.flatnonzero(~rows.is_issue)[:20]] = True
    asked, probe = first_rows(rows, 120, 30, seed=4)
    assert len(asked) == len(set(asked.tolist())) == 120
    assert len(probe) == 30
    assert not rows.is_issue[probe].any()
    assert not rows.is_trusted[asked].any()
    places = np.flatnonzero(np.isin(asked, probe))
    assert len(places) == 30
    assert max(b - a for a, b in pairwise(places.tolist())) <= 6
    in_order = asked[places]
    assert not np.array_equal(in_order, np.sort(in_order))
    half = in_order[:15]
    assert 0.2 < np.mean(half < np.median(probe)) < 0.8


def test_the_probe_follows_the_seed(rows):
    _, first = first_rows(rows, 120, 30, seed=1)
    _, again = first_rows(rows, 120, 30, seed=1)
    _, other = first_rows(rows, 120, 30, seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(np.sort(first), np.sort(other))


def test_the_probe_takes_half_at_most(rows):
    asked, probe = first_rows(rows, 9, 50)
    assert (len(asked), len(probe)) == (9, 4)
    asked, probe = first_rows(rows, 0, 50)
    assert (len(asked), len(probe)) == (0, 0)


def test_twins_of_the_probe_are_not_asked_as_well(rows):
    rows.groups[:] = np.arange(300) // 2
    rows.given_labels[1::2] = rows.given_labels[::2]
    asked, probe = first_rows(rows, 300, 40)
    ranked = asked[~np.isin(asked, probe)]
    groups = set(rows.groups[ranked].tolist())
    assert len(groups) == len(ranked)
    assert groups.isdisjoint(rows.groups[probe].tolist())


@pytest.mark.parametrize("n_most", [1, 10, 37, 150, 300])
def test_rounds_never_repeat_a_row_and_keep_to_the_limit(rows, n_most):
    truth = np.random.default_rng(0).integers(0, 4, 300)
    first, probe = first_rows(rows, n_most, 20)
    answers: list[Answer] = []
    seen: list[int] = []
    n_rounds = 0
    for now in rounds(rows, first, probe, n_most, answers):
        n_rounds += 1
        seen += now.tolist()
        answers += answers_to(rows, now, truth)
    assert len(seen) == len(set(seen)) == n_most
    assert n_rounds <= N_ROUNDS
    assert set(probe.tolist()) <= set(seen)


def test_the_first_round_follows_the_plan_and_the_next_what_was_learned(rows):
    first, probe = first_rows(rows, 100, 0)
    told = {}
    for name, truth in (("right", rows.true_label_probs.argmax(1)), ("one class", np.zeros(300))):
        answers: list[Answer] = []
        order = []
        for now in rounds(rows, first, probe, 100, answers):
            order.append(now)
            answers += answers_to(rows, now, truth.astype(int))
        assert np.array_equal(order[0], first[:25])
        told[name] = np.concatenate(order)
    assert not np.array_equal(told["right"], told["one class"])


def test_rounds_go_on_without_any_answer(rows):
    first, probe = first_rows(rows, 100, 10)
    assert sum(len(now) for now in rounds(rows, first, probe, 100, [])) == 100


def test_rows_without_a_text_are_never_asked_about(rows):
    silent = np.arange(0, 300, 3)
    for row in silent.tolist():
        rows.texts[row] = [" ", "...", "N/A"][row % 3]
    asked, probe = first_rows(rows, 300, 60)
    assert len(probe) == 60
    assert not np.isin(asked, silent).any()
    answers = []
    for now in rounds(rows, asked[:80], probe, 300, answers):
        answers += answers_to(rows, now, rows.given_labels)
        assert not np.isin(now, silent).any()
