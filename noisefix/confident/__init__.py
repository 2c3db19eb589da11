"""Confident learning: from given labels and out-of-sample probabilities to suspicious rows.

Arrays in, arrays out; the matrix of probabilities is read in blocks of rows and never copied
whole. The methods and where they differ from cleanlab: ``docs/methods/confident-learning.md``.
"""

from noisefix.confident.filters import FILTERS, find_issues
from noisefix.confident.joint import ConfidentJoint, calibrate, confident_joint, estimate_joint
from noisefix.confident.matrices import (
    inverse_noise_matrix,
    noise_matrix,
    noise_matrix_from_transition,
    transition_matrix,
)
from noisefix.confident.ranking import rank, ranked_rows
from noisefix.confident.rows import RowSummary, summarize_rows
from noisefix.confident.scores import (
    SCORES,
    confidence_weighted_entropy,
    normalized_margin,
    self_confidence,
)
from noisefix.confident.thresholds import class_thresholds
from noisefix.confident.validation import check_given_labels, check_pred_probs

__all__ = [
    "FILTERS",
    "SCORES",
    "ConfidentJoint",
    "RowSummary",
    "calibrate",
    "check_given_labels",
    "check_pred_probs",
    "class_thresholds",
    "confidence_weighted_entropy",
    "confident_joint",
    "estimate_joint",
    "find_issues",
    "inverse_noise_matrix",
    "noise_matrix",
    "noise_matrix_from_transition",
    "normalized_margin",
    "rank",
    "ranked_rows",
    "self_confidence",
    "summarize_rows",
    "transition_matrix",
]
