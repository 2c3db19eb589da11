"""``noisefix noise``: label noise of a known kind, to see how a pipeline bears it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.options import Data, Shown, one_or_all, takes_options
from noisefix.cli.progress import show_progress
from noisefix.evaluation.options import NoiseOptions
from noisefix.options import WRITES


@takes_options
def noise(
    data: Data,
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
    options: NoiseOptions,
    shown: Shown,
) -> None:
    """Put label noise of a known kind into a clean table.

    The right labels are kept in a column of their own, for evaluate --truth.
    """
    from noisefix.cli.columns import Column
    from noisefix.cli.messages import screen_beside, standard_input, tell
    from noisefix.cli.terminal import write_json
    from noisefix.cli.wording import output_name, percent, plural
    from noisefix.evaluation.noise import noise as run_noise

    screen = screen_beside(output, as_json=shown.as_json)
    with show_progress(quiet=shown.quiet) as progress:
        result = run_noise(
            one_or_all(data), output, options=options, progress=progress, stdin=standard_input(data)
        )
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if shown.as_json:
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
