"""What all reports of ``check`` say alike: where a row is, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.terminal import sanitize
from noisefix.detection.gates import LEAKS, MISMATCHED

if TYPE_CHECKING:
    from noisefix.detection.check_result import CheckedRow, CheckResult
    from noisefix.detection.leaks import LeakedRow
    from noisefix.detection.mismatch_gate import MismatchedCheck

_NAME_WIDTH = 60


@dataclass(frozen=True)
class Kind:
    """What is wrong with a row beside its label, as the services want it.

    Attributes:
        gate: that fails for it.
        title: in a few words.
        rule: id of the SARIF rule.
        fingerprint: name of the SARIF fingerprint.
        check: name of the check for GitLab.
        table: of the run folder, with all such rows.
    """

    gate: str
    title: str
    rule: str
    fingerprint: str
    check: str
    table: str


LEAK = Kind(
    LEAKS,
    "text leaks",
    "text-leaks",
    "textAndLabelOfBoth/v1",
    "noisefix-leak",
    "across.parquet",
)
MISMATCH = Kind(
    MISMATCHED,
    "texts do not belong together",
    "texts-mismatched",
    "textAndLabel/v1",
    "noisefix-mismatch",
    "matches.parquet",
)


@dataclass(frozen=True)
class Finding:
    """A row with something wrong that is not its label, and the sentence that says so."""

    kind: Kind
    row: LeakedRow | MismatchedCheck
    message: str

    @property
    def key(self) -> str:
        """Stands for the row; the same wherever it goes."""
        return self.row.key


def findings(result: CheckResult) -> Iterator[Finding]:
    """Yield the rows to look at for another reason than their label."""
    for leak in result.leaked:
        yield Finding(LEAK, leak, leak_message(result, leak))
    for row in result.mismatched:
        yield Finding(MISMATCH, row, mismatch_message(row))


def relative_file(path: Path) -> str:
    """Return a path as CI services want it: relative to the checkout, with forward slashes."""
    roots = (os.environ.get(name) for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"))
    root = Path(next((root for root in roots if root), Path.cwd())).resolve()
    resolved = path.resolve()
    return (resolved.relative_to(root) if resolved.is_relative_to(root) else path).as_posix()


def place(result: CheckResult, row: CheckedRow | LeakedRow | MismatchedCheck | None = None) -> str:
    """Return where a row is, as compilers and linters say it: ``data.csv:483``."""
    path = result.input_path
    name = result.input_name if path is None else _near(path)
    if row is None:
        return name
    return f"{name}:{row.line}" if row.line is not None else f"{name}: row {row.row_number}"


def _near(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def verdict(row: CheckedRow) -> str:
    """Return what is wrong with a row: ``T-1450 refund -> delivery 0.97``."""
    name = "" if row.id == str(row.row_number) else f"{sanitize(row.id, _NAME_WIDTH)} "
    given, suggested = (
        sanitize(label, _NAME_WIDTH) for label in (row.given_label, row.suggested_label)
    )
    return f"{name}{given} -> {suggested} {row.p_error:.2f}"


def lint_line(result: CheckResult, row: CheckedRow) -> str:
    """Return a row on one line, with the first of its reasons."""
    why = f" ({row.reasons[0]})" if row.reasons else ""
    return f"{place(result, row)}: {verdict(row)}{why}"


def message(row: CheckedRow) -> str:
    """Return a row in a sentence, with all its reasons."""
    new = "new: " if row.is_new else ""
    reasons = f"; {'; '.join(row.reasons)}" if row.reasons else ""
    return sanitize(
        f"{new}row {row.row_number} (id {row.id}): given {row.given_label}, "
        f"suggested {row.suggested_label}, p(wrong) {row.p_error:.2f}{reasons}"
    )


def finding_line(result: CheckResult, found: Finding) -> str:
    """Return it on one line: ``train.csv:5: T-9 is in test.csv too, row 12 (equal text)``."""
    return f"{place(result, found.row)}: {found.message}"


def mismatch_message(row: MismatchedCheck) -> str:
    """Return a pair in a sentence: ``T-9: question and answer do not belong together, 0.97``."""
    name = f"row {row.row_number}" if row.id == str(row.row_number) else row.id
    first, second = (sanitize(column, _NAME_WIDTH) for column in row.columns)
    return (
        f"{sanitize(name, _NAME_WIDTH)}: {first} and {second} do not seem to belong together, "
        f"{row.p_mismatch:.2f}"
    )


def leak_message(result: CheckResult, leak: LeakedRow) -> str:
    """Return a leak in a sentence; the labels only where they differ."""
    name, other_id = (
        "" if key == str(number) else sanitize(key, _NAME_WIDTH)
        for key, number in ((leak.id, leak.row_number), (leak.other_id, leak.other_row_number))
    )
    where = f"row {leak.other_row_number}{f', id {other_id}' if other_id else ''}"
    alike = "equal text" if leak.is_equal else f"nearly the same text, {leak.similarity:.2f}"
    labels = ""
    if leak.is_conflict:
        here, there = (
            sanitize(label or "", _NAME_WIDTH) for label in (leak.given_label, leak.other_label)
        )
        labels = f"; {here} here, {there} there"
    return (
        f"{name or f'row {leak.row_number}'} is in {sanitize(result.other_name, _NAME_WIDTH)} "
        f"too, {where} ({alike}{labels})"
    )
