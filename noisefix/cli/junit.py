"""A JUnit XML report: one test suite a data set, one test case a gate, as CI servers read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from noisefix.cli.checked_rows import finding_line, findings, lint_line
from noisefix.cli.terminal import sanitize
from noisefix.detection.gates import NOT_OF_LABELS

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult

MOST_ROWS = 200
"""Rows listed in a failure; the rest is in the run folder."""

# What XML 1.0 allows, section 2.2; no escape makes the others legal.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_target(path: Path, inputs: Iterable[str | Path | None]) -> None:
    """Check, before the long work, that a report may be written there.

    Raises:
        UsageError, DataError: as ``check_output``.
    """
    from noisefix.run.outputs import check_output

    check_output(path, inputs, option="--junit", kinds=("xml",), takes_streams=True)


def write_junit(results: Sequence[CheckResult], path: Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    from noisefix.tables.atomic import write_bytes

    write_bytes(path, junit_xml(results).encode())


def junit_xml(results: Sequence[CheckResult]) -> str:
    """Return the report as text."""
    suites = ET.Element("testsuites", {"name": "noisefix", **_counts(*results)})
    for result in results:
        name = {"name": _text(result.input_name), **_counts(result)}
        suite = ET.SubElement(suites, "testsuite", name)
        for gate in result.gates:
            case = ET.SubElement(suite, "testcase", classname="noisefix.check", name=gate.name)
            if not gate.passed:
                failure = ET.SubElement(case, "failure", message=_text(gate.message), type="gate")
                rows = _others(result, gate.name) if gate.name in NOT_OF_LABELS else _rows(result)
                failure.text = "\n".join([_text(gate.message), *_listed(rows)])
    ET.indent(suites)
    text: str = ET.tostring(suites, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n"


def _counts(*results: CheckResult) -> dict[str, str]:
    gates = [gate for result in results for gate in result.gates]
    failures = sum(not gate.passed for gate in gates)
    return {"tests": str(len(gates)), "failures": str(failures), "errors": "0"}


def _rows(result: CheckResult) -> list[str]:
    return [lint_line(result, row) for row in result.blamed]


def _others(result: CheckResult, gate: str) -> list[str]:
    return [finding_line(result, one) for one in findings(result) if one.kind.gate == gate]


def _listed(rows: list[str]) -> list[str]:
    lines = [_text(row) for row in rows[:MOST_ROWS]]
    left = len(rows) - len(lines)
    return [*lines, f"and {left} more"] if left else lines


def _text(text: str) -> str:
    return _NOT_XML.sub("�", sanitize(text))
