from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.probing.flags import flag_rows
from noisefix.training.interface import TrainingData
from noisefix.training.targets import believed_labels, flagged_rows, one_hot

GIVEN = np.array([0, 1, 0, 1, -1])
PROBS = np.array([[0.1, 0.9], [0.4, 0.6], [0.0, 1.0], [0.3, 0.7], [0.45, 0.55]])
P_ERROR = np.array([0.9, 0.4, 1.0, 0.3, np.nan])
FLAGS = np.array([True, False, False, False, False])


def data(**known) -> TrainingData:
    return TrainingData(np.eye(5, dtype=np.float32), GIVEN, 2, **known)


def test_flagged_rows_have_the_estimate_and_others_their_given_label():
    known = data(true_label_probs=PROBS, p_error=P_ERROR, is_issue=FLAGS)
    found = believed_labels(known, "repair")
    np.testing.assert_array_equal(found[0], PROBS[0])  # flagged
    np.testing.assert_array_equal(found[[1, 3]], [[0, 1], [0, 1]])  # not flagged
    np.testing.assert_array_equal(found[2], [0, 1])  # a person has verified it as wrong
    np.testing.assert_array_equal(found[4], PROBS[4])  # unlabelled


def test_a_tool_that_flags_nothing_trains_on_the_given_labels():
    probs = np.clip(PROBS, 0.05, 0.95)
    known = data(true_label_probs=probs, p_error=P_ERROR, is_issue=np.zeros(5, bool))
    labelled = GIVEN >= 0
    found = believed_labels(known, "repair")
    np.testing.assert_array_equal(found[labelled], one_hot(GIVEN[labelled], 2))


def test_without_flags_p_error_flags_as_detect_would():
    known = data(true_label_probs=PROBS, p_error=P_ERROR)
    np.testing.assert_array_equal(flagged_rows(known, "prune"), flag_rows(P_ERROR))
    assert flagged_rows(replace(known, is_issue=FLAGS), "prune") is FLAGS


def test_an_estimate_alone_is_taken_for_all_rows():
    np.testing.assert_array_equal(believed_labels(data(true_label_probs=PROBS), "repair"), PROBS)


def test_what_is_missing_is_said_in_the_methods_name():
    with pytest.raises(DataError, match="sidyp needs true_label_probs"):
        believed_labels(data(p_error=P_ERROR), "sidyp")
    with pytest.raises(DataError, match="prune needs p_error"):
        flagged_rows(data(), "prune")
