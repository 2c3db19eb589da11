"""``evaluate``: hold a run, or a model, against a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.cleaning.decide import DECISION_COLUMNS, ApplyParams, decide
from noisefix.detection.embed import ProgressCallback
from noisefix.errors import UsageError
from noisefix.evaluation.evaluate_model import ModelScores, evaluate_model
from noisefix.evaluation.options import EvaluateOptions
from noisefix.evaluation.truth import read_truth
from noisefix.labels import UNLABELLED, encode_labels
from noisefix.labels import class_names as order_classes
from noisefix.metrics.accuracy import ClassScores, accuracy, class_scores
from noisefix.metrics.calibration import (
    CalibrationBin,
    expected_calibration_error,
    reliability_table,
)
from noisefix.metrics.detection import (
    FlagScores,
    area_under_roc,
    average_precision,
    flag_scores,
    precision_at,
)
from noisefix.options import takes
from noisefix.run.answers import read_verdicts
from noisefix.run.schemas import ISSUES

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = (*DECISION_COLUMNS, "text", "rank")


@dataclass(frozen=True)
class NoiseRate:
    """Estimated share of wrong labels and its 90 % interval, beside the true one."""

    estimated: float
    low: float
    high: float
    true: float

    @property
    def is_covered(self) -> bool:
        """The interval holds the true rate."""
        return self.low <= self.true <= self.high


@dataclass(frozen=True)
class Repair:
    """Share of right labels before and after changes; all rows have a given label and a truth."""

    before: float
    after: float
    """After ``apply --strategy relabel``."""
    suggested: float
    """If every row got its suggested label."""
    changed: int
    improved: int
    spoiled: int


@dataclass(frozen=True)
class EvaluateResult:
    """How a run did.

    Attributes:
        run: the run folder.
        rows: rows in the run.
        scored: labelled rows whose truth is known; all numbers but ``filled`` are about these.
        without_truth: rows left out because their truth is not known.
        errors: scored rows whose given label is wrong.
        average_precision: of the ranking by p_error; NaN where nothing is wrong.
        area_under_roc: likewise; NaN where nothing or everything is wrong.
        flags: the flags as a yes-or-no verdict.
        precision_at: share of wrong labels among the k most suspicious rows, by k.
        calibration_error: expected calibration error of p_error, in [0, 1].
        reliability: the bins it is made of.
        noise_rate: estimated and true.
        repair: label accuracy before and after.
        unlabelled: unlabelled rows whose truth is known.
        filled: share of these whose suggested label is right; NaN where there are none.
        classes: per given class.
    """

    run: Path
    rows: int
    scored: int
    without_truth: int
    errors: int
    average_precision: float
    area_under_roc: float
    flags: FlagScores
    precision_at: dict[int, float]
    calibration_error: float
    reliability: tuple[CalibrationBin, ...]
    noise_rate: NoiseRate
    repair: Repair
    unlabelled: int
    filled: float
    classes: tuple[ClassScores, ...]


@takes(EvaluateOptions)
def evaluate(
    run: str | Path,
    truth: str,
    data: str | Path | None = None,
    *,
    options: EvaluateOptions,
    min_probability: float | None = None,
    min_margin: float = ApplyParams.min_margin,
    progress: ProgressCallback | None = None,
) -> EvaluateResult | ModelScores:
    """Score a run or a model against a truth column.

    Args:
        run: run folder that ``detect`` has written: its ranking, flags, probabilities and repairs
            are scored, see ``evaluate_run``; or model folder that ``train`` has written: its
            predictions are scored, see ``noisefix.evaluation.evaluate_model``.
        truth: column with the true labels; rows where it is empty are left out.
        data: table that holds it; None, for a run: the input of the run.
        options: what was chosen; its fields may be named one by one instead. ``id_column`` is that
            of ``data``; None, for a run: named as in the input.
        min_probability: for a run: threshold of ``apply --strategy relabel``.
        min_margin: likewise.
        progress: for a model: called with how far the encoder has come.

    Raises:
        DataError: no such column, ids do not match, or no row has a truth.
        ModelError: the model or its encoder cannot be loaded.
        UsageError: a model needs ``data``.
    """
    from noisefix.training.model_folder import is_model

    if not is_model(run):
        return evaluate_run(
            run,
            truth,
            data,
            id_column=options.id_column,
            min_probability=min_probability,
            min_margin=min_margin,
            bad_rows=options.bad_rows,
        )
    if data is None:
        raise UsageError(
            f"{run}: a model is scored on a table with trusted labels, and none is named",
            "name it with --data, and its label column with --truth",
        )
    return evaluate_model(
        run,
        truth,
        data,
        text_column=options.text_column,
        id_column=options.id_column,
        device=options.device,
        bad_rows=options.bad_rows,
        progress=progress,
    )


def evaluate_run(
    run: str | Path,
    truth: str,
    data: str | Path | None = None,
    *,
    id_column: str | None = None,
    min_probability: float | None = None,
    min_margin: float = ApplyParams.min_margin,
    bad_rows: str = "stop",
) -> EvaluateResult:
    """Score a run's ranking, flags, probabilities and repairs against a truth column.

    Args:
        run: run folder that ``detect`` has written.
        truth: column with the true labels; rows where it is empty are left out.
        data: table that holds it, joined by id; None: the input of the run.
        id_column: id column of ``data``; None: named as in the input.
        min_probability: threshold of ``apply --strategy relabel``.
        min_margin: likewise.
        bad_rows: for ``data``: "stop" or "skip"; as for ``detect``.

    Raises:
        DataError: no such column, ids do not match, or no row has a truth.
    """
    from noisefix.run.folder import RunFolder
    from noisefix.run.parquet import read_table

    folder = RunFolder.open(run)
    issues, provenance = read_table(folder.issues, ISSUES, columns=_COLUMNS)
    names = provenance.class_names
    true_labels = read_truth(folder, issues, names, truth, data, id_column, bad_rows)
    params = ApplyParams("relabel", min_probability, min_margin)
    verdicts, _ = read_verdicts(folder, columns=_COLUMNS)
    return _score(folder.path, issues, verdicts, true_labels, names, params, provenance.results)


def _score(
    run: Path,
    issues: pa.Table,
    verdicts: pa.Table,
    true_labels: Sequence[str | None],
    names: tuple[str, ...],
    params: ApplyParams,
    results: dict[str, Any],
) -> EvaluateResult:
    more = order_classes([*true_labels, *issues["suggested_label"].to_pylist()])
    every_name = (*names, *(name for name in more if name not in names))
    true = encode_labels(true_labels, every_name)
    given = encode_labels(issues["given_label"].to_pylist(), every_name)
    suggested = encode_labels(issues["suggested_label"].to_pylist(), every_name)
    after = given.copy()
    has_witness = bool(results.get("can_relabel", False))
    for decision in decide(verdicts, names, params, has_witness=has_witness):
        after[decision.index] = every_name.index(decision.new_label or "")

    known = true != UNLABELLED
    unlabelled = known & (given == UNLABELLED)
    scored = np.flatnonzero(known & (given != UNLABELLED))
    is_error = given[scored] != true[scored]
    p_error = issues["p_error"].to_numpy(zero_copy_only=False)[scored].astype(np.float64)
    is_flagged = issues["is_issue"].to_numpy(zero_copy_only=False)[scored].astype(bool)
    ranks = issues["rank"].to_numpy(zero_copy_only=False)[scored]
    order = np.argsort(ranks, kind="stable")
    n_errors = int(is_error.sum())
    was_right, is_right = ~is_error, after[scored] == true[scored]
    return EvaluateResult(
        run=run,
        rows=issues.num_rows,
        scored=scored.size,
        without_truth=int((~known).sum()),
        errors=n_errors,
        average_precision=average_precision(is_error, p_error),
        area_under_roc=area_under_roc(is_error, p_error),
        flags=flag_scores(is_error, is_flagged),
        precision_at={
            k: precision_at(is_error, order, k)
            for k in sorted({10, 50, 100, n_errors})
            if 0 < k <= scored.size
        },
        calibration_error=expected_calibration_error(is_error, p_error),
        reliability=tuple(reliability_table(is_error, p_error)),
        noise_rate=NoiseRate(
            estimated=results["noise_rate"],
            low=results["noise_rate_low"],
            high=results["noise_rate_high"],
            true=float(is_error.mean()),
        ),
        repair=Repair(
            before=accuracy(given[scored], true[scored]),
            after=accuracy(after[scored], true[scored]),
            suggested=accuracy(suggested[scored], true[scored]),
            changed=int((after[scored] != given[scored]).sum()),
            improved=int((is_right & ~was_right).sum()),
            spoiled=int((was_right & ~is_right).sum()),
        ),
        unlabelled=int(unlabelled.sum()),
        filled=accuracy(suggested[unlabelled], true[unlabelled]),
        classes=tuple(class_scores(given[scored], true[scored], is_flagged, every_name)),
    )
