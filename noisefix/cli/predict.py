"""``noisefix predict``: labels and probabilities for text never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.classifiers.options import PredictOptions
from noisefix.cli.options import Data, Shown, one_or_all, takes_options
from noisefix.cli.progress import show_progress
from noisefix.options import READS, WRITES


@takes_options
def predict(
    model: Annotated[
        Path, READS, typer.Argument(metavar="MODEL", help="Model folder that train has written.")
    ],
    data: Data,
    output: Annotated[
        Path,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Predictions: .parquet, .csv or .jsonl; - for CSV on standard output.",
        ),
    ],
    options: PredictOptions,
    shown: Shown,
) -> None:
    """Predict a label for every row of a table.

    The table needs a text column only, and may be larger than the memory: it is looked through
    once, then read and predicted in blocks. Standard input is copied to a temporary file first.
    The output takes its place when all of it is written.
    """
    from noisefix.classifiers.predict import predict as run_predict
    from noisefix.cli.messages import screen_beside, standard_input, tell
    from noisefix.cli.terminal import write_json
    from noisefix.cli.wording import format_seconds, output_name, plural

    screen = screen_beside(output, as_json=shown.as_json)
    with show_progress(quiet=shown.quiet) as progress:
        result = run_predict(
            model,
            one_or_all(data),
            output,
            options=options,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
        return
    screen.line(
        f"{output_name(result.output)}: {plural(result.rows, 'row')} predicted "
        f"({format_seconds(result.seconds)})"
    )
