"""Workflow commands of GitHub Actions: gates and rows as annotations on the file.

Source: GitHub documentation, "Workflow commands for GitHub Actions"; the escapes are those of the
``@actions/core`` toolkit, ``command.ts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.checked_rows import findings, message, relative_file
from noisefix.cli.terminal import sanitize

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult

MOST_ANNOTATIONS = 10
"""GitHub shows ten errors a step and drops the rest."""


def annotation_lines(*results: CheckResult) -> list[str]:
    """Return one line for each broken gate, then one for each of the worst rows.

    Where no gate of any is broken, the lines are notices of the gates that passed.
    """
    broken = [
        _command("error", f"{gate.name}: {gate.message}", {**_place(result), "title": "noisefix"})
        for result in results
        for gate in result.gates
        if not gate.passed
    ]
    if not broken:
        return [
            _command("notice", gate.message, where | {"title": f"noisefix {gate.name}"})
            for result in results
            for where in [_place(result) if len(results) > 1 else {}]
            for gate in result.gates
        ]
    rows = [
        _row(result, row.line, message(row), "label looks wrong")
        for result in results
        if not result.labels_pass
        for row in result.blamed
    ]
    rows += [
        _row(result, found.row.line, found.message, found.kind.title)
        for result in results
        for found in findings(result)
    ]
    return [*broken, *rows[: max(MOST_ANNOTATIONS - len(broken), 0)]]


def _row(result: CheckResult, line: int | None, text: str, title: str) -> str:
    where = _place(result)
    if where and line is not None:
        where["line"] = str(line)
    return _command("error", text, {**where, "title": title})


def _place(result: CheckResult) -> dict[str, str]:
    return {} if result.input_path is None else {"file": relative_file(result.input_path)}


def _command(name: str, text: str, properties: dict[str, str]) -> str:
    joined = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{name} {joined}::{escape_data(sanitize(text))}"


def escape_data(text: str) -> str:
    """Escape a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return escape_data(sanitize(text)).replace(":", "%3A").replace(",", "%2C")
