from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.training.interface import TrustedRows
from noisefix.training.selection import choose_criterion

NOISE = 0.5 * np.eye(3) + 0.5 / 3


def test_the_criterion_prefers_the_truth_to_the_given_labels(make_problem):
    problem = make_problem(NOISE)
    criterion = choose_criterion(problem.data)
    assert criterion.name == "neighbours"
    right = 0.8 * np.eye(3)[problem.true_labels] + 0.2 / 3
    by_heart = 0.8 * np.eye(3)[problem.data.given_labels] + 0.2 / 3
    assert criterion.score(right) > criterion.score(by_heart)


def test_trusted_rows_come_first(make_problem):
    problem = make_problem(NOISE)
    trusted = TrustedRows(problem.test_features[:4], problem.test_labels[:4])
    criterion = choose_criterion(replace(problem.data, trusted=trusted))
    assert criterion.name == "trusted"
    probs = np.full((4, 3), 0.25)
    probs[np.arange(4), trusted.labels] = 0.5
    assert criterion.score(probs) == pytest.approx(np.log(0.5))


def test_estimated_labels_serve_where_there_is_no_vote_and_nothing_where_nothing_is(make_problem):
    data = replace(make_problem(NOISE).data, candidate_weights=None)
    assert choose_criterion(data).name == "corrected"
    assert choose_criterion(replace(data, true_label_probs=None)) is None
