import numpy as np
import pytest

from noisefix.confident.joint import calibrate, confident_joint, estimate_joint
from noisefix.errors import DataError

# Thresholds are (0.8 + 0.2) / 2 = 0.5 and (0.9 + 0.6) / 2 = 0.75.
PROBS = np.array([[0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.4, 0.6]])
GIVEN = np.array([0, 0, 1, 1])


def test_rows_are_counted_where_they_reach_a_threshold():
    result = confident_joint(GIVEN, PROBS)
    np.testing.assert_allclose(result.thresholds, [0.5, 0.75])
    # Row 4 reaches neither; row 2 is given 0 and confidently 1.
    np.testing.assert_array_equal(result.counts, [[1, 1], [0, 1]])
    np.testing.assert_array_equal(result.calibrated, [[1, 1], [0, 2]])
    np.testing.assert_array_equal(result.joint, [[0.25, 0.25], [0, 0.5]])
    np.testing.assert_array_equal(result.off_diagonal_issues, [1])


def test_unlabelled_rows_change_nothing():
    probs = np.vstack([[[0.0, 1.0]], PROBS, [[1.0, 0.0]]])
    given = np.r_[-1, GIVEN, -1]
    result = confident_joint(given, probs)
    np.testing.assert_array_equal(result.counts, [[1, 1], [0, 1]])
    np.testing.assert_array_equal(result.calibrated, [[1, 1], [0, 2]])
    np.testing.assert_array_equal(result.off_diagonal_issues, [2])


def test_collisions_by_cleanlab_and_by_the_paper():
    # Classes 0 and 2 are reached, 3 is the largest but not reached: issue 1248's example.
    probs = np.array([[0.1, 0.2, 0.3, 0.4]])
    given = np.array([2])
    thresholds = np.array([0.01, 0.5, 0.01, 0.5])
    as_cleanlab = confident_joint(given, probs, thresholds=thresholds)
    as_paper = confident_joint(given, probs, thresholds=thresholds, collision="confident")
    np.testing.assert_array_equal(as_cleanlab.off_diagonal_issues, [0])
    assert as_cleanlab.counts[2, 3] == 1
    assert as_paper.off_diagonal_issues.size == 0
    np.testing.assert_array_equal(as_paper.counts, np.eye(4))


def test_both_readings_count_a_single_confident_class_below_the_argmax():
    probs = np.array([[0.1, 0.2, 0.3, 0.4]])
    thresholds = np.array([0.5, 0.5, 0.3, 0.5])
    for collision in ("all", "confident"):
        result = confident_joint(np.array([1]), probs, thresholds=thresholds, collision=collision)
        assert result.counts[1, 2] == 1


def test_a_class_without_rows_keeps_a_diagonal_of_one_and_calibrates_to_zero():
    result = confident_joint(GIVEN, np.c_[PROBS, np.zeros(4)])
    np.testing.assert_array_equal(result.counts[2], [0, 0, 1])
    np.testing.assert_array_equal(result.calibrated[2], [0, 0, 0])


def test_no_labelled_row_is_an_error():
    with pytest.raises(DataError, match="no row has a label"):
        confident_joint(np.full(4, -1), PROBS)


def test_calibration_keeps_row_sums_and_is_idempotent():
    counts = np.array([[3, 1, 2], [0, 5, 1], [1, 1, 1]])
    given = np.repeat([0, 1, 2, -1], [10, 7, 100, 4])
    calibrated = calibrate(counts, given)
    # 10 * (3, 1, 2) / 6 = 5, 1.67, 3.33; 7 * (0, 5, 1) / 6 = 0, 5.83, 1.17.
    np.testing.assert_array_equal(calibrated, [[5, 2, 3], [0, 6, 1], [33, 33, 34]])
    np.testing.assert_array_equal(calibrate(calibrated, given), calibrated)
    np.testing.assert_allclose(estimate_joint(counts, given), calibrated / 117)


def test_calibration_leaves_a_row_without_counts_on_the_diagonal():
    np.testing.assert_array_equal(
        calibrate(np.array([[0, 0], [1, 1]]), np.array([0, 0, 0, 1, 1])), [[3, 0], [1, 1]]
    )


def test_calibration_is_exact_for_very_many_rows():
    given = np.zeros(1_000_000, dtype=np.int64)
    calibrated = calibrate(np.array([[999_983, 17], [0, 1]]), given)
    np.testing.assert_array_equal(calibrated, [[999_983, 17], [0, 0]])


@pytest.mark.parametrize(
    "counts",
    [np.ones((2, 3)), np.array([[1, -1], [0, 1]]), np.array([[0.5, 0.5], [0, 1]])],
)
def test_calibration_wants_a_square_of_counts(counts):
    with pytest.raises(DataError):
        calibrate(counts, np.array([0, 1]))


def test_calibration_wants_labels_that_fit():
    with pytest.raises(DataError, match="class id 2"):
        calibrate(np.eye(2), np.array([0, 2]))
