"""What a single stage says when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.terminal import Screen, write_json
from noisefix.cli.wording import format_seconds

if TYPE_CHECKING:
    from noisefix.run.stage import StageReport


def show_stage(report: StageReport, *, as_json: bool) -> None:
    """Say which tables are there now, and how long it took."""
    if as_json:
        write_json(report)
        return
    screen = Screen()
    done = "nothing has changed" if report.skipped else format_seconds(report.seconds)
    for path in report.outputs.values():
        screen.line(f"{path} ({done})")
