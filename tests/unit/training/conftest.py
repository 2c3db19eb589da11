"""Small noisy problems: clusters in 2 to 20 dimensions, with what a detect stage might know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from noisefix.training.interface import TrainingData

MakeProblem = Callable[..., "Problem"]


@dataclass(frozen=True)
class Problem:
    data: TrainingData
    true_labels: np.ndarray
    test_features: np.ndarray
    test_labels: np.ndarray

    def accuracy(self, classifier) -> float:
        found = classifier.predict_probs(self.test_features).argmax(axis=1)
        return float((found == self.test_labels).mean())

    def with_data(self, **changes) -> Problem:
        return replace(self, data=replace(self.data, **changes))


@pytest.fixture(scope="session")
def make_problem() -> MakeProblem:
    """Return a function that makes clusters with noisy labels.

    ``matrix`` is P(given | true), [true, given]. The knowledge of the detect stage is made up:
    true_label_probs puts 0.8 on the true label.
    """

    def make(matrix, *, n_rows=600, n_features=8, spread=0.45, shares=None, seed=0) -> Problem:
        matrix = np.asarray(matrix, dtype=float)
        k = len(matrix)
        rng = np.random.default_rng(seed)
        centres = np.eye(k, n_features)

        def draw(n):
            labels = rng.choice(k, size=n, p=shares)
            rows = centres[labels] + spread * rng.normal(size=(n, n_features))
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            return rows.astype(np.float32), labels.astype(np.int64)

        features, true = draw(n_rows)
        test_features, test_labels = draw(2000)
        draws = rng.random(n_rows)[:, None] >= np.cumsum(matrix, axis=1)[true]
        given = np.minimum(draws.sum(axis=1), k - 1).astype(np.int64)
        probs = np.full((n_rows, k), 0.2 / (k - 1))
        probs[np.arange(n_rows), true] = 0.8
        p_error = 1 - probs[np.arange(n_rows), given]
        data = TrainingData(
            features,
            given,
            k,
            pred_probs=probs,
            p_error=p_error,
            true_label_probs=probs,
            candidate_weights=probs,
            is_certain=np.ones(n_rows, bool),
            is_issue=p_error >= 0.5,
            noise_rate=float((given != true).mean()),
        )
        return Problem(data, true, test_features, test_labels)

    return make
