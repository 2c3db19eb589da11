"""GitLab's code quality report: a JSON array that a merge request shows.

Source: GitLab documentation, "Code Quality", section "Code Quality report format".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from noisefix.cli.checked_rows import findings, message, place, relative_file
from noisefix.cli.sarif import MOST_ROWS, numbered
from noisefix.cli.terminal import sanitize

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult


def code_quality(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """Return the report; broken gates first, then rows, worst first."""
    gates = [
        _entry(result, f"{gate.name}: {gate.message}", "noisefix-gate", gate.name, 1, "blocker")
        for result in results
        for gate in result.gates
        if not gate.passed
    ]
    rows = [
        _entry(
            result,
            message(row),
            "noisefix-label",
            f"{row.key}:{copy}",
            row.line or 1,
            "minor" if result.labels_pass else "major",
        )
        for result in results
        for row, copy in numbered(result.blamed)
    ]
    rows += [
        _entry(
            result,
            found.message,
            found.kind.check,
            f"{found.key}:{copy}",
            found.row.line or 1,
            "major",
        )
        for result in results
        for found, copy in numbered(tuple(findings(result)))
    ]
    return [*gates, *rows[:MOST_ROWS]]


def _entry(
    result: CheckResult, text: str, check: str, key: str, line: int, severity: str
) -> dict[str, Any]:
    path = result.input_path
    file = sanitize(place(result)) if path is None else relative_file(path)
    return {
        "description": sanitize(text),
        "check_name": check,
        "fingerprint": hashlib.sha256(
            f"{file}\0{check}\0{key}".encode(errors="replace")
        ).hexdigest(),
        "severity": severity,
        "location": {"path": file, "lines": {"begin": line}},
    }
