"""Workflow commands of GitHub Actions: gates and rows as annotations on the file.

Source: GitHub documentation, "Workflow commands for GitHub Actions"; the escapes are those of the
``@actions/core`` toolkit, ``command.ts``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.terminal import sanitize

if TYPE_CHECKING:
    from noisefix.detection.check import CheckedRow, CheckResult

MOST_ANNOTATIONS = 10
"""GitHub shows ten errors a step and drops the rest."""


def annotation_lines(result: CheckResult) -> list[str]:
    """Return one line for each broken gate, then one for each of the worst rows."""
    broken = [gate for gate in result.gates if not gate.passed]
    place = {"file": _file(result.input_path)} if result.input_path is not None else {}
    lines = [
        _command("error", f"{gate.name}: {gate.message}", {**place, "title": "noisefix"})
        for gate in broken
    ]
    if not broken:
        return [
            _command("notice", g.message, {"title": f"noisefix {g.name}"}) for g in result.gates
        ]
    for row in result.flagged[: MOST_ANNOTATIONS - len(lines)]:
        line = {"line": str(row.line)} if place and row.line is not None else {}
        lines.append(
            _command("error", _message(row), {**place, **line, "title": "label looks wrong"})
        )
    return lines


def _message(row: CheckedRow) -> str:
    new = "new: " if row.is_new else ""
    reasons = f"; {'; '.join(row.reasons)}" if row.reasons else ""
    return (
        f"{new}row {row.row_number} (id {row.id}): given {row.given_label}, "
        f"suggested {row.suggested_label}, p(wrong) {row.p_error:.2f}{reasons}"
    )


def _command(name: str, message: str, properties: dict[str, str]) -> str:
    joined = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{name} {joined}::{escape_data(sanitize(message))}"


def escape_data(text: str) -> str:
    """Escape a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return escape_data(sanitize(text)).replace(":", "%3A").replace(",", "%2C")


def _file(path: Path) -> str:
    """Return the path as GitHub wants it: relative to the checkout, with forward slashes."""
    root = Path(os.environ.get("GITHUB_WORKSPACE", Path.cwd())).resolve()
    resolved = path.resolve()
    return (resolved.relative_to(root) if resolved.is_relative_to(root) else path).as_posix()
