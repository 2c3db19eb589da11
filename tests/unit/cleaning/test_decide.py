import pyarrow as pa
import pytest

from noisefix.cleaning.decide import ApplyParams, decide, verdict_columns, weight_column
from noisefix.errors import UsageError
from noisefix.run.schemas import VOUCHED

CLASSES = ("a", "b", "c")


def test_decisions_come_in_table_order_with_their_evidence(make_issues, verdict):
    issues = make_issues(
        [
            verdict("a", "b", 0.95, is_issue=True),
            verdict("a", "a", 0.9),
            verdict("c", "b", 0.99, is_issue=True),
        ],
        CLASSES,
    )

    first, second = decide(issues, CLASSES, ApplyParams("relabel"))

    assert (first.row_number, first.given_label, first.new_label) == (1, "a", "b")
    assert (second.row_number, second.given_label, second.new_label) == (3, "c", "b")
    assert first.p_error == pytest.approx(0.975)
    assert first.reasons == ("9 of 10 nearest rows say b",)


def test_only_flagged_rows_are_relabelled(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.99, is_issue=False)], CLASSES)
    assert decide(issues, CLASSES, ApplyParams("relabel")) == []


def test_thresholds_are_inclusive(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.75, is_issue=True)], CLASSES)
    # The other two classes have 0.125 each.
    assert decide(issues, CLASSES, ApplyParams("relabel", 0.75, 0.625))
    assert not decide(issues, CLASSES, ApplyParams("relabel", 0.75, 0.6251))
    assert not decide(issues, CLASSES, ApplyParams("relabel", 0.7501, 0.625))


def test_unlabelled_rows_have_no_given_label_to_beat(make_issues, verdict):
    issues = make_issues([verdict(None, "c", 0.92)], CLASSES)
    assert decide(issues, CLASSES, ApplyParams("relabel")) == []
    (decision,) = decide(issues, CLASSES, ApplyParams("flag", fill_unlabelled=True))
    assert (decision.action, decision.new_label, decision.given_label) == ("fill", "c", None)


def test_a_slice_of_a_table_is_decided_like_the_table(make_issues, verdict):
    rows = [verdict("a", "a", 0.9), verdict("a", "b", 0.95, is_issue=True)] * 3
    issues = make_issues(rows, CLASSES)
    found = decide(issues.slice(2), CLASSES, ApplyParams("relabel"))
    assert [d.row_number for d in found] == [4, 6]


def test_bad_parameters_are_usage_errors():
    with pytest.raises(UsageError, match="strategy 'fix' is unknown"):
        ApplyParams("fix")
    with pytest.raises(UsageError, match="min_margin is 2"):
        ApplyParams(min_margin=2)


def test_verdict_columns_are_texts_for_every_row(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.8, is_issue=True), verdict(None, "c", 0.5)], CLASSES)
    columns = verdict_columns(issues, "x_")
    assert columns == {
        "x_is_issue": ["true", "false"],
        "x_suggested_label": ["b", "c"],
        "x_p_error": ["0.9000", ""],
        "x_reasons": ["9 of 10 nearest rows say b", "9 of 10 nearest rows say c"],
    }


def test_without_a_witness_nobody_changes_a_label_unasked(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.95, is_issue=True)], CLASSES)
    assert decide(issues, CLASSES, ApplyParams("relabel"), has_witness=False) == []
    asked = ApplyParams("relabel", min_probability=0.9)
    assert decide(issues, CLASSES, asked, has_witness=False)[0].new_label == "b"
    assert decide(issues, CLASSES, ApplyParams("flag"), has_witness=False)[0].action == "flag"


def test_weights_are_how_probably_the_label_is_right(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.8, is_issue=True), verdict(None, "c", 0.5)], CLASSES)
    assert weight_column(issues, "x_") == {"x_weight": ["0.1000", "0.0000"]}
    assert decide(issues, CLASSES, ApplyParams("weight")) == []


def test_a_label_that_a_person_verified_replaces_the_given_one(make_issues, verdict):
    rows = [verdict("a", "b", 1.0, is_trusted=True), verdict("a", "a", 1.0, is_trusted=True)]
    issues = make_issues(rows, CLASSES)
    place = issues.schema.get_field_index("p_error")
    issues = issues.set_column(place, "p_error", pa.array([1.0, 0.0]))
    (decision,) = decide(issues, CLASSES, ApplyParams("relabel"), has_witness=False)
    assert (decision.row_number, decision.new_label) == (1, "b")
    assert decide(issues, CLASSES, ApplyParams("flag")) == []


def test_a_verified_class_that_no_row_was_given_is_applied(make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.99, is_trusted=True)], CLASSES)
    for name, value in (("suggested_label", ["new"]), ("p_error", [1.0])):
        place = issues.schema.get_field_index(name)
        issues = issues.set_column(place, name, pa.array(value))
    (decision,) = decide(issues, CLASSES, ApplyParams("relabel"), has_witness=True)
    assert decision.new_label == "new"


def test_with_annotators_only_what_they_vouch_for_is_changed(make_issues, verdict):
    rows = [verdict("a", "b", 0.95, is_issue=True)] * 2 + [verdict("a", "b", 0.95)]
    issues = make_issues(rows, CLASSES).append_column(VOUCHED, pa.array([True, False, True]))
    (decision,) = decide(issues, CLASSES, ApplyParams("relabel"), has_witness=True)
    assert decision.row_number == 1
    # A threshold of the user's own holds for all.
    found = decide(issues, CLASSES, ApplyParams("relabel", min_probability=0.9))
    assert [decision.row_number for decision in found] == [1, 2]
