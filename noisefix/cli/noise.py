"""``noisefix noise``: label noise of a known kind, to see how a pipeline bears it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import READS, WRITES
from noisefix.cli.progress import show_progress


def noise(
    data: options.Data,
    output: Annotated[
        Path,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Table to write, in the input's format; - for standard output.",
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            **options.one_of("symmetric", "pair", "asymmetric", "instance"),
            help="instance: texts that lie near another class get its label.",
        ),
    ] = "symmetric",
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="SHARE", help="Share of rows to spoil. Default: 0.2."),
    ] = None,
    matrix: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--matrix",
            metavar="FILE",
            help="For asymmetric: CSV, first column the true label, a column for each given one.",
        ),
    ] = None,
    truth_column: Annotated[
        str, typer.Option("--truth-column", metavar="NAME", help="Column for the right labels.")
    ] = "true_label",
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    missing_labels: options.MissingLabels = None,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Put label noise of a known kind into a clean table.

    The right labels are kept in a column of their own, for evaluate --truth.
    """
    from noisefix.cli.columns import Column
    from noisefix.cli.messages import screen_beside, standard_input, tell
    from noisefix.cli.terminal import write_json
    from noisefix.cli.wording import output_name, percent, plural
    from noisefix.evaluation.noise import noise as run_noise

    screen = screen_beside(output, as_json=as_json)
    with show_progress(quiet=quiet) as progress:
        result = run_noise(
            data,
            output,
            kind=kind,
            rate=rate,
            matrix=matrix,
            truth_column=truth_column,
            text_column=text_column,
            label_column=label_column,
            missing_labels=missing_labels,
            encoder=encoder,
            device=device,
            seed=seed,
            bad_rows=bad_rows,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=quiet)
    if as_json:
        write_json(result)
        return
    share = percent(result.flipped / max(result.rows, 1))
    screen.line(
        f"{output_name(result.output)}: {result.flipped:,} of {plural(result.rows, 'label')} are "
        f"wrong now ({share}); the right ones are in column {result.truth_column}"
    )
    if result.pairs:
        screen.heading("Most frequent errors")
        screen.table(
            (
                Column("true label", max_width=40),
                Column("given now", max_width=40),
                Column("rows", "right"),
            ),
            [(true, given, f"{rows:,}") for true, given, rows in result.pairs],
        )
