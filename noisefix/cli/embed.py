"""``noisefix embed``: sentence embeddings of a table's texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import WRITES
from noisefix.cli.progress import show_progress


def embed(
    data: options.Data,
    output: Annotated[
        Path,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="RUN",
            help="Run folder to make or go on with; or embeddings.parquet to write.",
        ),
    ],
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    id_column: options.IdColumn = None,
    missing_labels: options.MissingLabels = None,
    encoder: options.Encoder = options.DEFAULT_ENCODER,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    labels: options.Labels = None,
    seed: options.Seed = 0,
    force: options.Force = False,
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Embed the texts of a table, each distinct text once.

    Into a run folder, for joint and candidates to go on with: the three of them make what detect
    makes. Or into a file of its own. A killed run goes on where it stopped.
    """
    from noisefix.cli.messages import standard_input, tell
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.embed import embed as run_embed

    with show_progress(quiet=quiet) as progress:
        result = run_embed(
            data,
            output,
            text_column=text_column,
            label_column=label_column,
            id_column=id_column,
            missing_labels=missing_labels,
            encoder=encoder,
            precision=precision,
            device=device,
            labels=labels,
            seed=seed,
            force=force,
            bad_rows=bad_rows,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=quiet)
    show_stage(result, as_json=as_json)
