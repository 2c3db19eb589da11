import numpy as np

from noisefix.confident.rows import summarize_rows

PROBS = np.array(
    [
        [0.7, 0.2, 0.1],  # given 0: right
        [0.7, 0.2, 0.1],  # given 1: the rival is 0
        [0.4, 0.4, 0.2],  # given 1: equal, but 0 comes first
        [0.4, 0.4, 0.2],  # given 0: equal, and first
        [0.1, 0.45, 0.45],  # unlabelled
    ]
)
GIVEN = np.array([0, 1, 1, 0, -1])


def test_summary_of_each_row():
    rows = summarize_rows(GIVEN, PROBS)
    np.testing.assert_array_equal(rows.self_confidence, [0.7, 0.2, 0.4, 0.4, np.nan])
    np.testing.assert_array_equal(rows.best_other, [1, 0, 0, 1, 1])
    np.testing.assert_array_equal(rows.best_other_prob, [0.2, 0.7, 0.4, 0.4, 0.45])
    np.testing.assert_array_equal(rows.predicted_label, PROBS.argmax(axis=1))
    np.testing.assert_array_equal(rows.predicted_prob, PROBS.max(axis=1))
    np.testing.assert_array_equal(rows.labelled, [True, True, True, True, False])


def test_a_tie_agrees_with_the_given_label_even_when_the_argmax_does_not():
    rows = summarize_rows(GIVEN, PROBS)
    np.testing.assert_array_equal(rows.agrees, [True, False, True, True, False])


def test_the_input_is_not_written_to():
    probs = PROBS.copy()
    probs.flags.writeable = False
    summarize_rows(GIVEN, probs)
    np.testing.assert_array_equal(probs, PROBS)
