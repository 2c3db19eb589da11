"""``noisefix check``: a gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import KEEPS, READS, WRITES
from noisefix.cli.progress import show_progress

if TYPE_CHECKING:
    from noisefix.detection.check import CheckResult


def check(
    data: Annotated[
        str,
        READS,
        typer.Argument(metavar="DATA", help="Table, or - for CSV on stdin, or a run folder."),
    ],
    max_noise_rate: Annotated[
        float | None,
        typer.Option(
            "--max-noise-rate",
            metavar="SHARE",
            help="Fail above this estimated share of wrong labels (0.05: 5 %).",
        ),
    ] = None,
    max_issues: Annotated[
        int | None,
        typer.Option("--max-issues", metavar="N", help="Fail when more rows are flagged."),
    ] = None,
    max_new_issues: Annotated[
        int | None,
        typer.Option(
            "--max-new-issues",
            metavar="N",
            help="Fail when more rows are flagged that --baseline does not flag.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        READS,
        typer.Option("--baseline", metavar="FILE", help="issues.parquet of an earlier run."),
    ] = None,
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
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    id_column: options.IdColumn = None,
    missing_labels: options.MissingLabels = None,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    labels: options.Labels = None,
    trusted_column: options.TrustedColumn = None,
    labelled_by: options.LabelledBy = "unknown",
    unverified_class: options.UnverifiedClass = None,
    one_sided: options.OneSided = None,
    flag_precision: options.FlagPrecision = None,
    flag_top: options.FlagTop = None,
    seed: options.Seed = 0,
    run_data: options.RunData = None,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Fail (exit 1) when a data set breaks a limit.

    Says so in one line for each limit. At least one must be set. A table is detected first, in a
    temporary folder unless -o names one; a run folder is taken as it is.
    """
    from noisefix.cli.messages import standard_input, tell
    from noisefix.cli.terminal import write_json, write_lines
    from noisefix.detection.check import check as run_check
    from noisefix.errors import EXIT_GATE_FAILED, UsageError

    if as_json and github:
        raise UsageError("--json and --github both want stdout", "choose one of them")
    if junit is not None:
        from noisefix.cli.junit import check_target

        check_target(junit, (data, run_data, output, baseline, labels))
    with show_progress(quiet=quiet) as progress:
        result = run_check(
            data,
            output,
            max_noise_rate=max_noise_rate,
            max_issues=max_issues,
            max_new_issues=max_new_issues,
            baseline=baseline,
            text_column=text_column,
            label_column=label_column,
            id_column=id_column,
            missing_labels=missing_labels,
            encoder=encoder,
            precision=precision,
            device=device,
            seed=seed,
            labels=labels,
            trusted_column=trusted_column,
            run_data=run_data,
            bad_rows=bad_rows,
            labelled_by=labelled_by,
            unverified_class=unverified_class,
            one_sided=one_sided,
            flag_precision=flag_precision,
            flag_top=flag_top,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=quiet)
    if junit is not None:
        from noisefix.cli.junit import write_junit

        write_junit(result, junit)
    if as_json:
        write_json(result)
    elif github:
        from noisefix.cli.github import annotation_lines

        write_lines(annotation_lines(result))
    else:
        _show_gates(result, quiet=quiet)
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
