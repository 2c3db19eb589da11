"""A JUnit XML report: one test case a gate, as CI servers read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from noisefix.cli.terminal import sanitize

if TYPE_CHECKING:
    from noisefix.detection.check import CheckResult

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


def write_junit(result: CheckResult, path: Path) -> None:
    """Write the report, whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    from noisefix.tables.atomic import write_bytes

    failures = sum(not gate.passed for gate in result.gates)
    counts = {"tests": str(len(result.gates)), "failures": str(failures), "errors": "0"}
    suites = ET.Element("testsuites", {"name": "noisefix", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": _text(result.input_name), **counts})
    for gate in result.gates:
        case = ET.SubElement(suite, "testcase", classname="noisefix.check", name=gate.name)
        if not gate.passed:
            failure = ET.SubElement(case, "failure", message=_text(gate.message), type="gate")
            failure.text = "\n".join([_text(gate.message), *_rows(result)])
    ET.indent(suites)
    write_bytes(path, ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n")


def _rows(result: CheckResult) -> list[str]:
    lines = [
        _text(
            f"row {row.row_number} (id {row.id}): given {row.given_label}, suggested "
            f"{row.suggested_label}, p(wrong) {row.p_error:.2f}"
        )
        for row in result.flagged[:MOST_ROWS]
    ]
    left = len(result.flagged) - len(lines)
    return [*lines, f"and {left} more"] if left else lines


def _text(text: str) -> str:
    return _NOT_XML.sub("�", sanitize(text))
