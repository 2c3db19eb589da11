"""What ``check`` says to a person: rows as a linter prints them, then each gate in a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cli.checked_rows import finding_line, findings, lint_line, place
from noisefix.cli.wording import plural

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.detection.check_result import CheckResult


def show_checks(screen: Screen, results: Sequence[CheckResult], *, most: int, quiet: bool) -> None:
    """Show rows and gates of every data set.

    Args:
        screen: where to.
        results: what was checked.
        most: rows to show of each.
        quiet: broken gates only.
    """
    for result in results:
        if not quiet:
            _show_rows(screen, result, most)
        _show_gates(screen, result, is_named=len(results) > 1, quiet=quiet)


def show_baseline(screen: Screen, results: Sequence[CheckResult], path: Path) -> None:
    """Say what was written for ``--baseline``."""
    rows, issues = (sum(getattr(r, name) for r in results) for name in ("rows", "issues"))
    screen.line(
        f"wrote {plural(rows, 'row')}, {issues:,} flagged, to {path} (hashes without texts)",
        style="dim",
    )


def _show_rows(screen: Screen, result: CheckResult, most: int) -> None:
    labels = [lint_line(result, row) for row in result.blamed]
    others: dict[str, list[str]] = {}
    for found in findings(result):
        others.setdefault(found.kind.table, []).append(finding_line(result, found))
    for table, lines in {"issues.parquet": labels, **others}.items():
        for line in lines[:most]:
            screen.line(line)
        left = len(lines) - min(most, len(lines))
        if most and left:
            where = f", or {result.run}/{table}" if result.run is not None else ""
            screen.line(f"and {plural(left, 'row')} more: --show all{where}", style="dim")


def _show_gates(screen: Screen, result: CheckResult, *, is_named: bool, quiet: bool) -> None:
    name = f"{place(result)}: " if is_named else ""
    for gate in result.gates:
        if not gate.passed:
            screen.line(f"{name}FAILED {gate.name}: {gate.message}", style="bold red")
        elif not quiet:
            screen.line(f"{name}passed {gate.name}: {gate.message}", style="green")
    if result.settled and not quiet:
        verb = "is" if result.settled == 1 else "are"
        screen.line(
            f"{name}{plural(result.settled, 'row')} {verb} counted as a person or an annotator "
            "said",
            style="dim",
        )
