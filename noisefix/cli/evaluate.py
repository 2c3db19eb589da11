"""``noisefix evaluate``: how well a run or a model did, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisefix.cli.messages import tell_and_show
from noisefix.cli.options import Shown, takes_options
from noisefix.cli.progress import show_progress
from noisefix.errors import UsageError
from noisefix.evaluation.options import EvaluateOptions
from noisefix.options import READS


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
    if rank_stability:
        _compare(run, predictions or [], truth, data, options, shown)
        return
    if predictions:
        raise UsageError(
            f"{predictions[0]}: predictions are compared with --rank-stability only",
            "add it, or leave the file out",
        )
    if pairs is not None:
        if truth is not None or data is not None:
            raise UsageError(
                "--pairs: pairs say themselves which labels are right",
                "leave --truth and --data out",
            )
        _score_pairs(run, pairs, options, shown)
        return
    if truth is None:
        raise UsageError(
            "--truth is missing: nothing tells which labels are right",
            "name the column with the true labels; to compare models: --rank-stability",
        )
    _score(run, truth, data, options, shown)


def _compare(
    run: Path,
    predictions: list[Path],
    truth: str | None,
    data: Path | None,
    options: EvaluateOptions,
    shown: Shown,
) -> None:
    from noisefix.cli.rank_stability import show_rank_stability
    from noisefix.evaluation.rank_stability import rank_stability

    result = rank_stability(run, predictions, truth, data, options=options)
    tell_and_show(result, shown, show_rank_stability, result.notes, result.warnings)


def _score_pairs(run: Path, pairs: Path, options: EvaluateOptions, shown: Shown) -> None:
    from noisefix.cli.pair_scores import show_pair_scores
    from noisefix.evaluation.contrast import contrast

    result = contrast(run, pairs, options=options)
    tell_and_show(result, shown, show_pair_scores, warnings=result.warnings)


def _score(
    run: Path, truth: str, data: Path | None, options: EvaluateOptions, shown: Shown
) -> None:
    from noisefix.cli.model_scores import show_model_scores
    from noisefix.cli.run_scores import show_run_scores
    from noisefix.evaluation.evaluate import EvaluateResult
    from noisefix.evaluation.evaluate import evaluate as run_evaluate

    with show_progress(quiet=shown.quiet) as progress:
        result = run_evaluate(run, truth, data, options=options, progress=progress)
    if isinstance(result, EvaluateResult):
        tell_and_show(result, shown, show_run_scores)
    else:
        tell_and_show(result, shown, show_model_scores, result.notes, result.warnings)
