import base64
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from noisefix.errors import UsageError
from noisefix.reporting.data import page_data, read_tables
from noisefix.reporting.report import report
from noisefix.run.decisions import PersonDecision, append_decisions, decision_key
from noisefix.run.folder import RunFolder


@pytest.fixture
def run(tmp_path, write_page_run):
    return write_page_run(tmp_path, 200)


def issues(run):
    return pq.read_table(run.issues).to_pylist()


def said(row, decision, label=None, who="ann", when="2026-01-01T00:00:00.000+00:00"):
    key = decision_key(row["text"], row["given_label"])
    return PersonDecision(key, row["id"], decision, label, who, when)


def test_rows_are_as_in_the_issues(run):
    data, rows = page_data(read_tables(run)), issues(run)
    names = data["classes"]["name"]
    assert [names[k] for k in data["rows"]["given"]] == [row["given_label"] for row in rows]
    assert [names[k] for k in data["rows"]["suggested"]] == [row["suggested_label"] for row in rows]
    p = np.frombuffer(base64.b64decode(data["rows"]["p"]), "<u2") / 10_000
    assert np.allclose(p, [row["p_error"] for row in rows], atol=6e-5)
    assert [rows[k]["rank"] for k in data["rows"]["order"]] == list(range(1, 201))
    assert data["rows"]["text"] == [row["text"] for row in rows]
    assert data["rows"]["id"] is None
    json.dumps(data, allow_nan=False)


def test_the_verdict_is_said_as_at_the_terminal(run):
    data = page_data(read_tables(run))
    flagged = sum(row["is_issue"] for row in issues(run))
    assert data["verdict"]["sentence"] == "Some labels look wrong: about 12 % of them."
    assert data["verdict"]["detail"].startswith(f"{flagged} rows are flagged, about 1 to 3 of them")
    assert data["noise"]["low"] == 0.08


def test_detail_tells_reasons_neighbours_and_probabilities(run):
    data, rows = page_data(read_tables(run)), issues(run)
    detail = data["detail"]
    assert detail["row"] == list(range(200))  # few rows: all of them
    assert detail["reasons"][3] == "\n".join(rows[3]["reasons"])
    assert detail["kind"][3] == 0b101
    best = np.argsort(-np.array(rows[3]["true_label_probs"]), kind="stable")
    assert detail["prob_class"][15:20] == best[:5].tolist()
    near = pq.read_table(run.candidates)["neighbor_ids"].to_pylist()[3]
    assert detail["near"][9:12] == [int(key) - 1 for key in near]
    assert detail["alike"][9:12] == [60] * 3


def test_decisions_stand_over_the_verdicts_and_calibrate_them(run):
    rows = sorted(issues(run), key=lambda row: row["rank"])
    words = [said(rows[0], "keep"), said(rows[1], "class", "class_7"), said(rows[-1], "unsure")]
    append_decisions(run.decisions, words)
    data = page_data(read_tables(run))
    first, second = int(rows[0]["id"]) - 1, int(rows[1]["id"]) - 1
    assert {record["row"]: record["decision"] for record in data["decisions"]} == {
        first: "keep",
        second: "class",
    }
    p = np.frombuffer(base64.b64decode(data["rows"]["p"]), "<u2")
    assert p[first] == 0
    assert sum(line["rows"] for line in data["trust"]["calibration"]) == 2
    assert data["people"]["who"] == ["ann"]
    assert data["people"]["rows"] == [2]


def test_a_class_that_only_a_person_knows_is_a_class_of_the_page(run):
    row = issues(run)[0]
    append_decisions(run.decisions, [said(row, "class", "new one")])
    data = page_data(read_tables(run))
    assert data["classes"]["name"][-1] == "new one"
    assert data["classes"]["rows"][-1] == 0
    assert data["rows"]["suggested"][0] == 8


def test_agreement_and_conflicts_are_told(run):
    rows = issues(run)[:4]
    later = "2026-01-02T00:00:00.000+00:00"
    append_decisions(
        run.decisions,
        [said(row, "keep") for row in rows[:2]]
        + [said(row, "class", "class_1") for row in rows[2:]]
        + [said(row, "keep", who="bob", when=later) for row in rows[:3]],
    )
    people = page_data(read_tables(run))["people"]
    [[one, other, n_rows, share, kappa]] = people["pairs"]
    assert (one, other, n_rows) == ("ann", "bob", 3)
    assert share == pytest.approx(2 / 3)
    assert kappa == pytest.approx(0)  # bob always says keep
    assert [conflict["id"] for conflict in people["conflicts"]] == [rows[2]["id"]]


def test_issues_alone_make_a_page(make_run, verdict):
    rows = [verdict("a", "b", 0.9, is_issue=True), verdict(None, "a", 0.8), verdict("b", "b", 0.9)]
    run = make_run('text,label\nx,a\ny,\n"z\n",b\n', rows)
    data = page_data(read_tables(run))
    assert "map" not in data
    assert data["classes"]["rows"] == [1, 1]
    assert data["confusions"]["flagged"] == [1]
    assert data["rows"]["given"] == [0, -1, 1]
    assert len(data["audit"]["rows"]) == 2
    assert data["sections"] == []


def test_the_report_is_written_whole_and_reads_decisions_of_others(run, tmp_path):
    row = issues(run)[5]
    theirs = tmp_path / "theirs.jsonl"
    append_decisions(theirs, [said(row, "drop", who="eve")])
    made = report(run.path, tmp_path / "r.html", decisions=theirs)
    assert (made.rows, made.decided, made.is_cut) == (200, 1, False)
    assert made.output.stat().st_size == made.bytes
    assert RunFolder(run.path).decisions.read_text() == theirs.read_text()


@pytest.mark.parametrize("name", ["r.csv", "data.noisefix/issues.parquet", "data.csv", "-"])
def test_a_report_replaces_no_input_and_is_called_like_a_page(run, tmp_path, name):
    output = name if name == "-" else tmp_path / name
    with pytest.raises(UsageError):
        report(run.path, output)
