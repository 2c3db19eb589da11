"""``noisefix init``: a configuration beside the data, with a gate that they pass today."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.messages import tell
from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.check_options import InitOptions
from noisefix.options import KEEPS, READS


@takes_options
def init(
    data: Annotated[
        str, READS, typer.Argument(metavar="DATA", help="CSV, TSV, JSONL or Parquet file.")
    ],
    options: InitOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        KEEPS,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Run folder. Default: NAME.noisefix beside the input.",
        ),
    ] = None,
) -> None:
    """Write noisefix.toml and labels.toml beside a table.

    Looks for wrong labels first (the run folder of detect serves, if nothing has changed). The
    configuration names columns, encoder and a gate for check that the data pass today; labels.toml
    names the classes, to be described, and those that are most confused.
    """
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.cli.wording import interval, percent
    from noisefix.detection.init import init as run_init

    with show_progress(quiet=shown.quiet) as progress:
        result = run_init(data, output, options=options, progress=progress)
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
        return
    screen = Screen()
    between = interval(result.noise_rate_low, result.noise_rate_high)
    screen.line(
        f"{result.config}: options, and a gate at {percent(result.max_noise_rate)} (today about "
        f"{percent(result.noise_rate)} look wrong, 90 % interval {between})"
    )
    if result.labels is not None:
        screen.line(f"{result.labels}: says what each class means, once you have filled it in")
