"""``noisefix check`` on a run folder: gates, exit codes, reports."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import pytest

CSV = 'text,label\n"two\nlines",ship\n\nmoney,bill\nparcel,ship\n'


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "bill", 0.8, is_issue=True),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "ship", 0.99),
    ]
    return make_run(CSV, rows, noise_rate=(0.25, 0.1, 0.4))


def test_gates_that_hold(cli, run):
    gates = ("--max-noise-rate", 0.1, "--max-issues", 2, "--show", 0)
    outcome = cli("check", run.path, *gates)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "passed max-noise-rate: at least 10.00 % of the labels look wrong (estimate 25.00 %, 90 % "
        "interval 10.00 to 40.00 %), limit 10.00 %\n"
        "passed max-issues: 2 rows are flagged, limit 2\n"
    )
    assert cli("check", run.path, "--max-issues", 2, "--quiet").out == ""


def test_one_line_for_each_broken_gate(cli, run):
    outcome = cli("check", run.path, "--max-noise-rate", 0.09, "--max-issues", 1, "--quiet")
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out == (
        "FAILED max-noise-rate: at least 10.00 % of the labels look wrong (estimate 25.00 %, 90 % "
        "interval 10.00 to 40.00 %), limit 9.00 %\n"
        "FAILED max-issues: 2 rows are flagged, limit 1\n"
    )


def test_baseline(cli, run, make_run, verdict, tmp_path):
    rows = [verdict("ship", "bill", 0.8, is_issue=True), verdict("ship", "bill", 0.9)]
    (tmp_path / "old").mkdir()
    baseline = shutil.copy(
        make_run(
            'text,label\n"two\nlines",ship\nmoney,ship\n', rows, name="old.csv", folder="o"
        ).issues,
        tmp_path / "baseline.parquet",
    )
    arguments = ("check", run.path, "--baseline", baseline, "--max-new-issues")
    assert cli(*arguments, 1).code == 0
    outcome = cli(*arguments, 0, "--json")
    assert outcome.code == 1
    result = json.loads(outcome.out)
    assert (result["passed"], result["new_issues"]) == (False, 1)
    assert [(row["row_number"], row["is_new"]) for row in result["flagged"]] == [
        (2, True),
        (1, False),
    ]


def test_json_holds_gates_and_rows(cli, run):
    result = json.loads(cli("check", run.path, "--max-issues", 0, "--json").out)
    assert result["gates"] == [
        {
            "name": "max-issues",
            "value": 2,
            "limit": 0,
            "passed": False,
            "message": "2 rows are flagged, limit 0",
        }
    ]
    assert result["noise_rate_high"] == 0.4
    # A cell with a line break, then a blank line: the rows are on lines 2 and 5.
    assert [(row["row_number"], row["line"]) for row in result["flagged"]] == [(2, 5), (1, 2)]


def test_lines_of_other_formats(cli, make_run, verdict):
    rows = [verdict("b", "b", 0.9), verdict("a", "b", 0.9, is_issue=True)]
    content = '{"text": "x", "label": "b"}\n\n{"text": "y", "label": "a"}\n'
    run = make_run(content, rows, name="data.jsonl")
    (row,) = json.loads(cli("check", run.path, "--max-issues", 0, "--json").out)["flagged"]
    assert row["line"] == 3
    old_mac = make_run("text,label\rx,b\ry,a\r", rows, name="mac.csv", folder="mac")
    (row,) = json.loads(cli("check", old_mac.path, "--max-issues", 0, "--json").out)["flagged"]
    assert row["line"] == 3


def test_github_annotations(cli, run, monkeypatch, tmp_path):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    outcome = cli("check", run.path, "--max-issues", 1, "--github")
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0] == (
        "::error file=data.csv,title=noisefix::max-issues: 2 rows are flagged, limit 1"
    )
    assert lines[1].startswith("::error file=data.csv,line=5,title=label looks wrong::row 2")
    assert lines[2].startswith("::error file=data.csv,line=2,")


def test_junit_report(cli, run, tmp_path):
    report = tmp_path / "report.xml"
    assert cli("check", run.path, "--max-issues", 1, "--junit", report).code == 1
    suite = ET.parse(report).getroot()[0]
    assert (suite.get("name"), suite.get("failures")) == ("data.csv", "1")
    assert "data.csv:5: bill -> ship 0.97 (9 of 10" in (suite[0][0].text or "")


def test_run_whose_input_is_gone_is_still_checked(cli, run, tmp_path):
    (tmp_path / "data.csv").unlink()
    result = json.loads(cli("check", run.path, "--max-issues", 9, "--json").out)
    assert (result["passed"], result["input_path"]) == (True, None)
    assert [row["line"] for row in result["flagged"]] == [None, None]


def test_baseline_that_is_no_issues_table(cli, run, tmp_path):
    bad = tmp_path / "baseline.parquet"
    for content in (b"", b"PAR1 not really", b"id,text\n", b"# noisefix baseline 1:\nx\n"):
        bad.write_bytes(content)
        outcome = cli("check", run.path, "--max-new-issues", 0, "--baseline", bad)
        assert (outcome.code, outcome.out) == (3, "")
        assert bad.name in outcome.err
    missing = cli("check", run.path, "--max-new-issues", 0, "--baseline", tmp_path / "none.parquet")
    assert missing.code == 3
    assert "none.parquet: no such file" in missing.err


def test_report_that_cannot_be_written_is_bad_data_not_a_failed_gate(cli, run, tmp_path):
    outcome = cli("check", run.path, "--max-issues", 0, "--junit", tmp_path / "none" / "r.xml")
    assert outcome.code == 3
    assert "mkdir" in outcome.err
