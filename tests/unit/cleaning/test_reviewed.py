"""What a person's review makes of the rows of a run."""

import pytest

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.cleaning.review import (
    read_review,
)
from noisefix.cleaning.reviewed import overruled, reviewed_issues

CLASSES = ("bill", "ship")


IDS = ["a", "-1", "c", "d"]


@pytest.fixture
def issues(make_issues, verdict):
    rows = [
        verdict("ship", "bill", 0.60, is_issue=True),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.80, is_issue=True, is_trusted=True),
        verdict(None, "ship", 0.90),
    ]
    texts = ["=1+1", "'@me", "plain", 'a\nb, "c"']
    return make_issues(rows, CLASSES, ids=IDS, texts=texts)


@pytest.fixture
def decided(tmp_path):
    def write(content: str, classes=CLASSES):
        path = tmp_path / "review.csv"
        path.write_text("id,decision\n" + content)
        return read_review(path, IDS, classes)

    return write


def test_a_person_is_above_all_else(issues, decided):
    review = decided("a,bill\n-1,keep\nc,drop\nd,bill\n")
    for strategy in ("flag", "drop", "relabel", "weight"):
        params = ApplyParams(strategy, fill_unlabelled=True)
        found = overruled(decide(issues, CLASSES, params), issues, review)
        assert [(d.id, d.action, d.new_label) for d in found] == [
            ("a", "relabel", "bill"),
            ("c", "drop", None),
            ("d", "fill", "bill"),
        ]
        assert {d.annotator for d in found} == {"human"}
    table = reviewed_issues(issues, review)
    assert table["is_issue"].to_pylist() == [False, False, True, False]
    assert table["p_error"].to_pylist()[:2] == [0.0, 0.0]
    assert table["suggested_label"].to_pylist() == ["bill", "bill", "bill", "bill"]
    assert table["reasons"].to_pylist()[1] == ["a person keeps it"]
    assert table.schema == issues.schema


def test_the_given_label_as_decision_changes_nothing(issues, decided):
    review = decided("-1,bill\n")
    decisions = decide(issues, CLASSES, ApplyParams("relabel"))
    assert [d.id for d in decisions] == ["-1"]
    assert overruled(decisions, issues, review) == []
