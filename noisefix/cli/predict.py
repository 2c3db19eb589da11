"""``noisefix predict``: labels and probabilities for text never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import READS, WRITES
from noisefix.cli.progress import show_progress


def predict(
    model: Annotated[
        Path, READS, typer.Argument(metavar="MODEL", help="Model folder that train has written.")
    ],
    data: options.Data,
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
    proba: Annotated[
        bool, typer.Option("--proba", help="Also the probability of every class.")
    ] = False,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    device: options.Device = "auto",
    bad_rows: options.BadRows = "stop",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
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

    screen = screen_beside(output, as_json=as_json)
    with show_progress(quiet=quiet) as progress:
        result = run_predict(
            model,
            data,
            output,
            proba=proba,
            text_column=text_column,
            id_column=id_column,
            device=device,
            bad_rows=bad_rows,
            progress=progress,
            stdin=standard_input(data),
        )
    tell(result.notes, result.warnings, quiet=quiet)
    if as_json:
        write_json(result)
        return
    screen.line(
        f"{output_name(result.output)}: {plural(result.rows, 'row')} predicted "
        f"({format_seconds(result.seconds)})"
    )
