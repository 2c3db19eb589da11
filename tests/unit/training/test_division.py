from __future__ import annotations

import numpy as np

from noisefix.training.division import Divider, division_table

GIVEN = np.array([0, 0, 1, 1, -1])
#                  sure+right   sure, other   discrepant, unsure  discrepant, surer  unlabelled
STRONG = np.array([[0.95, 0.05], [0.05, 0.95], [0.55, 0.45], [0.9, 0.1], [0.9, 0.1]])
WEAK = np.array([[0.90, 0.10], [0.10, 0.90], [0.48, 0.52], [0.4, 0.6], [0.9, 0.1]])


def test_rows_are_divided_as_the_paper_says():
    divider = Divider(5, 2, momentum=0.5)
    for epoch in range(1, 6):
        found = divider.divide(epoch, STRONG, WEAK, GIVEN)
    assert found.rows("R").tolist() == [0]
    assert found.rows("P").tolist() == [1, 2]
    assert found.rows("H").tolist() == [3]
    assert found.rows("-").tolist() == [4]
    assert found.predicted.tolist() == [0, 1, 0, 0, 0]


def test_confidence_is_a_running_average_and_thresholds_rise_with_it():
    divider = Divider(5, 2, momentum=0.5)
    first = divider.divide(1, STRONG, WEAK, GIVEN)
    mean = (STRONG + WEAK)[0, 0] / 2
    np.testing.assert_allclose(first.confidence[0], 0.5 * 0.5 + 0.5 * mean)
    thresholds = [first.thresholds]
    thresholds += [divider.divide(e, STRONG, WEAK, GIVEN).thresholds for e in range(2, 9)]
    assert (np.diff(thresholds, axis=0) > 0).all()
    np.testing.assert_allclose(
        first.thresholds[0], 0.5 * 0.5 + 0.5 * first.confidence[[0, 1]].mean()
    )


def test_the_table_has_a_row_for_each_row_and_epoch():
    divider = Divider(5, 2)
    divisions = [divider.divide(epoch, STRONG, WEAK, GIVEN) for epoch in (1, 2)]
    table = division_table(divisions, list("abcde"), ("no", "yes"))
    assert table.num_rows == 10
    assert table["epoch"].to_pylist() == [1] * 5 + [2] * 5
    assert table["id"].to_pylist() == list("abcdeabcde")
    assert table["predicted_label"][1].as_py() == "yes"
    assert table["subset"][4].as_py() == "-"
