"""``noisefix detect``: from a table to its wrong labels, in one go."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from noisefix.cli.messages import standard_input, tell, tell_and_show
from noisefix.cli.options import Data, NewRun, Shown, one_or_all, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.options import DetectOptions


@takes_options
def detect(
    data: Data,
    options: DetectOptions,
    shown: Shown,
    output: NewRun = None,
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
    from noisefix.detection.detect import detect as run_detect

    with show_progress(quiet=shown.quiet) as progress:
        result = run_detect(
            one_or_all(data), output, options=options, progress=progress, stdin=standard_input(data)
        )
    tell(result.notes, result.warnings, quiet=shown.quiet)
    more = result.across
    show = partial(show_detection, data=one_or_all(data), top=top, options=options)
    tell_and_show(result, shown, show, *((more.notes, more.warnings) if more else ()))
