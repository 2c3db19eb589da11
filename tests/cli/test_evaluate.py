"""``noisefix evaluate``: the numbers, the join, and what it refuses."""

from __future__ import annotations

import json

import pytest

LINES = [
    "id,text,label,truth",
    "t1,where,ship,ship",
    "t2,money,bill,ship",
    "t3,parcel,ship,bill",
    "t4,invoice,bill,bill",
    "t5,no label,,bill",
    "t6,no truth,ship,",
]
CSV = "\n".join(LINES) + "\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "ship", 0.9),
        verdict("bill", "ship", 0.95, is_issue=True),
        verdict("ship", "ship", 0.7),
        verdict("bill", "ship", 0.65, is_issue=True),
        verdict(None, "bill", 0.9),
        verdict("ship", "bill", 0.9, is_issue=True),
    ]
    return make_run(CSV, rows, id_column="id", noise_rate=(0.4, 0.2, 0.6))


def evaluated(cli, *arguments):
    outcome = cli("evaluate", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_numbers_are_those_counted_by_hand(cli, run):
    result = evaluated(cli, run.path, "--truth", "truth")
    assert (result["rows"], result["scored"], result["without_truth"]) == (6, 4, 1)
    assert result["errors"] == 2
    # By p_error: t2 (.95, wrong), t4 (.65, right), t3 (.3, wrong), t1 (.1, right).
    assert result["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert result["area_under_roc"] == pytest.approx(0.75)
    assert result["flags"] == {
        "flagged": 2,
        "errors": 2,
        "true_positives": 1,
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
    }
    assert result["precision_at"] == {"2": 0.5}
    expected = (abs(0.05) + abs(0.65) + abs(0.7) + abs(0.1)) / 4
    assert result["calibration_error"] == pytest.approx(expected)
    assert result["noise_rate"] == {"estimated": 0.4, "low": 0.2, "high": 0.6, "true": 0.5}
    assert result["repair"]["before"] == 0.5
    assert result["repair"]["after"] == 0.75  # t2 only: t4 is not clear enough
    assert result["repair"]["suggested"] == 0.5
    assert (result["repair"]["changed"], result["repair"]["improved"]) == (1, 1)
    assert (result["unlabelled"], result["filled"]) == (1, 1.0)


def test_table_for_people(cli, run):
    outcome = cli("evaluate", run.path, "--truth", "truth")
    assert outcome.code == 0
    assert outcome.out.startswith("4 labelled rows with a truth, 2 of them wrong; 1 without")
    for line in (
        "average precision                       0.833",
        "flags: precision                        0.500 (1 of 2)",
        "noise rate, 90 % interval               20 to 60 %, holds the true rate",
        "labels right after apply (relabel)      75.0 % (1 changed: 1 improved, 0 spoiled)",
    ):
        assert line in outcome.out


def test_truth_of_another_file_is_joined_by_id(cli, run, tmp_path):
    other = tmp_path / "truth.csv"
    shuffled = [LINES[0].replace("label", "other"), *LINES[:0:-1]]
    other.write_text("\n".join(shuffled) + "\n")
    assert evaluated(cli, run.path, "--truth", "truth", "--data", other) == evaluated(
        cli, run.path, "--truth", "truth"
    )


def test_truth_needs_nothing_but_ids(cli, run, tmp_path):
    other = tmp_path / "truth.csv"
    other.write_text("key,real\nt2,ship\nt1,ship\nt99,bill\n")
    result = evaluated(cli, run.path, "--truth", "real", "--data", other, "--id-column", "key")
    assert (result["scored"], result["without_truth"], result["errors"]) == (2, 4, 1)


def test_truth_with_a_class_never_given(cli, run, tmp_path):
    other = tmp_path / "truth.csv"
    other.write_text("id,real\nt1,other\nt2,ship\n")
    result = evaluated(cli, run.path, "--truth", "real", "--data", other)
    assert result["errors"] == 2
    assert [c["label"] for c in result["classes"]] == ["bill", "ship", "other"]


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, "")
    for part in ("error: ", "hint: ", *parts):
        assert str(part) in outcome.err


def test_refusals(cli, run, tmp_path):
    refusal(cli("evaluate", run.path, "--truth", "trooth"), 3, "'trooth'", "id, text, label, truth")
    refusal(cli("evaluate", run.path, "--truth", "label"), 2, "given labels")
    other = tmp_path / "other.csv"
    other.write_text("id,real\nx1,ship\nx2,bill\n")
    refusal(
        cli("evaluate", run.path, "--truth", "real", "--data", other),
        3,
        other.name,
        "0 of their ids",
    )
    other.write_text("id,real\nt1,ship\nt1,bill\n")
    refusal(cli("evaluate", run.path, "--truth", "real", "--data", other), 3, "'t1'", "rows 1, 2")
    other.write_text("name,real\nt1,ship\n")
    refusal(cli("evaluate", run.path, "--truth", "real", "--data", other), 3, "no column 'id'")


def test_rows_without_ids_are_joined_by_position_only_if_they_are_the_same(
    cli, make_run, verdict, tmp_path
):
    rows = [verdict("x", "x", 0.9), verdict("y", "x", 0.9)]
    run = make_run("text,label\na,x\nb,y\n", rows)
    other = tmp_path / "truth.csv"
    other.write_text("text,real\na,x\nb,x\n")
    assert evaluated(cli, run.path, "--truth", "real", "--data", other)["errors"] == 1
    other.write_text("text,real\nb,x\na,x\n")
    refusal(
        cli("evaluate", run.path, "--truth", "real", "--data", other), 3, "row 1 has another text"
    )
    other.write_text("text,real\na,x\n")
    refusal(cli("evaluate", run.path, "--truth", "real", "--data", other), 3, "has 1 rows")
