"""``noisefix candidates``: the labels that a row's clean neighbours make plausible."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import READS, WRITES
from noisefix.cli.progress import show_progress


def candidates(
    embeddings: options.Embeddings,
    issues: Annotated[
        Path | None,
        READS,
        typer.Argument(
            metavar="[ISSUES]",
            help="issues.parquet that joint has written. Default: the run folder's.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="candidates.parquet to write. Default: the run folder's.",
        ),
    ] = None,
    n_neighbors: options.Neighbors = 10,
    device: options.Device = "auto",
    seed: options.Seed = 0,
    force: options.Force = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Find the labels that clean neighbours make plausible.

    Looks up each row's nearest rows in the clean pool, and weighs the labels they have.
    """
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.candidates import candidates as run_candidates

    with show_progress(quiet=quiet) as progress:
        result = run_candidates(
            embeddings,
            issues,
            output,
            n_neighbors=n_neighbors,
            device=device,
            seed=seed,
            force=force,
            progress=progress,
        )
    show_stage(result, as_json=as_json)
