"""``noisefix calibrate``: how far to trust who labelled, an LLM above all."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.columns import Column
from noisefix.cli.options import Data, Shown, data_words, one_or_all, takes_options
from noisefix.cli.wording import interval, percent, plural
from noisefix.evaluation.options import CalibrateOptions
from noisefix.options import WRITES

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.evaluation.calibrate import CalibrateResult
    from noisefix.probability import Interval

_MOST_CLASSES = 40
_MOST_CONFUSIONS = 5


@takes_options
def calibrate(
    data: Data,
    options: CalibrateOptions,
    shown: Shown,
    output: Annotated[
        Path | None,
        WRITES,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="JSON file with the result, for a later --baseline.",
        ),
    ] = None,
) -> None:
    """Say how far the labels of a column can be trusted.

    Compares them with a person's labels, which 50 to 500 rows need to have, drawn at random.
    Shows accuracy, what is found and what is mixed up, each with a 90 % interval, and the class
    shares of the whole table with the labeller's errors taken out. With --max-drift it is a gate:
    exit code 1 when the labeller became worse than in an earlier result.
    """
    from noisefix.cli.messages import standard_input, tell
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.errors import EXIT_GATE_FAILED
    from noisefix.evaluation.calibrate import calibrate as run_calibrate

    result = run_calibrate(one_or_all(data), output, options=options, stdin=standard_input(data))
    tell(result.notes, result.warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
    else:
        screen = Screen()
        _show(screen, result)
        _show_drifts(screen, result)
        if not shown.quiet:
            _show_next(screen, result, one_or_all(data), output)
    if not result.passed:
        raise typer.Exit(EXIT_GATE_FAILED)


def _show(screen: Screen, result: CalibrateResult) -> None:
    screen.line(
        f"{result.label_column} is right in {_measured(result.accuracy)} of the rows (90 % "
        f"interval), as {plural(result.compared, 'row')} with {result.truth_column} tell.",
        style="bold",
    )
    kappa = result.kappa
    if not math.isnan(kappa.value):
        screen.line(
            f"Cohen's kappa {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}): 0 is no "
            "better than guessing, 1 is always right."
        )
    _show_classes(screen, result)
    _show_confusions(screen, result)
    _show_shares(screen, result)


def _show_classes(screen: Screen, result: CalibrateResult) -> None:
    screen.heading("Classes, with 90 % intervals")
    columns = (
        Column("label", max_width=40),
        Column("rows of it", "right"),
        Column("found (recall)", "right"),
        Column("times given", "right"),
        Column("right if given (precision)", "right"),
    )
    screen.table(
        columns,
        [
            (
                c.label,
                f"{c.true_rows:,}",
                _measured(c.recall),
                f"{c.said_rows:,}",
                _measured(c.precision),
            )
            for c in result.classes[:_MOST_CLASSES]
        ],
    )
    _say_more(screen, len(result.classes))


def _show_confusions(screen: Screen, result: CalibrateResult) -> None:
    if not result.confusions:
        return
    screen.heading("Given instead")
    for pair in result.confusions[:_MOST_CONFUSIONS]:
        screen.line(
            f"{pair.true} → {pair.predicted}: {plural(pair.rows, 'row')}, {percent(pair.share)} of "
            f"{pair.true}",
            indent=2,
        )


def _show_shares(screen: Screen, result: CalibrateResult) -> None:
    screen.heading(f"Class shares of all {result.labelled:,} labelled rows, 90 % intervals")
    screen.table(
        (
            Column("label", max_width=40),
            Column("as labelled", "right"),
            Column("corrected", "right"),
            Column("Rogan-Gladen", "right"),
        ),
        [
            (c.label, percent(c.given), _measured(c.corrected), _measured(c.rogan_gladen))
            for c in result.shares[:_MOST_CLASSES]
        ],
    )
    _say_more(screen, len(result.shares))
    screen.line(
        f'"corrected" takes it that the rows with {result.truth_column} were drawn at random from '
        "all rows. Rogan-Gladen needs this within each class only, and knows less. Where the "
        "two are far apart, the rows were probably not drawn at random.",
        style="dim",
    )
    if result.indistinct:
        named = ", ".join(result.indistinct[:_MOST_CONFUSIONS])
        screen.line(
            f"As far as these rows show, {result.label_column} does not tell these classes apart: "
            f"{named}. Their Rogan-Gladen shares cannot be known; more rows of them with a truth "
            "may change that."
        )


def _show_drifts(screen: Screen, result: CalibrateResult) -> None:
    if not result.drifts:
        return
    screen.heading("Against the baseline")
    failed = [drift for drift in result.drifts if not drift.passed]
    for drift in failed:
        screen.line(
            f"FAILED {drift.measure}: fell from {drift.before:.2f} to {drift.now:.2f}, by at least "
            f"{drift.least_drop:.2f} beyond chance",
            style="bold red",
        )
    if not failed:
        steepest = max(result.drifts, key=lambda drift: drift.drop)
        most = (
            f"; most of all {steepest.measure}, from {steepest.before:.2f} to {steepest.now:.2f}"
            if steepest.drop > 0
            else ", or at all"
        )
        screen.line(
            f"passed: nothing fell by more than is allowed beyond chance{most}", style="green"
        )


def _show_next(
    screen: Screen, result: CalibrateResult, data: str | list[str], output: Path | None
) -> None:
    table = data_words(data)
    label, truth = shlex.quote(result.label_column), shlex.quote(result.truth_column)
    columns = f"--label-column {label} --truth-column {truth}"
    screen.heading("Next:")
    screen.command(
        f"noisefix detect {table} --label-column {label} --trusted-column {truth} "
        "--labelled-by model",
        "which labels look wrong; the rows with a truth teach it",
    )
    if output is None:
        screen.command(
            f"noisefix calibrate {table} {columns} -o calibration.json", "keep this result"
        )
    kept = shlex.quote(str(output or "calibration.json"))
    screen.command(
        f"noisefix calibrate NEW {columns} --baseline {kept} --max-drift 0.05",
        "fail (exit 1) when a later model or prompt is worse",
    )
    half = (result.accuracy.high - result.accuracy.low) / 2
    screen.line(
        f"The accuracy is known to about {percent(half)} either way; {3 * result.compared:,} more "
        "rows with a truth would halve that.",
        style="dim",
    )


def _measured(share: Interval) -> str:
    if math.isnan(share.value):
        return "-"
    return f"{percent(share.value)} ({interval(share.low, share.high)})"


def _say_more(screen: Screen, count: int) -> None:
    if count > _MOST_CLASSES:
        screen.line(
            f"and {plural(count - _MOST_CLASSES, 'class')} more: --json", indent=2, style="dim"
        )
