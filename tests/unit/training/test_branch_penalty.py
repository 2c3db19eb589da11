"""How hard SiDyP's branches are held back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.training.branch_penalty import TIMES, choose_branch_penalty
from noisefix.training.penalty import choose_penalty
from noisefix.training.stage_one import BranchParams

PARAMS = BranchParams(min_steps=20)


def times(data, epochs=10):
    return choose_branch_penalty(data, PARAMS, epochs=epochs, device="cpu") / choose_penalty(data)


def test_clean_rows_want_a_weak_penalty_and_guesses_the_strongest(make_problem):
    clean = make_problem(np.eye(12), n_rows=600, spread=0.1)
    noise = make_problem(np.full((3, 3), 1 / 3), n_rows=300, n_features=40)
    assert times(clean.data) < TIMES[1]
    assert times(noise.data) == pytest.approx(max(TIMES))


def test_rows_without_a_label_and_what_is_not_looked_at_change_nothing(make_problem):
    data = make_problem(np.eye(3) * 0.7 + 0.1, n_rows=240).data
    chosen = choose_branch_penalty(data, PARAMS, epochs=2, device="cpu")
    more = replace(
        data,
        features=np.concatenate([data.features, data.features[:5] + 1]),
        given_labels=np.concatenate([data.given_labels, np.full(5, -1)]),
        p_error=None,
        true_label_probs=None,
        pred_probs=None,
        candidate_weights=None,
        is_certain=None,
        is_issue=None,
        groups=None,
        word_features=None,
        repaired_labels=None,
    )
    assert choose_branch_penalty(more, PARAMS, epochs=2, device="cpu") == chosen


def test_copies_of_a_row_stay_on_one_side(make_problem):
    """Rows of guesses, each twice: seen beside its copy, each would be told right unheld."""
    noise = make_problem(np.full((3, 3), 1 / 3), n_rows=150, n_features=40).data
    twice = replace(
        noise,
        features=np.tile(noise.features, (2, 1)),
        given_labels=np.tile(noise.given_labels, 2),
        groups=np.tile(np.arange(150), 2),
        **dict.fromkeys(("p_error", "true_label_probs", "pred_probs", "candidate_weights")),
        is_certain=None,
        is_issue=None,
    )
    assert times(twice) == pytest.approx(max(TIMES))
