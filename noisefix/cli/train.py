"""``noisefix train``: a classifier that the remaining noise does not mislead."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from noisefix.classifiers.options import CompareOptions, TrainOptions
from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.options import READS, REPLACES


@takes_options
def train(
    source: Annotated[
        str,
        READS,
        typer.Argument(
            metavar="RUN_OR_TABLE",
            help="Run folder that detect has written; or a table: detect is run on it first.",
        ),
    ],
    options: TrainOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        REPLACES,
        typer.Option("--output", "-o", metavar="FOLDER", help="Model folder to write."),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="A,B,C",
            help="Compare methods on --test instead of writing a model; all: every one.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, metavar="N", help="Seeds for each method compared.")
    ] = 5,
    test: Annotated[
        Path | None,
        READS,
        typer.Option("--test", metavar="TABLE", help="Trusted labels to compare methods by."),
    ] = None,
) -> None:
    """Train a classifier that the remaining noise does not mislead.

    A killed training goes on where it was. With --compare: which method helps on this data, by a
    table with trusted labels. With --method noiseal an annotator can be asked about rows whose
    label is in doubt; every answer is stored in the run folder and never paid for twice. When its
    service fails or a budget is reached, the model is trained with what was answered and written,
    and the exit code is 5.
    """
    if compare is not None:
        if output is not None or options.valid is not None or options.pairs is not None:
            raise typer.BadParameter("--compare writes no model: leave -o, --valid and --pairs out")
        if options.annotator is not None or options.model is not None:
            raise typer.BadParameter("--compare asks nobody: leave the annotator out")
        names = [name.strip() for name in compare.split(",") if name.strip()]
        _compare(source, names, options, test, seeds, shown)
        return
    if output is None:
        raise typer.BadParameter("name the model folder with -o")
    from noisefix.classifiers.train import train as run_train
    from noisefix.cli.asking import show_asked
    from noisefix.cli.messages import tell
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.cli.wording import format_seconds, plural

    with show_progress(quiet=shown.quiet) as progress:
        result = run_train(source, output, options=options, progress=progress)
    tell(result.notes, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
        if result.failure is not None:
            raise result.failure
        return
    screen = Screen()
    screen.line(
        f"{result.model}: {result.method} on {plural(result.labelled, 'labelled row')}, "
        f"{len(result.class_names)} classes, {plural(result.epochs, 'epoch')}, "
        f"{format_seconds(result.seconds)}"
    )
    if result.asking is not None:
        show_asked(screen, result.asking)
    screen.command(
        f"noisefix predict {shlex.quote(str(result.model))} DATA -o predictions.parquet",
        "labels for texts never seen",
    )
    if result.failure is not None:
        raise result.failure


def _compare(
    source: str,
    methods: list[str],
    options: TrainOptions,
    test: Path | None,
    seeds: int,
    shown: Shown,
) -> None:
    from noisefix.classifiers.compare import compare
    from noisefix.cli.comparison import show_comparison
    from noisefix.cli.messages import tell_and_show

    epochs = {} if options.epochs is None else {"epochs": options.epochs}
    parameters = {**(options.parameters or {}), **epochs}
    chosen = options.shared_with(CompareOptions, test=test, n_seeds=seeds, parameters=parameters)
    with show_progress(quiet=shown.quiet) as progress:
        result = compare(source, methods, options=chosen, progress=progress)
    tell_and_show(result, shown, partial(show_comparison, source=source), result.notes)
