"""Label quality scores: how well the given label fits, in [0, 1], low = suspicious.

All take and return what ``Score`` says.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from noisefix.confident.rows import RowSummary, summarize_rows
from noisefix.confident.validation import row_blocks


class Score(Protocol):
    """A function from labels and probabilities to one score a row."""

    def __call__(
        self, given_labels: np.ndarray, pred_probs: np.ndarray, *, rows: RowSummary | None = None
    ) -> np.ndarray:
        """Return (N,) float64 in [0, 1]; NaN for unlabelled rows.

        Args:
            given_labels: (N,) class ids, -1 = unlabelled.
            pred_probs: (N, K) out-of-sample probabilities.
            rows: what ``summarize_rows`` returned for the same two arrays, to save reading them
                again.

        Raises:
            DataError: labels or probabilities are unusable.
        """


def self_confidence(
    given_labels: np.ndarray, pred_probs: np.ndarray, *, rows: RowSummary | None = None
) -> np.ndarray:
    """Return the probability of the given label."""
    rows = rows or summarize_rows(given_labels, pred_probs)
    return rows.self_confidence.astype(np.float64)


def normalized_margin(
    given_labels: np.ndarray, pred_probs: np.ndarray, *, rows: RowSummary | None = None
) -> np.ndarray:
    """Return (probability of the given label - largest other probability + 1) / 2.

    Above 1/2 the given label is the most probable. Computed in the type of ``pred_probs``, so that
    the numbers are cleanlab's to the last bit.
    """
    rows = rows or summarize_rows(given_labels, pred_probs)
    margin: np.ndarray = rows.self_confidence - rows.best_other_prob
    margin += 1
    margin /= 2
    return margin.astype(np.float64)


def confidence_weighted_entropy(
    given_labels: np.ndarray, pred_probs: np.ndarray, *, rows: RowSummary | None = None
) -> np.ndarray:
    """Return log(1 + r) / r, r = normalised entropy of the row / probability of the given label.

    The limits are taken: 1 where r is 0 (a certain row whose label is right), 0 where the given
    label has probability 0. cleanlab clips instead, which ranks near-certain right rows worst of
    all and rows whose given label has a probability below 1e-6 too high.
    """
    rows = rows or summarize_rows(given_labels, pred_probs)
    scores = np.empty(len(rows.given_labels))
    for block in row_blocks(*rows.pred_probs.shape):
        scores[block] = _entropy(rows.pred_probs[block])
    scores /= np.log(rows.n_classes)
    confidence = np.maximum(rows.self_confidence.astype(np.float64), 0)
    with np.errstate(over="ignore"):
        ratio = np.divide(
            scores, confidence, out=np.full_like(scores, np.inf), where=confidence > 0
        )
    ratio[np.isnan(confidence)] = np.nan
    usual = (ratio > 0) & np.isfinite(ratio)
    scores = np.where(ratio > 0, 0.0, 1.0)
    np.divide(np.log1p(ratio, out=scores, where=usual), ratio, out=scores, where=usual)
    scores[np.isnan(ratio)] = np.nan
    return scores


def _entropy(probs: np.ndarray) -> np.ndarray:
    """Return the (B,) float64 natural-log entropy of rows of probabilities."""
    wide = probs.astype(np.float64)
    terms = np.log(np.where(wide > 0, wide, 1))
    terms *= wide
    entropy: np.ndarray = np.maximum(-terms.sum(axis=1), 0)
    return entropy


SCORES: dict[str, Score] = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}
