"""``noisefix apply``: the input again, repaired, with every change on record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli import options
from noisefix.cli.paths import READS, WRITES


def apply(
    run: options.RunArgument,
    output: Annotated[
        Path | None,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write, in the input's own format; - for standard output.",
        ),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            **options.one_of("flag", "drop", "relabel", "weight"),
            help="flag: add columns with the verdicts. drop: leave flagged rows out. relabel: what "
            "an annotator's answers led to, else only labels for which another is clearly better. "
            "weight: add a column, how probably each label is right.",
        ),
    ] = "flag",
    min_probability: Annotated[
        float | None,
        typer.Option(
            "--min-probability",
            metavar="P",
            min=0,
            max=1,
            help="Least probability of a new label where nobody was asked. Default: 0.7, and only "
            "where label names or verified rows vouch for it.",
        ),
    ] = None,
    min_margin: Annotated[
        float | None,
        typer.Option(
            "--min-margin",
            metavar="P",
            min=0,
            max=1,
            help="Its least lead over the given one. Default: 0.3.",
        ),
    ] = None,
    fill_unlabelled: Annotated[
        bool,
        typer.Option("--fill-unlabelled", help="Give rows without a label the suggested one."),
    ] = False,
    column_prefix: Annotated[
        str,
        typer.Option("--column-prefix", metavar="TEXT", help="Begins the names of new columns."),
    ] = "noisefix_",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; write nothing.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show every change after writing.")] = False,
    revert: Annotated[
        bool, typer.Option("--revert", help="Take back what apply has written to the file of -o.")
    ] = False,
    review_csv: Annotated[
        Path | None,
        WRITES,
        typer.Option(
            "--review-csv",
            metavar="FILE",
            help="Write the rows that a person should see, with an empty column decision.",
        ),
    ] = None,
    review: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--review",
            metavar="FILE",
            help="Read it back, filled in: a class, keep, drop, or unsure. It wins over all else.",
        ),
    ] = None,
    run_data: options.RunData = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
) -> None:
    """Write the cleaned table; the input is never touched.

    The output has the input's columns, order, dialect and untouched cells, byte for byte. Every
    change is recorded in the run folder's ledger.parquet, and --revert undoes it.
    """
    from noisefix.cleaning.apply import apply as run_apply
    from noisefix.cleaning.decide import ApplyParams
    from noisefix.cleaning.revert import revert as run_revert
    from noisefix.cli.diff import show_applied, show_changes, show_reverted
    from noisefix.cli.messages import screen_beside
    from noisefix.cli.terminal import write_json
    from noisefix.errors import UsageError

    screen = screen_beside(None if dry_run else output, as_json=as_json)
    if revert:
        if output is None or dry_run:
            raise UsageError(
                "--revert needs the file to set back, and does so at once",
                f"noisefix apply {run} --revert -o FILE",
            )
        undone = run_revert(run, output, run_data=run_data)
        if as_json:
            write_json(undone)
            return
        if diff:
            show_changes(screen, undone.changes)
        show_reverted(screen, undone)
        return
    result = run_apply(
        run,
        output,
        strategy=strategy,
        min_probability=min_probability,
        min_margin=ApplyParams.min_margin if min_margin is None else min_margin,
        fill_unlabelled=fill_unlabelled,
        column_prefix=column_prefix,
        dry_run=dry_run,
        review_csv=review_csv,
        review=review,
        run_data=run_data,
    )
    if as_json:
        write_json(result)
        return
    if diff or dry_run:
        show_changes(screen, result.changes)
    if not quiet or dry_run:
        show_applied(screen, result)
