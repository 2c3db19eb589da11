"""The evaluation's own metrics agree with scikit-learn's on random input, ties included."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from noisefix.metrics.calibration import reliability_table
from noisefix.metrics.classification import (
    confusion_counts,
    confusions,
    label_scores,
    macro_f1,
)
from noisefix.metrics.detection import area_under_roc, average_precision, flag_scores
from noisefix.probability import share_interval


@pytest.mark.parametrize("seed", range(20))
def test_ranking_metrics(seed):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(2, 300))
    is_error = rng.random(n_rows) < rng.uniform(0.05, 0.95)
    is_error[:2] = [True, False]
    scores = rng.integers(0, rng.integers(1, 50), n_rows) / 10  # many ties
    if seed % 2:
        scores = rng.random(n_rows).astype(np.float32)
    assert average_precision(is_error, scores) == pytest.approx(
        average_precision_score(is_error, scores), abs=1e-12
    )
    assert area_under_roc(is_error, scores) == pytest.approx(
        roc_auc_score(is_error, scores), abs=1e-12
    )
    flags = scores > np.median(scores)
    if flags.any():
        assert flag_scores(is_error, flags).f1 == pytest.approx(f1_score(is_error, flags))


@pytest.mark.parametrize("seed", range(20))
def test_classification(seed):
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 12))
    n_rows = int(rng.integers(1, 200))
    names = tuple(f"c{k}" for k in range(n_classes))
    true = rng.integers(0, rng.integers(1, n_classes + 1), n_rows)  # some classes without a row
    predicted = np.where(rng.random(n_rows) < 0.5, true, rng.integers(0, n_classes, n_rows))
    counts = confusion_counts(predicted, true, n_classes)
    scores = label_scores(counts, names)
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=range(n_classes), zero_division=np.nan
    )
    np.testing.assert_allclose([s.precision for s in scores], precision, atol=1e-12)
    np.testing.assert_allclose([s.recall for s in scores], recall, atol=1e-12)
    np.testing.assert_allclose([s.f1 for s in scores], f1, atol=1e-12)
    assert [s.support for s in scores] == support.tolist()
    expected = f1_score(true, predicted, average="macro", zero_division=0)
    assert macro_f1(scores) == pytest.approx(expected, abs=1e-12)
    matrix = confusion_matrix(true, predicted, labels=range(n_classes))
    np.testing.assert_array_equal(counts, matrix)
    found = confusions(counts, names)
    assert sum(c.rows for c in found) == matrix.sum() - np.trace(matrix)
    assert [c.rows for c in found] == sorted((c.rows for c in found), reverse=True)
    for c in found:
        assert c.rows == matrix[int(c.true[1:]), int(c.predicted[1:])]
        assert c.share == pytest.approx(c.rows / (true == int(c.true[1:])).sum())


@pytest.mark.parametrize(("hits", "rows"), [(0, 7), (3, 7), (7, 7), (50, 100), (499, 1000)])
def test_interval_of_a_share(hits, rows):
    expected = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    assert share_interval(hits, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_calibration_curve():
    rng = np.random.default_rng(0)
    confidence = rng.random(500)
    is_right = rng.random(500) < confidence**2
    share_right, said = calibration_curve(is_right, confidence, n_bins=10)
    bins = [b for b in reliability_table(is_right, confidence) if b.rows]
    np.testing.assert_allclose([b.error_rate for b in bins], share_right, atol=1e-12)
    np.testing.assert_allclose([b.mean_probability for b in bins], said, atol=1e-12)
