"""What the page is told of rows with one label, and of rows with several."""

import numpy as np
import pyarrow as pa
import pytest

from noisefix.reporting.details import worth_showing
from noisefix.reporting.judgement import judgement, membership, suspicious

NAMES = ("a", "b", "c|d")
ROWS = [
    # given, suggested, P(true label) by class, p_error, flagged
    ("a", "a|b", (0.9, 0.8, 0.1), 0.8, True),
    ("a|c\\|d", "c\\|d", (0.2, 0.1, 0.9), 0.8, True),
    ("", "b", (0.1, 0.45, 0.0), 0.5, True),
    ("b", "b", (0.0, 1.0, 0.0), 0.0, False),
    (None, "a", (0.7, 0.2, 0.0), None, False),
]


def issues(rows=ROWS):
    given, suggested, probs, p_error, flagged = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "given_label": pa.array(given, pa.string()),
            "suggested_label": suggested,
            "p_error": pa.array(p_error, pa.float64()),
            "is_issue": flagged,
            "rank": pa.array([1, 2, 3, 4, None][: len(rows)], pa.int64()),
            "true_label_probs": pa.array([list(p) for p in probs], pa.list_(pa.float32())),
            "is_trusted": [False] * len(rows),
        }
    )


@pytest.fixture
def several():
    return judgement(issues(), NAMES, {}, several_labels=True)


def test_rows_are_of_sets_of_classes(several):
    sets = [() if k < 0 else several.sets[k] for k in several.given_labels]
    assert sets == [(0,), (0, 2), (), (1,), ()]
    assert several.given_labels[4] == -1
    assert several.given_labels[2] >= 0  # labelled, with none
    assert [several.sets[k] for k in several.suggested_labels] == [(0, 1), (2,), (1,), (1,), (0,)]
    assert several.n_labelled == 4


def test_doubts_are_of_single_labels(several):
    wanted = [(0.1, 0.8, 0.1), (0.8, 0.1, 0.1), (0.1, 0.45, 0), (0, 0, 0), (0, 0, 0)]
    assert np.allclose(several.doubts, wanted)
    named = suspicious(several.doubts, several.is_issue)
    # from one half on; of a flagged row the most doubted one at least
    assert np.argwhere(named).tolist() == [[0, 1], [1, 0], [2, 1]]


def test_classes_count_labels(several):
    counts = {key: several.classes[key] for key in ("label", "rows", "issues", "lacking")}
    assert counts == {
        "label": list(NAMES),
        "rows": [2, 1, 1],
        "issues": [1, 0, 0],
        "lacking": [0, 2, 0],
    }
    assert several.classes["missing"] == pytest.approx([0.1, 1.35, 0.1], abs=1e-6)


def test_doubted_and_given_labels_are_shown_first(several):
    order = np.argsort(-worth_showing(several, np.arange(3)), axis=1, kind="stable")
    assert order[0].tolist() == [1, 0, 2]  # missing, given, neither
    assert order[1].tolist() == [0, 2, 1]
    assert order[2].tolist() == [1, 0, 2]


def test_a_class_that_only_a_person_named_has_a_place(several):
    rows = [("a", "a|new", (0.9, 0.1, 0.1), 1.0, False), *ROWS[1:]]
    found = judgement(issues(rows), NAMES, {}, several_labels=True)
    assert found.class_names == (*NAMES, "new")
    assert found.sets[found.suggested_labels[0]] == (0, 3)
    assert found.doubts.shape == (5, 4)
    assert several.class_names == NAMES


def test_one_label_a_row_is_a_set_of_one():
    rows = [("a", "b", (0.2, 0.7, 0.1), 0.8, True), ("c|d", "c|d", (0.1, 0.1, 0.8), 0.2, False)]
    found = judgement(issues(rows), NAMES, {})
    assert found.sets == ((0,), (1,), (2,))
    assert (found.given_labels.tolist(), found.suggested_labels.tolist()) == ([0, 2], [1, 2])
    assert found.doubts is None
    assert "lacking" not in found.classes
    assert membership(found.sets, 3)[found.given_labels].tolist() == [
        [True, False, False],
        [False, False, True],
    ]
