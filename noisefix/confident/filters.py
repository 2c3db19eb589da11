"""Which rows to flag: the seven filters of confident learning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from noisefix.confident.joint import ConfidentJoint, confident_joint
from noisefix.confident.pruning import class_rows, largest_margins, prune_counts
from noisefix.confident.ranking import lowest
from noisefix.confident.rows import RowSummary, summarize_rows
from noisefix.confident.scores import Score, normalized_margin, self_confidence
from noisefix.errors import DataError, UsageError

DEFAULT_FILTER = "prune_by_noise_rate"


@dataclass(frozen=True)
class FilterInputs:
    """What a filter may look at.

    Attributes:
        rows: labels and probabilities with their summary.
        joint: their confident joint.
        frac_noise: share of the estimated errors to flag, in [0, 1]; for the prune filters.
        min_examples_per_class: rows never flagged in each class; for the prune filters.
    """

    rows: RowSummary
    joint: ConfidentJoint
    frac_noise: float = 1.0
    min_examples_per_class: int = 1

    @property
    def prune_counts(self) -> np.ndarray:
        """(K, K) int64, [given, true]: rows to prune off the diagonal, to keep on it."""
        return prune_counts(
            self.joint.calibrated,
            frac_noise=self.frac_noise,
            min_examples_per_class=self.min_examples_per_class,
        )


Filter = Callable[[FilterInputs], np.ndarray]


def prune_by_noise_rate(inputs: FilterInputs) -> np.ndarray:
    """Flag, for each pair (given, true), as many rows as the joint says, by largest margin.

    Returns:
        (N,) bool; never a row whose argmax is the given label.
    """
    rows = inputs.rows
    counts = inputs.prune_counts
    np.fill_diagonal(counts, 0)
    flags = np.zeros(len(rows.given_labels), dtype=bool)
    for k, members in class_rows(rows, counts.sum(axis=1), inputs.min_examples_per_class):
        flags[members] = largest_margins(rows.pred_probs, members, k, counts[k])
    flags &= ~rows.agrees
    return flags


def prune_by_class(inputs: FilterInputs) -> np.ndarray:
    """Flag, for each given class, as many rows as the joint says, by lowest self-confidence.

    Returns:
        (N,) bool; never a row whose argmax is the given label.
    """
    rows = inputs.rows
    kept = inputs.prune_counts.diagonal()
    sizes = np.bincount(rows.given_labels[rows.labelled], minlength=rows.n_classes)
    counts = sizes - kept
    flags = np.zeros(len(rows.given_labels), dtype=bool)
    for k, members in class_rows(rows, counts, inputs.min_examples_per_class):
        flags[members] = lowest(rows.self_confidence[members], int(counts[k]))
    flags &= ~rows.agrees
    return flags


def both(inputs: FilterInputs) -> np.ndarray:
    """Flag what both ``prune_by_noise_rate`` and ``prune_by_class`` flag.

    Returns:
        (N,) bool.
    """
    flags: np.ndarray = prune_by_noise_rate(inputs) & prune_by_class(inputs)
    return flags


def confident_learning(inputs: FilterInputs) -> np.ndarray:
    """Flag the rows counted off the diagonal of the confident joint.

    Returns:
        (N,) bool; never a row whose argmax is the given label.
    """
    flags = np.zeros(len(inputs.rows.given_labels), dtype=bool)
    flags[inputs.joint.off_diagonal_issues] = True
    flags &= ~inputs.rows.agrees
    return flags


def predicted_neq_given(inputs: FilterInputs) -> np.ndarray:
    """Flag the rows whose argmax is not the given label, by more than rounding.

    Returns:
        (N,) bool.
    """
    flags: np.ndarray = inputs.rows.labelled & ~inputs.rows.agrees
    return flags


def low_self_confidence(inputs: FilterInputs) -> np.ndarray:
    """Flag the rows of lowest self-confidence, as many as ``confident_learning`` flags.

    Returns:
        (N,) bool.
    """
    return _lowest_scores(inputs, self_confidence)


def low_normalized_margin(inputs: FilterInputs) -> np.ndarray:
    """Flag the rows of lowest normalised margin, as many as ``confident_learning`` flags.

    Returns:
        (N,) bool.
    """
    return _lowest_scores(inputs, normalized_margin)


def _lowest_scores(inputs: FilterInputs, score: Score) -> np.ndarray:
    rows = inputs.rows
    scores = score(rows.given_labels, rows.pred_probs, rows=rows)
    labelled = np.flatnonzero(rows.labelled)
    count = int(np.count_nonzero(confident_learning(inputs)))
    flags = np.zeros(len(scores), dtype=bool)
    flags[labelled[lowest(scores[labelled], count)]] = True
    return flags


FILTERS: dict[str, Filter] = {
    "prune_by_noise_rate": prune_by_noise_rate,
    "prune_by_class": prune_by_class,
    "both": both,
    "confident_learning": confident_learning,
    "predicted_neq_given": predicted_neq_given,
    "low_self_confidence": low_self_confidence,
    "low_normalized_margin": low_normalized_margin,
}


def find_issues(
    given_labels: np.ndarray,
    pred_probs: np.ndarray,
    filter_by: str = DEFAULT_FILTER,
    *,
    frac_noise: float = 1.0,
    min_examples_per_class: int = 1,
    joint: ConfidentJoint | None = None,
    rows: RowSummary | None = None,
    block_rows: int | None = None,
) -> np.ndarray:
    """Flag the rows whose given label is probably wrong.

    Equal scores are resolved in row order. Unlabelled rows are never flagged.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        pred_probs: (N, K) out-of-sample probabilities.
        filter_by: a name in ``FILTERS``.
        frac_noise: share of the estimated errors to flag, in [0, 1]; only the prune filters
            (``prune_by_noise_rate``, ``prune_by_class``, ``both``) use it.
        min_examples_per_class: rows never flagged in each class; only the prune filters use it.
        joint: what ``confident_joint`` returned for the same two arrays.
        rows: what ``summarize_rows`` returned for the same two arrays, to save reading them again.
        block_rows: rows read at once; no result depends on it.

    Returns:
        (N,) bool.

    Raises:
        UsageError: no such filter, or an option is outside its range.
        DataError: labels or probabilities are unusable, no row has a label, or ``joint`` is of
            other classes.

    Source: Northcutt, Jiang and Chuang 2021, section 3.2.
    """
    if filter_by not in FILTERS:
        raise UsageError(f"no filter {filter_by!r}", f"one of: {', '.join(FILTERS)}")
    if not 0 <= frac_noise <= 1:
        raise UsageError(f"frac_noise is {frac_noise:g}; expected a share in [0, 1]")
    if min_examples_per_class < 0:
        raise UsageError(f"min_examples_per_class is {min_examples_per_class}; expected 0 or more")
    rows = rows or summarize_rows(given_labels, pred_probs, block_rows=block_rows)
    joint = joint or confident_joint(given_labels, pred_probs, rows=rows, block_rows=block_rows)
    if len(joint.calibrated) != rows.n_classes:
        raise DataError(
            f"the confident joint has {len(joint.calibrated)} classes, pred_probs {rows.n_classes}"
        )
    return FILTERS[filter_by](FilterInputs(rows, joint, frac_noise, min_examples_per_class))
