"""``noisefix joint``: probabilities, confident joint, and a verdict for every row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.messages import tell_and_show
from noisefix.cli.options import Embeddings, Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import JointOptions
from noisefix.options import KEEPS


@takes_options
def joint(
    embeddings: Embeddings,
    options: JointOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for issues.parquet, joint.parquet and more. Default: the run folder.",
        ),
    ] = None,
) -> None:
    """Judge every label, from out-of-sample probabilities.

    Writes issues.parquet (a score, a verdict and reasons for each row), joint.parquet (how given
    and true labels go together), classes.parquet, pairs.parquet and duplicates.parquet. What embed
    has found out about the label names is used if it lies beside EMBEDDINGS,
    which may be a run folder: its embeddings are read then, and the tables go into it.
    """
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.joint import joint as run_joint

    with show_progress(quiet=shown.quiet) as progress:
        result = run_joint(embeddings, output, options=options, progress=progress)
    tell_and_show(result, shown, show_stage, result.notes, result.warnings)
