"""What is said of the data as a whole beside p_error: a verdict, a second count, a question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.hoc import second_opinion
from noisefix.probing.whole import judge_whole

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged
    from noisefix.neighbors.search import Neighbors
    from noisefix.probing.error_model import ErrorEstimate

_LEAST_FLAGGED = 20
_NEARLY_ALL = 0.95
_ENOUGH_VERIFIED = 30


def widened(
    estimate: ErrorEstimate, given_labels: np.ndarray, nearest: Neighbors, groups: np.ndarray
) -> ErrorEstimate:
    """Let the noise rate's interval hold what neighbours alone say, where few rows are verified.

    For vectors whose label names nobody looked at, such as one's own: the estimate was calibrated
    with what the names say, and beside it the second count is about as good.

    Args:
        estimate: of N rows.
        given_labels: (N,) class ids in 0..K-1, -1 = left out.
        nearest: of each row, none of its own duplicate group.
        groups: (N,) duplicate groups.
    """
    if estimate.n_verified >= _ENOUGH_VERIFIED:
        return estimate
    n_classes = estimate.true_label_probs.shape[1]
    found = second_opinion(given_labels, nearest, groups, n_classes)
    if isinstance(found, str):
        return estimate
    rate, other = estimate.noise_rate, found.noise_rate
    rate = replace(rate, low=min(rate.low, other), high=max(rate.high, other))
    return replace(estimate, noise_rate=rate)


def facts_of_the_whole(judged: Judged) -> dict[str, Any]:
    """Return the verdict, the second count, and the label that nearly all flagged rows have."""
    labelled = max(int((judged.given_labels != UNLABELLED).sum()), 1)
    share = int(judged.is_issue.sum()) / labelled
    return {
        "verdict": judge_whole(judged.estimate.noise_rate, share),
        "unverified_class": judged.unverified_class,
        "flagged_label": _flagged_label(judged),
        "hoc": _hoc(judged),
    }


def _flagged_label(judged: Judged) -> str | None:
    """Return the label of nearly all flagged rows, if not nearly all rows have it."""
    given = judged.given_labels
    flagged = given[judged.is_issue]
    if len(flagged) < _LEAST_FLAGGED:
        return None
    label = int(np.bincount(flagged).argmax())
    if (flagged == label).mean() <= _NEARLY_ALL:
        return None
    is_common = (given[given != UNLABELLED] == label).mean() >= _NEARLY_ALL
    return None if is_common else judged.class_names[label]


def _hoc(judged: Judged) -> dict[str, Any]:
    """Count by neighbours alone; without an answer the reason stands instead."""
    around, scope = judged.surroundings, judged.scope
    found = second_opinion(
        scope.labels(judged.given_labels),
        around.nearest,
        around.duplicate_groups,
        len(scope.classes),
    )
    if isinstance(found, str):
        return {"noise_rate": None, "class_shares": {}, "rows": 0, "reason": found}
    names = [judged.class_names[k] for k in scope.classes]
    return {
        "noise_rate": found.noise_rate,
        "class_shares": dict(zip(names, found.shares.tolist(), strict=True)),
        "rows": found.n_triples,
        "reason": None,
    }
