"""GitHub annotations and JUnit XML, made of the same result."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from noisefix.cli.github import MOST_ANNOTATIONS, annotation_lines
from noisefix.cli.junit import write_junit
from noisefix.detection.check_result import CheckedRow, CheckResult
from noisefix.detection.gates import GateResult

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
