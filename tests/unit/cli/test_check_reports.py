"""Every report of ``check``, made of the same result: what it says, and whether it may say so."""

import io
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from noisefix.cli.check_text import show_checks
from noisefix.cli.github import MOST_ANNOTATIONS, annotation_lines
from noisefix.cli.gitlab import code_quality
from noisefix.cli.job_summary import summary_lines
from noisefix.cli.junit import junit_xml, write_junit
from noisefix.cli.sarif import sarif_log
from noisefix.cli.terminal import Screen
from noisefix.detection.check_result import CheckedRow, CheckResult
from noisefix.detection.gates import GateResult
from noisefix.detection.leaks import LeakedRow
from noisefix.detection.mismatch_gate import MismatchedCheck

HOSTILE = "50%\n::error::owned,x:y ##vso[task.x]y \x1b[31m <b>&amp;\x00\ufffe"


def row(number: int, label: str = "a", line: int | None = 5) -> CheckedRow:
    return CheckedRow(str(number), number, line, label, "b", 0.9, ("9 of 10 say b",), True)


@pytest.fixture
def result() -> CheckResult:
    return CheckResult(
        passed=False,
        gates=(
            GateResult("max-issues", 2, 1, False, "2 rows are flagged, limit 1"),
            GateResult("max-noise-rate", 0.1, 0.2, True, "10 %, limit 20 %"),
        ),
        input_name="data.csv",
        input_path=Path("data, 50%:x.csv"),
        run=None,
        rows=10,
        issues=2,
        new_issues=None,
        noise_rate=0.1,
        noise_rate_low=0.05,
        noise_rate_high=0.2,
        flagged=(row(1), row(2)),
    )


def test_annotations_name_file_and_line(result):
    first, second, third = annotation_lines(result)
    file = "file=data%2C 50%25%3Ax.csv"
    assert first == f"::error {file},title=noisefix::max-issues: 2 rows are flagged, limit 1"
    assert second == (
        f"::error {file},line=5,title=label looks wrong::new: row 1 (id 1): given a, suggested b, "
        "p(wrong) 0.90; 9 of 10 say b"
    )
    assert third.startswith(f"::error {file},line=5,")


def test_hostile_label_cannot_start_a_workflow_command(result):
    bad = replace(result, flagged=(row(1, HOSTILE, None),))
    lines = annotation_lines(bad)
    assert len(lines) == 2
    assert all(line.startswith("::error ") and line.isprintable() for line in lines)
    assert "50%25⏎: :error::owned,x:y # #vso[task.x]y" in lines[1]
    assert "line=" not in lines[1]


def test_no_more_annotations_than_are_shown(result):
    many = replace(result, flagged=tuple(row(i) for i in range(1, 100)))
    assert len(annotation_lines(many)) == MOST_ANNOTATIONS


def test_passed_gates_are_notices(result):
    passed = replace(result, gates=result.gates[1:], passed=True)
    assert annotation_lines(passed) == [
        "::notice title=noisefix max-noise-rate::10 %25, limit 20 %25"
    ]


def test_junit_is_valid_xml_whatever_the_data_say(result, tmp_path):
    bad = replace(result, input_name=HOSTILE, flagged=(row(1, HOSTILE),))
    write_junit([bad], tmp_path / "report.xml")

    suite = ET.parse(tmp_path / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed, passed = suite
    assert failed.get("name") == "max-issues"
    assert failed[0].get("message") == "2 rows are flagged, limit 1"
    assert "50%⏎: :error::owned,x:y # #vso[task.x]y ␛[31m <b>&amp;␀" in (failed[0].text or "")
    assert len(passed) == 0


def test_junit_lists_no_more_rows_than_are_read(result, tmp_path):
    many = replace(result, flagged=tuple(row(i) for i in range(1, 1001)))
    write_junit([many], tmp_path / "report.xml")
    assert "and 800 more" in (tmp_path / "report.xml").read_text()


def leak(number: int, **more: object) -> LeakedRow:
    known = LeakedRow(f"o{number}", number, "b", "7", 7, 9, "a", 0.971, False, True, f"k{number}")
    return replace(known, **more)


@pytest.fixture
def leaking(result) -> CheckResult:
    gate = GateResult("max-leaks", 2, 0, False, "2 rows of the other file with a text of this one")
    leaks = (leak(3), leak(4, other_label="a", is_equal=True, is_conflict=False, line=None))
    passed = (replace(result.gates[0], passed=True),)
    return replace(result, gates=(*passed, gate), leaks=leaks, other_name="test.csv", run=Path("r"))


SAID = (
    "row 7 is in test.csv too, row 3, id o3 (nearly the same text, 0.97; a here, b there)",
    "row 7 is in test.csv too, row 4, id o4 (equal text)",
)


def text_of(result: CheckResult, most: int = 10) -> list[str]:
    stream = io.StringIO()
    show_checks(Screen(stream), [result], most=most, quiet=False)
    return stream.getvalue().splitlines()


def test_leaks_are_printed_like_rows_and_lie_in_across_parquet(leaking):
    lines = text_of(replace(leaking, input_path=Path("data.csv"), flagged=()))
    assert lines[:2] == [f"data.csv:9: {SAID[0]}", f"data.csv: row 7: {SAID[1]}"]
    assert lines[3].startswith("FAILED max-leaks")
    assert "and 1 row more: --show all, or r/across.parquet" in text_of(leaking, most=1)
    with_passed_gate = replace(leaking, gates=(replace(leaking.gates[1], passed=True),))
    assert [line.partition(" ")[0] for line in text_of(with_passed_gate)] == ["passed"]


def test_where_only_leaks_fail_no_label_is_blamed_as_an_error(leaking):
    error, *rows = annotation_lines(leaking)
    assert error.endswith("::max-leaks: 2 rows of the other file with a text of this one")
    assert [line.rpartition("::")[2] for line in rows] == list(SAID)
    assert "line=9,title=text leaks" in rows[0]
    assert "line=" not in rows[1]
    assert [entry["severity"] for entry in code_quality([leaking])] == [
        *("blocker", "minor", "minor"),
        *("major", "major"),
    ]
    levels = [found["level"] for found in sarif_log([leaking])["runs"][0]["results"]]
    assert levels == ["error", "warning", "warning", "error", "error"]
    only = replace(leaking, gates=leaking.gates[1:])
    assert [found["ruleId"] for found in sarif_log([only])["runs"][0]["results"]] == [
        *("gate-failed", "text-leaks", "text-leaks")
    ]


def test_leaks_are_listed_in_their_own_test_case_and_on_the_page(leaking):
    _, failed = ET.fromstring(junit_xml([leaking]).encode())[0]
    assert failed[0].text == "\n".join(
        [leaking.gates[1].message, f"data, 50%:x.csv:9: {SAID[0]}", text_of(leaking)[3]]
    )
    page = "\n".join(summary_lines([leaking], 1))
    assert "| <code>o3</code> | <code>b</code> | 0.97 |" in page
    assert "and 1 more row\n" in page


def test_hostile_names_of_the_other_file_stay_text(leaking):
    bad = replace(
        leaking,
        other_name=HOSTILE,
        leaks=(leak(1, other_id=HOSTILE, other_label=HOSTILE, given_label=HOSTILE),),
    )
    assert all(line.startswith("::error ") and line.isprintable() for line in annotation_lines(bad))
    ET.fromstring(junit_xml([bad]).encode())
    page = "\n".join(summary_lines([bad], 9))
    assert not {sign for sign in ("<b>", "&amp;", "::") if sign in page}


def test_hostile_names_of_columns_stay_text(result):
    gate = GateResult("max-mismatched", 1, 0, False, "1 row whose two texts do not")
    pair = MismatchedCheck(HOSTILE, 7, 9, HOSTILE, 0.9, (HOSTILE, "a | b"), "k")
    odd = replace(result, gates=(gate,), mismatches=(pair,), flagged=())
    lines = annotation_lines(odd)
    assert len(lines) == 2
    assert all(line.startswith("::error ") and "\n" not in line for line in lines)
    assert "title=texts do not belong together::" in lines[1]
    page = "\n".join(summary_lines([odd], 5))
    assert "<b>" not in page
    assert "a | b" not in page
    assert "\x1b" not in junit_xml([odd]) + "".join(text_of(odd)) + str(sarif_log([odd]))
    listed = replace(odd, gates=(replace(gate, passed=True),))
    assert listed.mismatched == ()
    assert not any("belong together" in line for line in text_of(listed)[:-1])
