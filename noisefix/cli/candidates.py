"""``noisefix candidates``: the labels that a row's clean neighbours make plausible."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.options import Embeddings, Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import CandidatesOptions
from noisefix.options import READS, WRITES


@takes_options
def candidates(
    embeddings: Embeddings,
    options: CandidatesOptions,
    shown: Shown,
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
) -> None:
    """Find the labels that clean neighbours make plausible.

    Looks up each row's nearest rows in the clean pool, and weighs the labels they have.
    """
    from noisefix.cli.messages import tell_and_show
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.candidates import candidates as run_candidates
    from noisefix.detection.search_recall import recall_warnings

    with show_progress(quiet=shown.quiet) as progress:
        result = run_candidates(embeddings, issues, output, options=options, progress=progress)
    tell_and_show(result, shown, show_stage, warnings=recall_warnings(result))
