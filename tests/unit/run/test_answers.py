import pyarrow as pa
import pytest

from noisefix.cleaning.decide import ApplyParams, decide
from noisefix.errors import DataError
from noisefix.run.answers import read_verdicts, with_answers

CLASSES = ("a", "b", "c")


def answers(*rows):
    """One answer a row: id, action, final label, p_error."""
    return pa.table(
        {
            "id": [row[0] for row in rows],
            "action": [row[1] for row in rows],
            "final_label": pa.array([row[2] for row in rows], pa.string()),
            "p_error": pa.array([row[3] for row in rows], pa.float64()),
            "reasons": pa.array([["the annotator says so"] for _ in rows], pa.list_(pa.string())),
            "annotator": ["column"] * len(rows),
            "cost_usd": [0.25] * len(rows),
        }
    )


@pytest.fixture
def issues(make_issues, verdict):
    return make_issues(
        [
            verdict("a", "b", 0.95, is_issue=True),
            verdict("a", "b", 0.95, is_issue=True),
            verdict("c", "b", 0.6, is_issue=True),
            verdict("b", "b", 0.99),
        ],
        CLASSES,
    )


def test_the_weighed_answer_decides_whatever_the_models_say(issues):
    first, second, third, _ = issues["id"].to_pylist()
    merged = with_answers(issues, answers((first, "keep", "a", 0.1), (third, "relabel", "a", 0.9)))

    kept_second, changed_third = decide(merged, CLASSES, ApplyParams("relabel"))
    assert (kept_second.id, kept_second.new_label) == (second, "b")
    assert kept_second.annotator == "noisefix"
    assert (changed_third.id, changed_third.new_label) == (third, "a")
    assert (changed_third.annotator, changed_third.cost_usd) == ("column", 0.25)
    assert changed_third.reasons[0] == "the annotator says so"
    assert changed_third.p_error == 0.9


def test_what_is_kept_is_no_issue_and_review_still_is(issues):
    first, second, *_ = issues["id"].to_pylist()
    merged = with_answers(issues, answers((first, "keep", "a", 0.1), (second, "review", "b", 0.5)))
    assert merged["is_issue"].to_pylist() == [False, True, True, False]
    dropped = decide(merged, CLASSES, ApplyParams("drop"))
    assert [d.row_number for d in dropped] == [2, 3]
    assert decide(merged, CLASSES, ApplyParams("relabel", min_probability=0.99)) == []


def test_answers_need_no_witness(issues):
    third = issues["id"].to_pylist()[2]
    merged = with_answers(issues, answers((third, "relabel", "a", 0.9)))
    (decision,) = decide(merged, CLASSES, ApplyParams("relabel"), has_witness=False)
    assert decision.id == third


def test_order_and_ids_decide_what_joins(issues):
    merged = with_answers(issues, answers(("nobody", "relabel", "a", 0.9)))
    assert merged.select(issues.column_names).equals(issues)
    assert merged["action"].null_count == issues.num_rows


def test_answers_to_an_earlier_issues_table_are_refused(make_run, verdict):
    from noisefix.run.parquet import write_table
    from noisefix.run.provenance import Provenance
    from noisefix.run.schemas import RELABELS

    run = make_run("text,label\nhi,a\nho,b\n", [verdict("a", "a", 0.9), verdict("b", "b", 0.9)])
    assert "action" not in read_verdicts(run)[0].column_names
    empty = RELABELS.arrow().empty_table()
    about = Provenance(
        schema=RELABELS.name,
        version=RELABELS.version,
        noisefix_version="0",
        class_names=("a", "b"),
        inputs={"issues": "of another day"},
    )
    write_table(empty, run.relabels, RELABELS, about)
    with pytest.raises(DataError, match="earlier issues"):
        read_verdicts(run)
