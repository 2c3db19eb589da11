"""Choosing between models without clean labels, by a criterion that label noise does not fool.

A model that has learned the wrong labels by heart fits the given labels better and better; but what
it says of a row then agrees less with the row's clean neighbours, whose vote takes no notice of
the row's own label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.training.interface import TrainingData

_FLOOR = 1e-3
"""Probability below which a model is no longer punished: a vote of ten knows no better."""


@dataclass(frozen=True, eq=False)
class Criterion:
    """What a model's probabilities are held against.

    Attributes:
        name: "trusted" (log-likelihood of trusted labels), "neighbours" (of the vote of the clean
            neighbours) or "corrected" (of the estimated true labels).
        features: (V, D) rows to predict; None: the training rows.
        targets: (V, K) distributions.
        weights: (V,) how much each row counts.
    """

    name: str
    features: np.ndarray | None
    targets: np.ndarray
    weights: np.ndarray

    def score(self, probs: np.ndarray) -> float:
        """Return the weighted mean log-likelihood of the targets: higher is better."""
        logs = np.log(np.maximum(probs, _FLOOR))
        gains = (self.targets * logs).sum(axis=1)
        return float((gains * self.weights).sum() / max(float(self.weights.sum()), 1e-12))


def choose_criterion(data: TrainingData) -> Criterion | None:
    """Return the best criterion that the data allow; None: there is nothing to go by.

    Trusted rows come first, and are said to be used. Without them the neighbours' vote
    (candidate weights), where rows whose own label is probably wrong count as well: the vote does
    not depend on it. Without a vote the estimated true labels, which lean on the given ones.
    """
    if data.trusted is not None:
        labels = data.trusted.labels
        targets = np.eye(data.n_classes)[labels]
        return Criterion("trusted", data.trusted.features, targets, np.ones(len(labels)))
    if data.candidate_weights is not None:
        votes = data.candidate_weights.astype(np.float64)
        known = votes.sum(axis=1) > 0
        return Criterion("neighbours", None, votes, known.astype(np.float64))
    if data.true_label_probs is not None:
        probs = data.true_label_probs.astype(np.float64)
        return Criterion("corrected", None, probs, np.ones(len(probs)))
    return None
