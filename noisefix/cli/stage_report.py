"""What a single stage says when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.wording import format_seconds

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.run.stage import StageReport


def show_stage(screen: Screen, report: StageReport) -> None:
    """Say which tables are there now, and how long it took."""
    done = "nothing has changed" if report.skipped else format_seconds(report.seconds)
    for path in report.outputs.values():
        screen.line(f"{path} ({done})")
