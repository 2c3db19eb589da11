"""What is said of a task's labels, and how good that is by the truth.

The sides of the comparisons (``compare.py``) say it as a ``Verdict``, of the texts and the given
labels alone; ``score`` holds it against the true labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from shared_sets import Task

from noisefix.labels import class_names, encode_labels
from noisefix.metrics.calibration import expected_calibration_error
from noisefix.metrics.detection import average_precision, flag_scores, precision_at

N_TOP = 30


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one side says of N rows.

    Attributes:
        p_error: (N,) probability of a wrong label; whatever where there is none.
        is_issue: (N,) bool, flagged.
        noise_rate: estimated share of wrong labels, in [0, 1].
        interval: its 90 % interval, where the side has one.
        instead: (N,) class ids: which label is right if the given one is not, where it says so.
    """

    p_error: np.ndarray
    is_issue: np.ndarray
    noise_rate: float
    interval: tuple[float, float] | None = None
    instead: np.ndarray | None = None


def class_ids(task: Task) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return class names, given ids (-1 = unlabelled) and true ids (-1 = not known).

    True classes that were never given have ids from K up.
    """
    names = class_names(task.given)
    given = encode_labels(task.given, names)
    return names, given, encode_labels(task.truth, all_names(task))


def all_names(task: Task) -> tuple[str, ...]:
    """Return the names of the given classes, then those of true classes that were never given."""
    names = class_names(task.given)
    others = {label for label in task.truth if label is not None} - set(names)
    return (*names, *sorted(others))


def score(task: Task, verdict: Verdict, verified: Sequence[int] = ()) -> dict[str, float]:
    """Hold a verdict against the rows whose truth is known.

    Args:
        task: the texts and labels.
        verdict: what is said of them.
        verified: rows whose truth was told; of these, only the noise rate counts.
    """
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    true_rate = float((given != truth)[known].mean())
    known[list(verified)] = False
    is_error = (given != truth)[known]
    p_error, is_issue = np.clip(verdict.p_error[known], 0, 1), verdict.is_issue[known]
    scores = {
        "calibration_error": expected_calibration_error(is_error, p_error),
        "noise_rate": verdict.noise_rate,
        "noise_rate_error": abs(verdict.noise_rate - true_rate),
        "flagged": float(is_issue.mean()),
    }
    if is_error.any():
        scores |= _found(is_error, p_error, is_issue)
        if verdict.instead is not None:
            scores["right_first"] = float((verdict.instead == truth)[known][is_error].mean())
    if verdict.interval is not None:
        low, high = verdict.interval
        scores["covered"] = float(low <= true_rate <= high)
    return scores


def _found(is_error: np.ndarray, p_error: np.ndarray, is_issue: np.ndarray) -> dict[str, float]:
    at_random = np.random.default_rng(0).random(len(p_error))  # the order of equal rows
    order = np.lexsort((at_random, -p_error))
    flags = flag_scores(is_error, is_issue)
    return {
        "average_precision": average_precision(is_error, p_error),
        "precision_at_30": precision_at(is_error, order, min(N_TOP, len(order))),
        "f1": flags.f1,
        "flag_precision": flags.precision,
        "flag_recall": flags.recall,
    }
