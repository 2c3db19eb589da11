"""``noisefix check``: a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import CheckOptions
from noisefix.options import KEEPS, READS, WRITES

if TYPE_CHECKING:
    from noisefix.detection.check import CheckResult


@takes_options
def check(
    data: Annotated[
        str,
        READS,
        typer.Argument(metavar="DATA", help="Table, or - for CSV on stdin, or a run folder."),
    ],
    options: CheckOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Run folder to keep, so that what has not changed is not done again.",
        ),
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print GitHub workflow annotations.")
    ] = False,
    junit: Annotated[
        Path | None,
        WRITES,
        typer.Option("--junit", metavar="FILE", help="Write a JUnit XML report."),
    ] = None,
) -> None:
    """Fail (exit 1) when a data set breaks a limit.

    Says so in one line for each limit. At least one must be set. A table is detected first, in a
    temporary folder unless -o names one; a run folder is taken as it is.
    """
    from noisefix.cli.messages import standard_input, tell
    from noisefix.cli.terminal import write_json, write_lines
    from noisefix.detection.check import check as run_check
    from noisefix.errors import EXIT_GATE_FAILED, UsageError

    if shown.as_json and github:
        raise UsageError("--json and --github both want stdout", "choose one of them")
    if junit is not None:
        from noisefix.cli.junit import check_target

        read = (data, options.run_data, output, options.baseline, options.labels, options.against)
        check_target(junit, read)
    with show_progress(quiet=shown.quiet) as progress:
        result = run_check(
            data, output, options=options, progress=progress, stdin=standard_input(data)
        )
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if junit is not None:
        from noisefix.cli.junit import write_junit

        write_junit(result, junit)
    if shown.as_json:
        write_json(result)
    elif github:
        from noisefix.cli.github import annotation_lines

        write_lines(annotation_lines(result))
    else:
        _show_gates(result, quiet=shown.quiet)
    if not result.passed:
        raise typer.Exit(EXIT_GATE_FAILED)


def _show_gates(result: CheckResult, *, quiet: bool) -> None:
    from noisefix.cli.terminal import Screen

    screen = Screen()
    for gate in result.gates:
        if not gate.passed:
            screen.line(f"FAILED {gate.name}: {gate.message}", style="bold red")
        elif not quiet:
            screen.line(f"passed {gate.name}: {gate.message}", style="green")
    if not result.passed and not quiet and result.run is not None:
        screen.line(f"the rows are in {result.run}/issues.parquet", style="dim")
