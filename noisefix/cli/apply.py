"""``noisefix apply``: the input again, repaired, with every change on record."""

from __future__ import annotations

from typing import Annotated

import typer

from noisefix.cleaning.options import ApplyOptions
from noisefix.cli.options import RunArgument, Shown, takes_options
from noisefix.options import WRITES


@takes_options
def apply(
    run: RunArgument,
    options: ApplyOptions,
    shown: Shown,
    output: Annotated[
        str | None,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write; - for standard output; a folder for several files; an address; "
            "URL::TABLE for a new table of a database.",
        ),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show every change after writing.")] = False,
    revert: Annotated[
        bool, typer.Option("--revert", help="Take back what apply has written to the file of -o.")
    ] = False,
) -> None:
    """Write the cleaned table; the input is never touched.

    The output has the input's columns, order, dialect and untouched cells, byte for byte. Every
    change is recorded in the run folder's ledger.parquet, and --revert undoes it. With --format or
    --only-flagged it is made for people and other tools, and read back with --review.
    """
    from noisefix.cleaning.apply import apply as run_apply
    from noisefix.cleaning.revert import revert as run_revert
    from noisefix.cli.diff import show_applied, show_changes, show_reverted
    from noisefix.cli.messages import screen_beside
    from noisefix.cli.terminal import write_json
    from noisefix.errors import UsageError

    screen = screen_beside(None if options.dry_run else output, as_json=shown.as_json)
    if revert:
        if output is None or options.dry_run:
            raise UsageError(
                "--revert needs the file to set back, and does so at once",
                f"noisefix apply {run} --revert -o FILE",
            )
        undone = run_revert(run, output, run_data=options.run_data)
        if shown.as_json:
            write_json(undone)
            return
        if diff:
            show_changes(screen, undone.changes)
        show_reverted(screen, undone)
        return
    result = run_apply(run, output, options=options)
    if shown.as_json:
        write_json(result)
        return
    if diff or options.dry_run:
        show_changes(screen, result.changes)
    if not shown.quiet or options.dry_run:
        show_applied(screen, result)
