"""Contrast accuracy, counted by hand."""

from __future__ import annotations

import numpy as np

from noisefix.evaluation.contrast import PairScores, pair_scores


def test_four_pairs_by_hand():
    # (text, edit): both right; the edit taken for its text; the wrong way round; both one class
    labels = np.array([0, 0, 1, 2])
    edited = np.array([1, 1, 2, 0])
    said = np.array([0, 0, 2, 1])
    edited_said = np.array([1, 0, 1, 1])
    scores = pair_scores(labels, edited, said, edited_said)
    assert scores == PairScores(
        pairs=4, both_right=1, both_wrong_way=1, text_right=2, edited_right=1
    )


def test_one_class_said_of_everything_is_never_right_of_a_pair():
    labels, edited = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    zeros = np.zeros(4, int)
    scores = pair_scores(labels, edited, zeros, zeros)
    assert (scores.both_right, scores.both_wrong_way) == (0, 0)
    assert scores.text_right + scores.edited_right == 4
