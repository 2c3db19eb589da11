"""``noisefix evaluate``: how well a run or a model did, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.errors import UsageError
from noisefix.evaluation.options import EvaluateOptions
from noisefix.options import READS

if TYPE_CHECKING:
    from noisefix.cli.terminal import Screen
    from noisefix.evaluation.evaluate import EvaluateResult


@takes_options
def evaluate(
    run: Annotated[
        Path,
        READS,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="Run folder that detect has written, or model folder that train has written.",
        ),
    ],
    options: EvaluateOptions,
    shown: Shown,
    predictions: Annotated[
        list[Path] | None,
        READS,
        typer.Argument(
            metavar="PREDICTIONS",
            help="With --rank-stability: what models say of the rows, a file each.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", metavar="COLUMN", help="Column with the true labels.")
    ] = None,
    rank_stability: Annotated[
        bool,
        typer.Option(
            "--rank-stability", help="Do corrected labels change which of the models is best?"
        ),
    ] = False,
    pairs: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--pairs",
            metavar="RUN",
            help="Run folder with the pairs of augment, or their table: does a model tell texts "
            "from their smallest edits?",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        READS,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Table that holds it. Default for a run: its input. A model needs one.",
        ),
    ] = None,
) -> None:
    """Score a run or a model against a known truth.

    Of a run: ranking, flags, probabilities and repairs. Of a model: its predictions on the rows of
    a test table. Rows whose truth is empty are left out, and counted. Nothing of the truth is kept.
    With --rank-stability: several models' predictions for one test set, held against its given and
    its corrected labels: --truth, else decisions, answers and changes in RUN, else its estimates.
    With --pairs: how often a model is right of both a text and its smallest edit.
    """
    from noisefix.cli.messages import tell
    from noisefix.cli.model_scores import show_model_scores
    from noisefix.cli.rank_stability import show_rank_stability
    from noisefix.cli.terminal import Screen, write_json
    from noisefix.evaluation.evaluate import EvaluateResult
    from noisefix.evaluation.evaluate import evaluate as run_evaluate

    if rank_stability:
        from noisefix.evaluation.rank_stability import rank_stability as run_stability

        compared = run_stability(run, predictions or (), truth, data, options=options)
        tell(compared.notes, compared.warnings, quiet=shown.quiet)
        if shown.as_json:
            write_json(compared)
        else:
            show_rank_stability(Screen(), compared)
        return
    if predictions:
        raise UsageError(
            f"{predictions[0]}: predictions are compared with --rank-stability only",
            "add it, or leave the file out",
        )
    if pairs is not None:
        from noisefix.cli.pair_scores import show_pair_scores
        from noisefix.evaluation.contrast import contrast

        if truth is not None or data is not None:
            raise UsageError(
                "--pairs: pairs say themselves which labels are right",
                "leave --truth and --data out",
            )
        scored = contrast(run, pairs, options=options)
        tell(scored.warnings, quiet=shown.quiet)
        if shown.as_json:
            write_json(scored)
        else:
            show_pair_scores(Screen(), scored)
        return
    if truth is None:
        raise UsageError(
            "--truth is missing: nothing tells which labels are right",
            "name the column with the true labels; to compare models: --rank-stability",
        )
    with show_progress(quiet=shown.quiet) as progress:
        result = run_evaluate(run, truth, data, options=options, progress=progress)
    if not isinstance(result, EvaluateResult):
        tell(result.notes, result.warnings, quiet=shown.quiet)
    if shown.as_json:
        write_json(result)
    elif isinstance(result, EvaluateResult):
        _show(Screen(), result)
    else:
        show_model_scores(Screen(), result)


def _show(screen: Screen, result: EvaluateResult) -> None:
    from noisefix.cli.columns import Column
    from noisefix.cli.wording import interval, number, percent, plural, share

    left_out = (
        f"; {result.without_truth:,} without a truth left out" if result.without_truth else ""
    )
    screen.line(
        f"{plural(result.scored, 'labelled row')} with a truth, {result.errors:,} of them wrong"
        f"{left_out}",
        style="bold",
    )
    flags, noise, repair = result.flags, result.noise_rate, result.repair
    covered = "holds the true rate" if noise.is_covered else "misses the true rate"
    measures = [
        ("average precision", number(result.average_precision)),
        ("area under ROC", number(result.area_under_roc)),
        *((f"precision at {k}", number(value)) for k, value in sorted(result.precision_at.items())),
        (
            "flags: precision",
            f"{number(flags.precision)} ({flags.true_positives} of {flags.flagged})",
        ),
        ("flags: recall", f"{number(flags.recall)} ({flags.true_positives} of {flags.errors})"),
        ("flags: F1", number(flags.f1)),
        ("p_error: calibration error", number(result.calibration_error)),
        ("noise rate, estimated", f"{percent(noise.estimated)}"),
        ("noise rate, 90 % interval", f"{interval(noise.low, noise.high)}, {covered}"),
        ("noise rate, true", percent(noise.true)),
        ("labels right before", share(repair.before)),
        (
            "labels right after apply (relabel)",
            f"{share(repair.after)} ({repair.changed} changed: {repair.improved} improved, "
            f"{repair.spoiled} spoiled)",
        ),
        ("suggested labels right", share(repair.suggested)),
    ]
    if result.unlabelled:
        measures.append(
            (f"suggestions right on {result.unlabelled} unlabelled rows", share(result.filled))
        )
    screen.table((Column("measure"), Column("value", is_flexible=True)), measures)
    _show_reliability(screen, result)
    _show_classes(screen, result)


def _show_reliability(screen: Screen, result: EvaluateResult) -> None:
    from noisefix.cli.columns import Column
    from noisefix.cli.wording import number

    screen.heading("Is p_error what it says?")
    screen.table(
        (
            Column("p_error"),
            Column("rows", "right"),
            Column("mean said", "right"),
            Column("really wrong", "right"),
        ),
        [
            (
                f"{b.low:.1f} to {b.high:.1f}",
                f"{b.rows:,}",
                number(b.mean_probability),
                number(b.error_rate),
            )
            for b in result.reliability
            if b.rows
        ],
    )


def _show_classes(screen: Screen, result: EvaluateResult) -> None:
    from noisefix.cli.columns import Column
    from noisefix.cli.wording import number, share

    screen.heading("Classes")
    screen.table(
        (
            Column("label", max_width=40),
            Column("given", "right"),
            Column("true", "right"),
            Column("wrong", "right"),
            Column("flag precision", "right"),
            Column("flag recall", "right"),
        ),
        [
            (
                c.label,
                f"{c.given_rows:,}",
                f"{c.true_rows:,}",
                share(c.given_wrong),
                number(c.flag_precision),
                number(c.flag_recall),
            )
            for c in result.classes
        ],
    )
