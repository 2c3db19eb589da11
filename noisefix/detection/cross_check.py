"""What is said of the data as a whole beside p_error: a verdict, a second count, a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.hoc import second_opinion
from noisefix.probing.whole import judge_whole

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged

_LEAST_FLAGGED = 20
_NEARLY_ALL = 0.95


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
