"""p_error: a calibrated probability that the given label is wrong, and what is right instead.

The hypotheses' log-odds are weighed by a logistic model whose coefficients were fitted once, on
noisy data sets with known truth (``tests/benchmarks/error_model.py`` refits them). How much the
coefficients differ from set to set was measured too: that is the prior for a new data set. Its
spread becomes the interval of the noise rate, and rows that a person has verified narrow it down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probing.hypotheses import HYPOTHESES, Hypotheses
from noisefix.probing.pooling import softmax
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread


@dataclass(frozen=True)
class ErrorModel:
    """The coefficients, and how much each differs from one data set to another.

    Attributes:
        weights: (4,) weight of each hypothesis' log-odds.
        intercept: log-odds of an error where all hypotheses are undecided.
        name_gain: change per unit of the label names' gain: names that explain the labels vouch
            for them. The gain counts up to ``max_name_gain``.
        log_rows: change per unit of log(rows / 2,000), rows within 200 to 20,000: the fewer the
            rows, the more the views err on the side of the given labels.
        intercept_sd: spread of the intercept between data sets, log-odds.
        weights_sd: (4,) spread of the weights between data sets.
        class_sd: spread of the given classes' own intercepts within a data set.
    """

    weights: tuple[float, ...] = (0.658, 0.188, 0.367, 0.276)
    intercept: float = 0.006
    name_gain: float = -3.471
    max_name_gain: float = 0.3
    log_rows: float = -0.688
    intercept_sd: float = 0.8
    weights_sd: tuple[float, ...] = (0.9, 1.0, 0.8, 0.45)
    class_sd: float = 0.8

    def offset(self, n_rows: int, gain: float) -> float:
        """Return what holds for the data set as a whole, in log-odds."""
        log_rows = np.log(np.clip(n_rows, 200, 20_000) / 2_000)
        named = self.name_gain * min(gain, self.max_name_gain)
        return float(self.intercept + named + self.log_rows * log_rows)


ERROR_MODEL = ErrorModel()

_N_DRAWS = 400
_MAX_DRAW_ROWS = 4_000
_LEAST_CLASS_ROWS = 50
_NEWTON_STEPS = 50
_TINY_STEP = 1e-8


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ErrorEstimate:
    """What is estimated about every row, every class and the whole.

    Attributes:
        p_error: (N,) probability that the given label is wrong; NaN for unlabelled rows.
        true_label_probs: (N, K) P(true label | text, given label, all else); rows sum to 1.
        noise_rate: share of wrong labels among the labelled rows.
        class_noise_rates: (K,) intervals of P(wrong | given this label); NaN for absent classes.
        true_shares: (K,) estimated share of each true class among the labelled rows.
        n_verified: verified rows that the estimate has learned from.
    """

    p_error: np.ndarray
    true_label_probs: np.ndarray
    noise_rate: Interval
    class_noise_rates: tuple[Interval, ...] = field(repr=False)
    true_shares: np.ndarray = field(repr=False)
    n_verified: int = 0


@one_blas_thread()
def estimate_errors(
    hypotheses: Hypotheses,
    given_labels: np.ndarray,
    *,
    name_gain: float = 0.0,
    verified_labels: np.ndarray | None = None,
    learn_from: np.ndarray | None = None,
    model: ErrorModel = ERROR_MODEL,
    seed: int = 0,
) -> ErrorEstimate:
    """Weigh the hypotheses into probabilities, and say how sure that is.

    The interval covers what unlabelled evidence cannot know (how far this data set's coefficients
    lie from the average set's) and the sampling of the rows (a bootstrap).

    Args:
        hypotheses: the judgements of ``hypotheses.judge``.
        given_labels: (N,) class ids, -1 = unlabelled.
        name_gain: ``NameView.gain``; 0 without label names.
        verified_labels: (N,) class ids that a person has verified, -1 = not verified; K or above
            stands for a class that no row was given.
        learn_from: (N,) bool: the verified rows that are a fair sample, whose errors tell of the
            other rows' errors; None: all of them. Rows that were picked *because* they are right
            tell nothing of the others.
        model: coefficients and their spread.
        seed: seed of the draws.
    """
    labelled = given_labels != UNLABELLED
    verified = (
        np.full(len(given_labels), UNLABELLED) if verified_labels is None else verified_labels
    )
    known = labelled & (verified != UNLABELLED)
    learned = known if learn_from is None else known & learn_from
    design = _Design.build(hypotheses.log_odds, given_labels, labelled, name_gain, model)
    wrong = (verified != given_labels)[learned].astype(np.float64)
    shift, covariance = design.posterior(np.flatnonzero(learned), wrong)

    p_error = _sigmoid(design.base + design.effect(np.arange(len(given_labels)), shift))
    p_error[known] = (verified != given_labels)[known]
    p_error[~labelled] = np.nan
    probs = _true_label_probs(hypotheses.label_logits, given_labels, p_error)
    settled = (verified != UNLABELLED) & (verified < probs.shape[1])
    probs[settled] = 0
    probs[settled, verified[settled]] = 1
    overall, classes = _intervals(
        design, shift, covariance, given_labels, p_error, known, probs.shape[1], seed
    )
    shares = probs[labelled].mean(axis=0, dtype=np.float64)
    return ErrorEstimate(p_error, probs, overall, classes, shares, int(learned.sum()))


@dataclass(frozen=True)
class _Design:
    """The logistic model around the average data set: log-odds = base + effect of the shifts.

    The shifts are one for the intercept, one for each weight, one for each given class; their
    prior is normal around 0.
    """

    base: np.ndarray  # (N,)
    centred: np.ndarray  # (N, 4)
    given: np.ndarray  # (N,), 0 where unlabelled
    prior_variance: np.ndarray  # (1 + 4 + K,)

    @classmethod
    def build(
        cls,
        log_odds: np.ndarray,
        given_labels: np.ndarray,
        labelled: np.ndarray,
        name_gain: float,
        model: ErrorModel,
    ) -> _Design:
        centred = log_odds - log_odds[labelled].mean(axis=0)
        base = log_odds @ np.array(model.weights) + model.offset(int(labelled.sum()), name_gain)
        n_classes = int(given_labels.max(initial=0)) + 1
        spread = [model.intercept_sd, *model.weights_sd, *([model.class_sd] * n_classes)]
        return cls(base, centred, np.maximum(given_labels, 0), np.square(spread))

    def matrix(self, rows: np.ndarray) -> np.ndarray:
        """Return the design matrix of some rows, (R, 1 + 4 + K)."""
        n_fixed = 1 + len(HYPOTHESES)
        matrix = np.zeros((len(rows), len(self.prior_variance)))
        matrix[:, 0] = 1
        matrix[:, 1:n_fixed] = self.centred[rows]
        matrix[np.arange(len(rows)), n_fixed + self.given[rows]] = 1
        return matrix

    def effect(self, rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return ``matrix(rows) @ shift`` without the matrix; shift (P,) or (P, S)."""
        n_fixed = 1 + len(HYPOTHESES)
        effect: np.ndarray = shift[0] + self.centred[rows] @ shift[1:n_fixed]
        effect += shift[n_fixed:][self.given[rows]]
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
            p = _sigmoid(base + matrix @ shift)
            gradient = matrix.T @ (p - wrong) + precision @ shift
            hessian = (matrix.T * (p * (1 - p))) @ matrix + precision
            step = np.linalg.solve(hessian, gradient)
            while (new_loss := loss_at(shift - step)) > loss and np.abs(step).max() > _TINY_STEP:
                step /= 2
            if np.abs(step).max() <= _TINY_STEP:
                break
            shift, loss = shift - step, new_loss
        return shift, np.linalg.inv(hessian)


def _intervals(
    design: _Design,
    shift: np.ndarray,
    covariance: np.ndarray,
    given_labels: np.ndarray,
    p_error: np.ndarray,
    known: np.ndarray,
    n_classes: int,
    seed: int,
) -> tuple[Interval, tuple[Interval, ...]]:
    """Return the noise rate's interval over all labelled rows and in each given class."""
    rng = np.random.default_rng(seed)
    labelled = np.flatnonzero(given_labels != UNLABELLED)
    sample = some_rows(labelled, _MAX_DRAW_ROWS)
    rows = np.concatenate([sample, *_rows_of_rare_classes(given_labels, sample, n_classes)])
    root = np.linalg.cholesky(covariance)
    shifts = shift[:, None] + root @ rng.standard_normal((len(shift), _N_DRAWS))  # (P, S)
    p = _sigmoid(design.base[rows, None] + design.effect(rows, shifts))  # (R, S)
    p[known[rows]] = p_error[rows[known[rows]], None]
    resampled = rng.poisson(1.0, size=p.shape)  # the bootstrap: how often each row is drawn

    def interval(value: float, chosen: np.ndarray) -> Interval:
        weight = resampled[chosen].sum(axis=0)
        rates = (p[chosen] * resampled[chosen]).sum(axis=0) / np.maximum(weight, 1)
        low, high = np.quantile(rates[weight > 0], [0.05, 0.95])
        return Interval(value, float(min(low, value)), float(max(high, value)))

    overall = interval(float(p_error[labelled].mean()), np.arange(len(rows)) < len(sample))
    classes = []
    for label in range(n_classes):
        chosen = given_labels[rows] == label
        if not chosen.any():
            classes.append(Interval(np.nan, np.nan, np.nan))
            continue
        classes.append(interval(float(p_error[given_labels == label].mean()), chosen))
    return overall, tuple(classes)


def _rows_of_rare_classes(
    given_labels: np.ndarray, sample: np.ndarray, n_classes: int
) -> list[np.ndarray]:
    """Return further rows of the classes of which the sample holds too few to judge them by."""
    sampled = np.bincount(given_labels[sample], minlength=n_classes)
    more = []
    for label in np.flatnonzero(sampled < _LEAST_CLASS_ROWS):
        left = np.setdiff1d(np.flatnonzero(given_labels == label), sample, assume_unique=True)
        if len(left):
            more.append(some_rows(left, _LEAST_CLASS_ROWS - int(sampled[label])))
    return more


def _true_label_probs(logits: np.ndarray, given: np.ndarray, p_error: np.ndarray) -> np.ndarray:
    """Give the given label 1 - p_error, and share p_error out among the others."""
    n_rows, n_classes = logits.shape
    probs = np.empty_like(logits)
    for block in row_blocks(n_rows, n_classes):
        others = logits[block].copy()
        rows = np.flatnonzero(given[block] != UNLABELLED)
        labels, p_wrong = given[block][rows], p_error[block][rows]
        others[rows, labels] = -np.inf
        part = softmax(others)
        part[rows] *= p_wrong[:, None].astype(part.dtype)
        part[rows, labels] = 1 - p_wrong
        probs[block] = part
    return probs


def _sigmoid(x: np.ndarray) -> np.ndarray:
    positive: np.ndarray = 1 / (1 + np.exp(-np.abs(x)))
    return np.where(x >= 0, positive, 1 - positive)
