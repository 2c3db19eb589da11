"""SARIF: findings as code-scanning services read them (GitHub, Azure, editors).

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

from noisefix.cli.checked_rows import findings, message, place, relative_file
from noisefix.cli.terminal import sanitize
from noisefix.version import __version__

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckResult
    from noisefix.detection.gates import GateResult

MOST_ROWS = 5000
"""Results that GitHub shows of one file; it refuses more than 25,000."""

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = {
    "label-looks-wrong": "The label of a row looks wrong.",
    "text-leaks": "A text of another file is in this one too.",
    "texts-mismatched": "The two texts of a row do not seem to belong together.",
    "gate-failed": "The data as a whole break a limit.",
}


def sarif_log(results: Sequence[CheckResult]) -> dict[str, Any]:
    """Return a SARIF log, as a JSON object; broken gates first, then rows, worst first."""
    gates = [_gate(result, gate) for result in results for gate in result.gates if not gate.passed]
    rows = [found for result in results for found in (*_rows(result), *_others(result))]
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()]
    driver = {"name": "noisefix", "version": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [*gates, *rows[:MOST_ROWS]]}],
    }


def _gate(result: CheckResult, gate: GateResult) -> dict[str, Any]:
    text = f"{sanitize(place(result))}: {gate.name}: {gate.message}"
    return {
        "ruleId": "gate-failed",
        "level": "error",
        "message": {"text": text},
        **_location(result, 1),
    }


def _rows(result: CheckResult) -> Iterator[dict[str, Any]]:
    level = "warning" if result.labels_pass else "error"
    for row, copy in numbered(result.blamed):
        found: dict[str, Any] = {
            "ruleId": "label-looks-wrong",
            "level": level,
            "message": {"text": message(row)},
            "rank": round(100 * row.p_error, 1),
            "partialFingerprints": {"textAndLabel/v1": f"{row.key}:{copy}"},
            **_location(result, row.line),
        }
        if row.is_new is not None:
            found["baselineState"] = "new" if row.is_new else "unchanged"
        yield found


def _others(result: CheckResult) -> Iterator[dict[str, Any]]:
    for found, copy in numbered(tuple(findings(result))):
        yield {
            "ruleId": found.kind.rule,
            "level": "error",
            "message": {"text": found.message},
            "partialFingerprints": {found.kind.fingerprint: f"{found.key}:{copy}"},
            **_location(result, found.row.line),
        }


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Row = TypeVar("Row", bound=_Keyed)


def numbered(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Yield rows, each with how many of the same text and label have come, itself included."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.key] = seen.get(row.key, 0) + 1
        yield row, seen[row.key]


def _location(result: CheckResult, line: int | None) -> dict[str, Any]:
    if result.input_path is None:
        return {}
    where: dict[str, Any] = {
        "artifactLocation": {"uri": quote(os.fsencode(relative_file(result.input_path)))}
    }
    if line is not None:
        where["region"] = {"startLine": line}
    return {"locations": [{"physicalLocation": where}]}
