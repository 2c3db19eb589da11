"""Which label is right where the given one is wrong, and what verified rows tell about that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import log_softmax, softmax

_TRUE_SD, _PAIR_SD = 1.0, 0.7
"""Spread of the log-factors of a true class, and of a given and a true class beyond that. Chosen on
the real sets of ``tests/benchmarks/compare.py``; between half and twice as much changes
little."""

_MAX_STEPS = 200
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Confusions:
    """P(true label | text, the given label is wrong) of N rows and K classes.

    Attributes:
        logits: (N, K) log-probabilities of the true label, up to a constant a row.
        given_labels: (N,) class ids, -1 = unlabelled.
        factors: (K, K) float32, what is added for a given and a true class, [given, true].
        means: (K,) mean probabilities of the labelled rows; zeros where nothing was learned.
    """

    logits: np.ndarray
    given_labels: np.ndarray
    factors: np.ndarray
    means: np.ndarray

    def instead(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return the probabilities of some rows, (R, K); 0 at the given label."""
        others = self.logits[rows].copy()
        given = self.given_labels[rows]
        labelled = np.flatnonzero(given != UNLABELLED)
        others[labelled] += self.factors[given[labelled]]
        others[labelled, given[labelled]] = -np.inf
        return softmax(others)

    def centred(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return how far the probabilities of some rows lie from the mean of all, (R, K)."""
        centred: np.ndarray = self.instead(rows).astype(np.float64) - self.means
        return centred


def learn_confusions(
    logits: np.ndarray, given_labels: np.ndarray, true_labels: np.ndarray, rows: np.ndarray
) -> Confusions:
    """Learn from verified rows which labels are right where the given ones are wrong.

    Every true class gets a factor on its odds, and every pair of a given and a true class another
    one; both have a normal prior around nothing, so that few rows change little.

    Args:
        logits: (N, K) log-probabilities of the true label, up to a constant a row.
        given_labels: (N,) class ids, -1 = unlabelled.
        true_labels: (N,) verified class ids; K or above is a class that no row was given.
        rows: the verified, labelled rows to learn from; none: nothing is learned.
    """
    n_rows, n_classes = logits.shape
    nothing = np.zeros((n_classes, n_classes), dtype=np.float32)
    prior = Confusions(logits, given_labels, nothing, np.zeros(n_classes))
    if not len(rows):
        return prior
    true = true_labels[rows]
    wrong = rows[(true != given_labels[rows]) & (true < n_classes)]
    found = prior
    if len(wrong) and n_classes > 2:  # of two classes only one is left to be right
        likely = np.log(np.maximum(prior.instead(wrong).astype(np.float64), _LEAST))
        factors = _factors(likely, given_labels[wrong], true_labels[wrong])
        found = Confusions(logits, given_labels, factors, prior.means)
    total, n_labelled = np.zeros(n_classes), 0
    for block in row_blocks(n_rows, n_classes):
        labelled = given_labels[block] != UNLABELLED
        total += found.instead(block)[labelled].sum(axis=0, dtype=np.float64)
        n_labelled += int(labelled.sum())
    return Confusions(logits, given_labels, found.factors, total / n_labelled)


def _factors(logits: np.ndarray, given: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the most probable factors, (K, K) [given, true], from R rows that are wrong."""
    from scipy.optimize import minimize

    n_classes = logits.shape[1]
    present, place = np.unique(given, return_inverse=True)  # other given classes have no pairs
    found = np.zeros((len(present), n_classes))  # [given, true]
    np.add.at(found, (place, true), 1)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        of_true, of_pair = point[:n_classes], point[n_classes:].reshape(found.shape)
        log_probs = log_softmax(logits + of_true + of_pair[place])
        expected = np.zeros_like(found)
        np.add.at(expected, place, np.exp(log_probs))
        excess = expected - found
        gradient = np.concatenate(
            [
                excess.sum(axis=0) + of_true / _TRUE_SD**2,
                (excess + of_pair / _PAIR_SD**2).reshape(-1),
            ]
        )
        penalty = (of_true**2).sum() / _TRUE_SD**2 + (of_pair**2).sum() / _PAIR_SD**2
        return float(0.5 * penalty - log_probs[np.arange(len(true)), true].sum()), gradient

    start = np.zeros(n_classes * (1 + len(present)))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS}).x
    factors = np.tile(best[:n_classes], (n_classes, 1))
    factors[present] += best[n_classes:].reshape(found.shape)
    return factors.astype(np.float32)
