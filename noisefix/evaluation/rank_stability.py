"""``evaluate --rank-stability``: do corrected labels change which model wins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.evaluation.corrected_labels import CorrectedLabels, labels_of_run, labels_of_table
from noisefix.evaluation.options import EvaluateOptions
from noisefix.evaluation.predictions import Predictions, read_predictions
from noisefix.evaluation.rank_results import ModelRank, Pair, RankStability, SweepPoint
from noisefix.metrics.prevalence import (
    Accuracies,
    accuracies,
    accuracy_at,
    beliefs,
    crossing,
    removed_share,
    sweep_points,
)
from noisefix.metrics.rank_draws import (
    best_probability,
    draw_accuracies,
    flip_probability,
    hear_models,
    kendall_tau,
    quantile_interval,
)
from noisefix.options import takes
from noisefix.probability import Interval
from noisefix.wording import plural

MOST_MODELS = 50


@takes(EvaluateOptions)
def rank_stability(
    data: str | Path,
    predictions: Sequence[str | Path],
    truth: str | None = None,
    truth_data: str | Path | None = None,
    *,
    options: EvaluateOptions,
) -> RankStability:
    """Say whether corrected labels change which of several models is best on a test set.

    Right labels are those of a column; else what people decided, annotators answered and ``apply``
    wrote in the run; else the run's posterior, whose own error then counts in every interval.

    Args:
        data: run folder that ``detect`` has made of the test set; or a table with given and right
            labels.
        predictions: files of predictions, see ``read_predictions``; one a model.
        truth: column with the right labels; a table needs it.
        truth_data: for a run: table that holds it; None: the run's input.
        options: what was chosen; its fields may be named one by one instead.

    Raises:
        DataError: a file cannot be read, or a model says nothing of a row.
        UsageError: there are no predictions, or a table is named without ``truth``.

    Source: Northcutt, Athalye, Mueller 2021, Pervasive label errors in test sets destabilize
    machine learning benchmarks.
    """
    from noisefix.run.folder import RunFolder
    from noisefix.training.model_folder import is_model

    if not predictions:
        raise UsageError(
            "--rank-stability: no predictions are named",
            "noisefix evaluate RUN PREDICTIONS... --rank-stability",
        )
    if is_model(data):
        raise UsageError(
            f"{data}: a model folder; --rank-stability takes what models have predicted",
            "name the run of the test set first, then files that noisefix predict has written",
        )
    if Path(data).is_dir():
        folder = RunFolder.open(data)
        labels = labels_of_run(folder, _truth(folder, truth, truth_data, options))
    elif truth is None:
        raise UsageError(
            f"{data}: nothing tells which of its labels are right",
            "name a column of right labels with --truth, or run noisefix detect on it and name "
            "the run folder",
        )
    elif truth_data is not None:
        raise UsageError("--data: the table itself holds the true labels", "leave the option out")
    else:
        labels = labels_of_table(data, truth, options)
    return compare_models(labels, predictions, seed=options.seed)


def _truth(
    folder: Any, truth: str | None, data: str | Path | None, options: EvaluateOptions
) -> list[str | None] | None:
    from noisefix.evaluation.truth import read_truth
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ISSUES

    if truth is None:
        if data is not None:
            raise UsageError("--data is the table of --truth", "name its column with --truth")
        return None
    issues, provenance = read_table(
        folder.issues, ISSUES, ("id", "row_number", "text", "given_label", "suggested_label")
    )
    names = provenance.class_names
    return read_truth(folder, issues, names, truth, data, options.id_column, options.bad_rows)


def compare_models(
    labels: CorrectedLabels, predictions: Sequence[str | Path], *, seed: int = 0
) -> RankStability:
    """Compare models whose predictions lie in files; see ``rank_stability``.

    Raises:
        DataError: a file cannot be read, or a model says nothing of a row; no row is left.
        UsageError: there are too many models.
    """
    if len(predictions) > MOST_MODELS:
        raise UsageError(
            f"{len(predictions)} files of predictions: {MOST_MODELS} is the limit", "name fewer"
        )
    kept = labels.kept
    if not kept.any():
        raise DataError(
            "no row is left to compare the models on: "
            + ", ".join(f"{why}: {n}" for why, n in Counter(labels.why_out.tolist()).items()),
            "name another column with --truth, or another run",
        )
    models = read_predictions(predictions, labels.ids, labels.class_names)
    predicted = np.stack([model.labels for model in models], axis=1)[kept]
    given = labels.given_labels[kept]
    probs = None if labels.label_probs is None else labels.label_probs[kept]
    expected = None
    if probs is not None:
        held = hear_models(beliefs(given, predicted, probs))
        draws = draw_accuracies(held, noise_rate=labels.noise_rate, seed=seed)
        expected = accuracies(held), draws
    if labels.right_labels is not None:
        known = beliefs(given, predicted, labels.right_labels[kept])
        found, drawn = accuracies(known), draw_accuracies(known, seed=seed)
    else:
        assert expected is not None
        found, drawn = expected
    shown: list[Interval | None] = [None] * len(models)
    if expected is not None:
        values, spread = (one.corrected for one in expected)
        shown = [_estimate(values[m], spread[:, m]) for m in range(len(models))]
    return _result(labels, models, found, drawn, shown)


def _result(
    labels: CorrectedLabels,
    models: list[Predictions],
    found: Accuracies,
    drawn: Accuracies,
    expected: list[Interval | None],
) -> RankStability:
    names = [model.name for model in models]
    right, wrong = float(found.right), float(found.wrong)
    points = sweep_points(right, wrong)
    swept = accuracy_at(points[-1], found) if points.size else np.full(len(names), np.nan)
    out = Counter(why for why in labels.why_out.tolist() if why)
    best = {
        key: tuple(names[m] for m in np.flatnonzero(scores == scores.max()))
        for key, scores in (("given", found.given), ("corrected", found.corrected))
    }
    return RankStability(
        rows=int(labels.kept.sum()),
        left_out=dict(out),
        source=labels.source,
        is_posterior=labels.right_labels is None,
        wrong=wrong,
        error_share=wrong / (right + wrong),
        models=tuple(_models(names, found, drawn, expected)),
        sweep=tuple(_sweep(names, points, found, drawn)),
        pairs=tuple(_pairs(names, found, drawn)),
        tau=kendall_tau(found.given, found.corrected),
        tau_swept=kendall_tau(found.given, swept),
        best_given=best["given"],
        best_corrected=best["corrected"],
        p_winner_changes=_winner_changes(drawn),
        notes=(*labels.notes, *_notes(models)),
        warnings=_warnings(labels, models, wrong),
    )


def _models(
    names: list[str], found: Accuracies, drawn: Accuracies, expected: list[Interval | None]
) -> list[ModelRank]:
    p_given, p_corrected = best_probability(drawn.given), best_probability(drawn.corrected)
    places = {key: _ranks(getattr(found, key)) for key in ("given", "corrected")}

    def of(key: str, m: int) -> Interval:
        return _estimate(getattr(found, key)[m], getattr(drawn, key)[:, m])

    return [
        ModelRank(
            name=name,
            given=of("given", m),
            corrected=of("corrected", m),
            given_rank=int(places["given"][m]),
            corrected_rank=int(places["corrected"][m]),
            p_best_given=float(p_given[m]),
            p_best_corrected=float(p_corrected[m]),
            on_right=of("on_right", m),
            on_wrong=of("on_wrong", m),
            memorised=of("memorised", m),
            expected=expected[m],
        )
        for m, name in enumerate(names)
    ]


def _sweep(
    names: list[str], points: np.ndarray, found: Accuracies, drawn: Accuracies
) -> list[SweepPoint]:
    steps = []
    for share in points.tolist():
        values, draws = accuracy_at(share, found), accuracy_at(share, drawn)
        steps.append(
            SweepPoint(
                error_share=share,
                removed=max(removed_share(share, float(found.right), float(found.wrong)), 0.0),
                accuracies=tuple(_estimate(values[m], draws[:, m]) for m in range(len(names))),
                best=names[int(values.argmax())],
            )
        )
    return steps


def _pairs(names: list[str], found: Accuracies, drawn: Accuracies) -> list[Pair]:
    pairs = []
    for a, b in combinations(range(len(names)), 2):
        one, other = (a, b) if found.given[a] >= found.given[b] else (b, a)
        pairs.append(_pair(names, found, drawn, one, other))
    return sorted(pairs, key=lambda pair: -pair.p_flip)


def _pair(names: list[str], found: Accuracies, drawn: Accuracies, one: int, other: int) -> Pair:
    def lead(values: np.ndarray) -> np.ndarray:
        difference: np.ndarray = values[..., one] - values[..., other]
        return difference

    right, wrong = float(found.right), float(found.wrong)
    points = sweep_points(right, wrong)
    at, drawn_at = float(crossing(found, one, other)), crossing(drawn, one, other)
    removed = None
    if not np.isnan(at) and points.size and at >= points[0]:
        removed = removed_share(at, right, wrong)
    within = (
        (drawn_at >= drawn.wrong / (drawn.right + drawn.wrong)) & (drawn_at <= points[-1])
        if points.size
        else np.zeros(len(drawn_at), bool)
    )
    return Pair(
        one=names[one],
        other=names[other],
        lead_given=_estimate(lead(found.given), lead(drawn.given)),
        lead_corrected=_estimate(lead(found.corrected), lead(drawn.corrected)),
        p_flip=flip_probability(drawn, one, other),
        crosses_at=None if np.isnan(at) else _estimate(at, drawn_at),
        crosses_removed=removed,
        p_crosses=float(within.mean()),
    )


def _estimate(value: Any, draws: np.ndarray) -> Interval:
    low, high = quantile_interval(draws)
    return Interval(float(value), float(low), float(high))


def _ranks(scores: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = (scores[None, :] > scores[:, None]).sum(axis=1) + 1
    return ranks


def _winner_changes(drawn: Accuracies) -> float:
    """Return the share of draws in which no model is best by both; where several are, none is."""
    best = [
        scores == scores.max(axis=1, keepdims=True) for scores in (drawn.given, drawn.corrected)
    ]
    return float(1 - (best[0] & best[1]).any(axis=1).mean())


def _notes(models: list[Predictions]) -> tuple[str, ...]:
    return tuple(
        f"{model.name}: {plural(model.foreign_rows, 'prediction')} for rows that are not of the "
        "test set"
        for model in models
        if model.foreign_rows
    )


def _warnings(labels: CorrectedLabels, models: list[Predictions], wrong: float) -> tuple[str, ...]:
    found = [
        f"{model.name}: {plural(sum(model.unknown.values()), 'row')} predicted as a class that no "
        f"row of the test set has ({', '.join(list(model.unknown)[:3])}); they count as wrong"
        for model in models
        if model.unknown
    ]
    if labels.right_labels is None:
        found.append(
            "nobody has corrected a label: all is estimated from the run's own probabilities; "
            "noisefix review, or relabel, makes it known"
        )
        if labels.noise_rate is None:
            found.append(
                "the run does not say how sure its noise rate is: intervals are too narrow"
            )
    elif wrong < 30:
        found.append(
            f"only {plural(int(wrong), 'row')} with a corrected label: how models do on such rows "
            "is hardly known"
        )
    return tuple(found)
