"""``noisefix check`` on a run folder: gates, exit codes, reports."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import pytest

from noisefix.run.decisions import (
    CLASS,
    KEEP,
    PersonDecision,
    append_decisions,
    decision_key,
    now,
)

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


def test_rows_are_printed_like_a_linter_prints_them(cli, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = cli("check", run.path, "--max-issues", 0, "--show", 1).out.splitlines()
    assert lines[0] == "data.csv:5: bill -> ship 0.97 (9 of 10 nearest rows say ship)"
    assert lines[1].startswith("and 1 row more: --show all")
    assert lines[2] == "FAILED max-issues: 2 rows are flagged, limit 0"
    assert len(cli("check", run.path, "--max-issues", 0, "--show", "all").out.splitlines()) == 3
    wrong = cli("check", run.path, "--max-issues", 0, "--show", "many")
    assert (wrong.code, "a number of rows, or all" in wrong.err) == (2, True)


@pytest.fixture
def clean(make_run, verdict):
    rows = [verdict("ship", "ship", 0.99), verdict("bill", "bill", 0.99)]
    content = "text,label\nparcel,ship\nmoney,bill\n"
    return make_run(content, rows, name="clean.csv", folder="clean", noise_rate=(0.0, 0.0, 0.1))


def test_several_are_judged_each_alone_with_one_exit_code(cli, run, clean, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = ("check", clean.path, run.path, "--max-issues", 0)
    outcome = cli(*both)
    assert outcome.code == 1
    assert "clean.csv: passed max-issues: 0 rows are flagged, limit 0\n" in outcome.out
    assert "data.csv: FAILED max-issues: 2 rows are flagged, limit 0\n" in outcome.out
    result = json.loads(cli(*both, "--json").out)
    assert result["passed"] is False
    assert [one["passed"] for one in result["results"]] == [True, False]
    suites = ET.fromstring(cli(*both, "--output-format", "junit").out.encode())
    assert (suites.get("failures"), [s.get("name") for s in suites]) == (
        "1",
        ["clean.csv", "data.csv"],
    )
    assert cli("check", clean.path, clean.path, "--max-issues", 0).code == 0
    refused = cli(*both, "-o", tmp_path / "kept")
    assert (refused.code, "is for one table or run" in refused.err) == (2, True)


def test_sarif_and_gitlab(cli, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gate = ("check", run.path, "--max-issues", 0, "--output-format")
    log = json.loads(cli(*gate, "sarif").out)
    broken, first, second = log["runs"][0]["results"]
    assert (broken["ruleId"], broken["level"]) == ("gate-failed", "error")
    where = first["locations"][0]["physicalLocation"]
    assert where == {"artifactLocation": {"uri": "data.csv"}, "region": {"startLine": 5}}
    assert first["partialFingerprints"] != second["partialFingerprints"]
    report = json.loads(cli(*gate, "gitlab").out)
    assert [entry["severity"] for entry in report] == ["blocker", "major", "major"]
    assert report[1]["location"] == {"path": "data.csv", "lines": {"begin": 5}}
    assert len({entry["fingerprint"] for entry in report}) == 3
    assert cli(*gate, "xml").code == 2
    assert cli(*gate, "sarif", "--json").code == 2


def test_the_summary_of_a_job_holds_rows_but_no_markup_of_the_data(
    cli, make_run, verdict, tmp_path, monkeypatch
):
    hostile = "![x](http://evil) | <img src=x> @me"
    rows = [verdict(hostile, "b", 0.9, is_issue=True), verdict("b", "b", 0.9)]
    bad = make_run(f'text,label\nsecret,"{hostile}"\ny,b\n', rows, name="bad.csv", folder="bad")
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert cli("check", bad.path, "--max-issues", 0).code == 1
    text = page.read_text()
    assert text.startswith("before\n### noisefix check\n")
    assert "| max-issues | **failed** | 1 row is flagged, limit 0 |" in text
    assert not {sign for sign in ("![", "<img", "http:", "@me") if sign in text}
    assert "secret" not in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "x"))
    lost = cli("check", bad.path, "--max-issues", 0)
    assert (lost.code, "warning: GITHUB_STEP_SUMMARY" in lost.err) == (1, True)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "bad.csv"))
    assert cli("check", bad.path, "--max-issues", 0).code == 2


def test_what_people_decided_counts(cli, run, tmp_path):
    said = [
        PersonDecision(decision_key("money", "bill"), "2", KEEP, who="ada", when=now()),
        PersonDecision(decision_key("parcel", "ship"), "3", CLASS, "bill", when=now()),
    ]
    file = tmp_path / "decisions.jsonl"
    append_decisions(file, said)
    gate = ("check", run.path, "--max-issues", 9, "--json")
    before = json.loads(cli(*gate).out)
    assert (before["issues"], before["settled"]) == (2, 0)
    named = json.loads(cli(*gate, "--decisions", file).out)
    assert (named["issues"], named["settled"]) == (1, 2)
    assert named["noise_rate"] == pytest.approx(1 / 3)  # one of three is known to be wrong
    assert named["noise_rate_high"] == pytest.approx(0.4 + (1 - 0.97 - 0.01) / 3)
    assert not run.decisions.exists()
    append_decisions(run.decisions, said)
    stored = json.loads(cli(*gate).out)
    assert stored == named
    missing = cli(*gate, "--decisions", tmp_path / "none.jsonl")
    assert (missing.code, "no such file of decisions" in missing.err) == (3, True)


def test_a_baseline_is_written_and_nothing_else_is_written_over(cli, run, clean, tmp_path):
    path = tmp_path / "known.txt"
    outcome = cli("check", run.path, clean.path, "--write-baseline", path)
    assert (outcome.code, f"to {path}" in outcome.out) == (0, True)
    lines = path.read_text().splitlines()[2:]
    assert (len(lines), sum(line.endswith(" flagged") for line in lines)) == (3, 2)
    assert cli("check", run.path, "--baseline", path, "--max-new-issues", 0).code == 0
    again = cli("check", run.path, "--write-baseline", tmp_path / "data.csv")
    assert (again.code, "input itself" in again.err) == (2, True)
