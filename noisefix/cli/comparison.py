"""Methods side by side on a trusted table, on the terminal."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import format_seconds, plural

if TYPE_CHECKING:
    from noisefix.classifiers.compare import CompareResult, MethodScore


def show_comparison(screen: Screen, result: CompareResult, source: str) -> None:
    """Write the table, what may be concluded, and what to do next."""
    baseline = result.scores[0].method
    screen.line(
        f"accuracy on {plural(result.test_rows, 'row')} of {result.test.name} (column "
        f"{result.truth_column}), {plural(result.seeds, 'seed')} a method",
        style="bold",
    )
    screen.table(
        (
            Column("method"),
            Column("mean", "right"),
            Column("spread", "right"),
            Column(f"to {baseline}", "right"),
            Column("95 % interval", "right"),
            Column("time", "right"),
            Column("extra memory", "right"),
        ),
        [_row(score, is_baseline=score.method == baseline) for score in result.scores],
    )
    screen.line()
    if len(result.scores) > 2:
        screen.line(
            f"The intervals hold for all {len(result.scores) - 1} differences at once.",
            style="dim",
        )
    screen.line(result.verdict, style="bold")
    if not math.isnan(result.resolution):
        screen.line(
            f"Differences under about {100 * result.resolution:.1f} points drown in the noise of "
            "these test rows and seeds; more rows show smaller ones.",
            style="dim",
        )
    better = [s for s in result.scores if s.is_beyond_noise and s.difference > 0]
    if better:
        best = max(better, key=lambda s: s.difference)
        screen.command(
            f"noisefix train {shlex.quote(source)} --method {best.method} -o model", "train with it"
        )


def _row(score: MethodScore, *, is_baseline: bool) -> tuple[str, ...]:
    memory = "-" if math.isnan(score.memory_mb) else f"{score.memory_mb:.0f} MB"
    return (
        score.method,
        f"{100 * score.accuracy:.1f}",
        f"{100 * score.spread:.1f}",
        "-" if is_baseline else f"{100 * score.difference:+.1f}",
        "-" if is_baseline else f"{100 * score.low:+.1f} to {100 * score.high:+.1f}",
        format_seconds(score.seconds),
        memory,
    )
