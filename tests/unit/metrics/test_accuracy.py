import math

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.metrics.accuracy import accuracy, class_scores


def test_accuracy_counts_missing_labels_as_wrong():
    assert accuracy(np.array([0, 1, -1, 2]), np.array([0, 1, 2, 0])) == 0.5
    assert math.isnan(accuracy(np.zeros(0, int), np.zeros(0, int)))
    with pytest.raises(DataError, match="one length"):
        accuracy(np.array([0]), np.array([0, 1]))


def test_class_scores_are_about_the_given_class():
    given = np.array([0, 0, 0, 1])
    true = np.array([0, 1, 2, 1])
    flagged = np.array([True, True, False, False])
    first, second, third = class_scores(given, true, flagged, ("a", "b", "c"))
    assert (first.given_rows, first.true_rows) == (3, 1)
    assert first.given_wrong == pytest.approx(2 / 3)
    assert (first.flag_precision, first.flag_recall) == (0.5, 0.5)
    assert second.given_wrong == 0
    assert math.isnan(second.flag_precision)
    assert (third.given_rows, third.true_rows) == (0, 1)
