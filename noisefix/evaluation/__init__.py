"""Metrics against a known truth: arrays in, numbers out; only ``evaluate`` and benchmarks use them.

Nothing here is ever called on the way from the data to a verdict.
"""

from noisefix.evaluation.accuracy import ClassScores, accuracy, class_scores
from noisefix.evaluation.calibration import (
    CalibrationBin,
    expected_calibration_error,
    reliability_table,
)
from noisefix.evaluation.classification import (
    Confusion,
    LabelScores,
    confusions,
    label_scores,
    macro_f1,
)
from noisefix.evaluation.detection import (
    FlagScores,
    area_under_roc,
    average_precision,
    flag_scores,
    precision_at,
)

__all__ = [
    "CalibrationBin",
    "ClassScores",
    "Confusion",
    "FlagScores",
    "LabelScores",
    "accuracy",
    "area_under_roc",
    "average_precision",
    "class_scores",
    "confusions",
    "expected_calibration_error",
    "flag_scores",
    "label_scores",
    "macro_f1",
    "precision_at",
    "reliability_table",
]
