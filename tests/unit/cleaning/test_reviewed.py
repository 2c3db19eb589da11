"""What a person's review makes of the rows of a run."""

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.cleaning.reviewed import overruled, reviewed_issues

CLASSES = ("bill", "ship")


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
