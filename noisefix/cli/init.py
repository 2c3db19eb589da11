"""``noisefix init``: a configuration beside the data, with a gate that they pass today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.messages import tell_and_show
from noisefix.cli.options import NewRun, Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.detection.check_options import InitOptions
from noisefix.options import READS

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.detection.init import InitResult


@takes_options
def init(
    data: Annotated[
        str, READS, typer.Argument(metavar="DATA", help="CSV, TSV, JSONL or Parquet file.")
    ],
    options: InitOptions,
    shown: Shown,
    output: NewRun = None,
) -> None:
    """Write noisefix.toml and labels.toml beside a table.

    Looks for wrong labels first (the run folder of detect serves, if nothing has changed). The
    configuration names columns, encoder and a gate for check that the data pass today; labels.toml
    names the classes, to be described, and those that are most confused.
    """
    from noisefix.detection.init import init as run_init

    with show_progress(quiet=shown.quiet) as progress:
        result = run_init(data, output, options=options, progress=progress)
    tell_and_show(result, shown, _show, result.notes, result.warnings)


def _show(screen: Screen, result: InitResult) -> None:
    from noisefix.cli.wording import interval, percent

    between = interval(result.noise_rate_low, result.noise_rate_high)
    screen.line(
        f"{result.config}: options, and a gate at {percent(result.max_noise_rate)} (today about "
        f"{percent(result.noise_rate)} look wrong, 90 % interval {between})"
    )
    if result.labels is not None:
        screen.line(f"{result.labels}: says what each class means, once you have filled it in")
