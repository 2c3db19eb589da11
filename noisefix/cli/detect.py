"""``noisefix detect``: from a table to its wrong labels, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.messages import standard_input, tell
from noisefix.cli.options import Data, Shown, one_or_all, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import DetectOptions
from noisefix.options import KEEPS


@takes_options
def detect(
    data: Data,
    options: DetectOptions,
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
    top: Annotated[
        int,
        typer.Option("--top", min=0, max=100, metavar="N", help="Suspicious rows to show."),
    ] = 10,
) -> None:
    """Find the wrong labels of a table, and say why.

    Embeds the texts, estimates for every row how probable it is that its label is wrong and what
    it should be, and looks up the neighbours that speak for it. Writes a run folder and shows a
    summary. What has been done before and has not changed is not done again.
    """
    from noisefix.cli.summary import show_detection
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.detection.detect import detect as run_detect

    with show_progress(quiet=shown.quiet) as progress:
        result = run_detect(
            one_or_all(data), output, options=options, progress=progress, stdin=standard_input(data)
        )
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if result.across is not None:
        tell(result.across.notes, result.across.warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
    else:
        shown_data = one_or_all(data)
        show_detection(Screen(), result, data=shown_data, top=top, options=options)
