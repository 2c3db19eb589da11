"""Draw how the asking of an annotator goes, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from noisefix.cli.messages import tell

if TYPE_CHECKING:
    from noisefix.annotators.progress import AskProgress
    from noisefix.classifiers.training_questions import AskingReport
    from noisefix.cli.terminal import Screen


def show_asked(screen: Screen, report: AskingReport) -> None:
    """Show in a line or two what was asked in a training."""
    from noisefix.cli.wording import plural

    said = f"{report.answered:,} of {plural(report.asked, 'row')} asked got a label"
    others = ", ".join(f"{count:,} {kind}" for kind, count in report.other_answers.items())
    stored = f" ({report.reused:,} answers were stored)" if report.reused else ""
    screen.line(said + (f"; {others}" if others else "") + stored)
    for note in report.notes:
        screen.line(note, style="yellow")
    if report.input_tokens or report.cost_usd:
        screen.line(
            f"{report.input_tokens:,} tokens in, {report.output_tokens:,} out"
            + (f", ${report.cost_usd:.4f}" if report.cost_usd else "")
            + "; every answer is stored and will not be paid for again"
        )


@contextmanager
def show_asking(
    *, quiet: bool, name: str = "relabel"
) -> Iterator[Callable[[AskProgress], None] | None]:
    """Yield a callback that draws rows, speed, tokens, cost and time left on stderr."""
    if quiet:
        yield None
        return
    from noisefix.cli.terminal import open_console, say
    from noisefix.cli.wording import format_seconds

    def line(step: AskProgress) -> str:
        parts = [f"{step.done:,}" + ("" if step.total is None else f" of {step.total:,}") + " rows"]
        if step.reused:
            parts.append(f"{step.reused:,} stored")
        if step.failed:
            parts.append(f"{step.failed:,} without an answer")
        if step.requests_per_s:
            parts.append(f"{step.requests_per_s:.1f}/s")
        tokens = step.input_tokens + step.output_tokens
        if tokens:
            parts.append(f"{tokens:,} tokens")
        if step.cost_usd is not None:
            cost = f"${step.cost_usd:.4f}"
            if step.projected_cost_usd is not None:
                cost += f" of about ${step.projected_cost_usd:.4f}"
            parts.append(cost)
        if step.remaining_s is not None:
            parts.append(f"{format_seconds(step.remaining_s)} left")
        return f"{name}: " + ", ".join(parts)

    last: list[AskProgress] = []
    if sys.stderr.isatty():
        from rich.live import Live
        from rich.text import Text

        with Live(console=open_console(), refresh_per_second=4) as live:

            def draw(step: AskProgress) -> None:
                last[:] = [step]
                live.update(Text(line(step)))

            yield draw
    else:
        try:
            yield lambda step: last.__setitem__(slice(None), [step])
        finally:
            if last:
                say(line(last[-1]))
    if last:
        tell(last[-1].notes, quiet=quiet)
