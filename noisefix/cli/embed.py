"""``noisefix embed``: sentence embeddings of a table's texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.options import Data, Shown, one_or_all, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import EmbedOptions
from noisefix.options import WRITES


@takes_options
def embed(
    data: Data,
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
    options: EmbedOptions,
    shown: Shown,
) -> None:
    """Embed the texts of a table, each distinct text once.

    Into a run folder, for joint and candidates to go on with: the three of them make what detect
    makes. Or into a file of its own. A killed run goes on where it stopped.
    """
    from noisefix.cli.messages import standard_input, tell_and_show
    from noisefix.cli.stage_report import show_stage
    from noisefix.detection.embed import embed as run_embed

    with show_progress(quiet=shown.quiet) as progress:
        result = run_embed(
            one_or_all(data), output, options=options, progress=progress, stdin=standard_input(data)
        )
    tell_and_show(result, shown, show_stage, result.notes, result.warnings)
