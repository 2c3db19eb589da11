"""The page's part on models: which of them wins, by given and by corrected labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noisefix.evaluation.corrected_labels import labels_of_run
from noisefix.evaluation.rank_results import RankStability
from noisefix.evaluation.rank_stability import compare_models
from noisefix.probability import Interval
from noisefix.reporting.packing import safe
from noisefix.run.folder import RunFolder

_SHOWN_PAIRS = 30


def models_part(
    folder: RunFolder, predictions: Sequence[str | Path], *, seed: int = 0
) -> dict[str, Any]:
    """Return what the page says of models; docs/report.md names the fields.

    Args:
        folder: the run folder of the test set.
        predictions: files of predictions, one a model.
        seed: of the draws.

    Raises:
        DataError: a file cannot be read, or a model says nothing of a row.
    """
    return _columns(compare_models(labels_of_run(folder), predictions, seed=seed))


def _columns(found: RankStability) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "source": safe(found.source),
        "is_posterior": found.is_posterior,
        "wrong": round(found.wrong, 1),
        "error_share": found.error_share,
        "left_out": found.left_out,
        "tau": _or_none(found.tau),
        "p_winner_changes": found.p_winner_changes,
        "best": [
            [safe(name) for name in best] for best in (found.best_given, found.best_corrected)
        ],
        "models": [
            {
                "name": safe(m.name),
                "rank": [m.given_rank, m.corrected_rank],
                "p_best": m.p_best_corrected,
                **{
                    key: _ends(getattr(m, key))
                    for key in ("given", "corrected", "on_right", "on_wrong", "memorised")
                },
            }
            for m in found.models
        ],
        "sweep": [
            [point.error_share, [estimate.value for estimate in point.accuracies]]
            for point in found.sweep
        ],
        "pairs": [
            {
                "one": safe(pair.one),
                "other": safe(pair.other),
                "given": _ends(pair.lead_given),
                "corrected": _ends(pair.lead_corrected),
                "p_flip": pair.p_flip,
                "crosses_at": None if pair.crosses_at is None else pair.crosses_at.value,
            }
            for pair in found.pairs[:_SHOWN_PAIRS]
        ],
        "warnings": [safe(text) for text in (*found.notes, *found.warnings)],
    }


def _ends(found: Interval) -> list[float | None]:
    return [_or_none(value) for value in (found.value, found.low, found.high)]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
