"""The logistic model behind p_error as a design matrix whose coefficients can be learned.

Around the average data set the coefficients are shifted by what is particular to this one. How
much shifts differ between data sets is the prior; rows that a person has verified make a posterior
of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import sigmoid
from noisefix.probing.confusions import Confusions

_NEWTON_STEPS = 50
_TINY_STEP = 1e-8


@dataclass(frozen=True)
class Spread:
    """How much the coefficients differ from one data set to another, standard deviations.

    Attributes:
        intercept: of the log-odds as a whole.
        weights: (H,) of each hypothesis' weight.
        given_class: of the given classes' own intercepts within a data set.
        true_class: of those of the classes that are right instead.
    """

    intercept: float
    weights: tuple[float, ...]
    given_class: float
    true_class: float


@dataclass(frozen=True)
class Design:
    """The logistic model around the average data set: log-odds = base + effect of the shifts.

    The shifts are one for the intercept, one for each weight, one for each given class, and, where
    there is something to learn from, one for each class that may be right instead; their prior is
    normal around 0.
    """

    base: np.ndarray  # (N,)
    centred: np.ndarray  # (N, H)
    given: np.ndarray  # (N,), 0 where unlabelled
    prior_variance: np.ndarray  # (P,), P = 1 + H + K or 1 + H + 2 K
    confusions: Confusions | None = None

    @classmethod
    def build(
        cls, base: np.ndarray, log_odds: np.ndarray, given_labels: np.ndarray, spread: Spread
    ) -> Design:
        """Build the model of N rows without anything learned of the true classes.

        Args:
            base: (N,) log-odds of an error in the average data set.
            log_odds: (N, H) those of every hypothesis.
            given_labels: (N,) class ids, -1 = unlabelled.
            spread: how much the shifts differ from one data set to another.
        """
        labelled = given_labels != UNLABELLED
        centred = log_odds - log_odds[labelled].mean(axis=0)
        n_classes = int(given_labels.max(initial=0)) + 1
        sd = [spread.intercept, *spread.weights, *([spread.given_class] * n_classes)]
        return cls(base, centred, np.maximum(given_labels, 0), np.square(sd))

    def with_true_classes(self, confusions: Confusions, spread: Spread) -> Design:
        """Let rows be the more suspicious the more their likely true labels turn out missing."""
        n_classes = confusions.logits.shape[1]
        variance = np.full(n_classes, spread.true_class**2)
        joined = np.concatenate([self.prior_variance, variance])
        return replace(self, prior_variance=joined, confusions=confusions)

    @property
    def _n_given(self) -> int:
        n_true = 0 if self.confusions is None else self.confusions.logits.shape[1]
        return len(self.prior_variance) - n_true

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Return the design matrix of some rows, (R, P) for P shifts."""
        n_fixed = 1 + self.centred.shape[1]
        matrix = np.zeros((len(rows), len(self.prior_variance)))
        matrix[:, 0] = 1
        matrix[:, 1:n_fixed] = self.centred[rows]
        matrix[np.arange(len(rows)), n_fixed + self.given[rows]] = 1
        if self.confusions is not None:
            matrix[:, self._n_given :] = self.confusions.centred(rows)
        return matrix

    def effect(self, rows: np.ndarray | slice, shift: np.ndarray) -> np.ndarray:
        """Return ``matrix(rows) @ shift`` without the matrix; shift (P,) or (P, S)."""
        n_fixed, n_given = 1 + self.centred.shape[1], self._n_given
        effect: np.ndarray = shift[0] + self.centred[rows] @ shift[1:n_fixed]
        effect += shift[n_fixed:n_given][self.given[rows]]
        if self.confusions is not None:
            effect += self.confusions.centred(rows) @ shift[n_given:]
        return effect

    def posterior(self, rows: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mode (P,) and covariance (P, P) of the shifts after seeing some rows' errors.

        Newton steps to the mode, halved where a whole one would go too far (it can, and then ever
        further); the covariance is Laplace's. Without rows: the prior.
        """
        precision = np.diag(1 / self.prior_variance)
        shift = np.zeros(len(self.prior_variance))
        if not len(rows):
            return shift, np.diag(self.prior_variance)
        matrix, base = self.matrix(rows), self.base[rows]

        def loss_at(point: np.ndarray) -> float:
            z = base + matrix @ point
            likelihood = (np.logaddexp(0, z) - wrong * z).sum()
            return float(likelihood + 0.5 * (point**2 / self.prior_variance).sum())

        loss = loss_at(shift)
        for _ in range(_NEWTON_STEPS):
            p = sigmoid(base + matrix @ shift)
            gradient = matrix.T @ (p - wrong) + precision @ shift
            hessian = (matrix.T * (p * (1 - p))) @ matrix + precision
            step = np.linalg.solve(hessian, gradient)
            while (new_loss := loss_at(shift - step)) > loss and np.abs(step).max() > _TINY_STEP:
                step /= 2
            if np.abs(step).max() <= _TINY_STEP:
                break
            shift, loss = shift - step, new_loss
        return shift, np.linalg.inv(hessian)
