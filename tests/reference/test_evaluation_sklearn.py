"""The evaluation's own metrics agree with scikit-learn's on random input, ties included."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from noisefix.evaluation import area_under_roc, average_precision, flag_scores


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
