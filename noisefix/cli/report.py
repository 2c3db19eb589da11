"""``noisefix report``: a run as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.options import RunArgument, Shown, takes_options
from noisefix.options import WRITES
from noisefix.reporting.options import ReportOptions


@takes_options
def report(
    run: RunArgument,
    output: Annotated[
        Path,
        WRITES,
        typer.Option("--output", "-o", metavar="FILE", help="Page to write: report.html."),
    ],
    options: ReportOptions,
    shown: Shown,
) -> None:
    """Write a run as one page: look at it, and decide.

    The page is one file for a browser, and loads nothing: the verdict, classes and confusions, a
    map of the texts, all rows. A key decides a row. What you decide stays in the browser until you
    export it (decisions.jsonl, for --decisions of detect, relabel, apply and train).
    """
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.cli.wording import plural
    from noisefix.reporting.report import report as run_report

    result = run_report(run, output, options=options)
    if shown.as_json:
        write_json(result)
        return
    screen = Screen()
    size = f"{result.bytes / 1e6:.1f} MB"
    screen.line(
        f"{result.output}: {plural(result.rows, 'row')}, {result.issues:,} flagged, {size}; open "
        "it in a browser"
    )
    if result.is_cut and not shown.quiet:
        screen.line("Long texts of unsuspicious rows are cut in it, to keep it small.", style="dim")
