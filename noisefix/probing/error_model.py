"""p_error: a calibrated probability that the given label is wrong, and what is right instead.

The hypotheses' log-odds are weighed, and mixed with what the views say if the class shares are
right as given (``readings.py``), by a logistic model whose coefficients were fitted once, on noisy
data sets with known truth. How much the coefficients differ from set to set was measured too: that
is the prior for a new data set. Its spread becomes the interval of the noise rate, and rows that a
person has verified narrow it down. They also tell which reading holds, which labels are right
instead, and how much more or less often than was thought.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import Interval, sigmoid
from noisefix.probing.complementary import Rejections
from noisefix.probing.confusions import Confusions, learn_confusions
from noisefix.probing.error_design import Design, Spread
from noisefix.probing.hypotheses import Hypotheses
from noisefix.probing.readings import Read
from noisefix.probing.sampling import some_rows
from noisefix.threads import one_blas_thread


@dataclass(frozen=True)
class ErrorModel:
    """The coefficients, and how much each differs from one data set to another.

    Attributes:
        weights: (4,) weight of each hypothesis' log-odds.
        intercept: log-odds of an error where all hypotheses are undecided.
        name_gain: change per unit of the label names' gain: names that explain the labels vouch
            for them. The gain counts up to ``max_name_gain``. Like the intercept, it counts only
            where the hypotheses are judged alone.
        max_name_gain: the largest gain that counts.
        intercept_sd: spread of the intercept between data sets, log-odds.
        weights_sd: (4,) spread of the weights between data sets.
        class_sd: spread of the given classes' own intercepts within a data set.
        true_class_sd: the same for the classes that are right instead; verified rows estimate it,
            without them it plays no part.
    """

    weights: tuple[float, ...] = (0.482, 0.342, 0.120, 0.266)
    intercept: float = 0.0
    name_gain: float = -2.0
    max_name_gain: float = 0.7
    intercept_sd: float = 0.8
    weights_sd: tuple[float, ...] = (0.9, 1.0, 0.8, 0.45)
    class_sd: float = 0.8
    true_class_sd: float = 0.8

    @property
    def spread(self) -> Spread:
        """How much the coefficients differ from one data set to another."""
        return Spread(self.intercept_sd, self.weights_sd, self.class_sd, self.true_class_sd)

    def offset(self, gain: float) -> float:
        """Return what holds for the data set as a whole, in log-odds."""
        return self.intercept + self.name_gain * min(gain, self.max_name_gain)


ERROR_MODEL = ErrorModel()

_SELDOM_SEEN = 2.3  # errors expected among the rows of which none shows, one time in ten
_N_DRAWS = 400
_MAX_DRAW_ROWS = 4_000
_LEAST_CLASS_ROWS = 50


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
        wrong_among: interval of the share of wrong labels among the given (R,) rows, one at least.
    """

    p_error: np.ndarray
    true_label_probs: np.ndarray
    noise_rate: Interval
    class_noise_rates: tuple[Interval, ...] = field(repr=False)
    true_shares: np.ndarray = field(repr=False)
    n_verified: int = 0
    wrong_among: Callable[[np.ndarray], Interval] | None = field(
        default=None, repr=False, compare=False
    )


@one_blas_thread()
def estimate_errors(
    hypotheses: Hypotheses,
    given_labels: np.ndarray,
    *,
    name_gain: float = 0.0,
    readings: Read | None = None,
    verified_labels: np.ndarray | None = None,
    learn_from: np.ndarray | None = None,
    rejections: Sequence[Rejections] = (),
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
        readings: ``readings.read`` of the same rows; None: the hypotheses are judged alone.
        verified_labels: (N,) class ids that a person has verified, -1 = not verified; K or above
            stands for a class that no row was given.
        learn_from: (N,) bool: the verified rows that are a fair sample, whose errors tell of the
            other rows' errors; None: all of them. Rows that were picked *because* they are right
            tell nothing of the others.
        rejections: labels that somebody ruled out; nothing is learned from them of other rows.
        model: coefficients and their spread.
        seed: seed of the draws.
    """
    labelled = given_labels != UNLABELLED
    verified = (
        np.full(len(given_labels), UNLABELLED) if verified_labels is None else verified_labels
    )
    known = labelled & (verified != UNLABELLED)
    learned = known if learn_from is None else known & learn_from
    rows = np.flatnonzero(learned)
    confusions = learn_confusions(hypotheses.label_logits, given_labels, verified, rows)
    if readings is None:
        base = hypotheses.log_odds @ np.array(model.weights) + model.offset(name_gain)
        inputs, spread = hypotheses.log_odds, model.spread
    else:
        base, inputs = readings.base, readings.inputs
        sd = readings.calibration
        spread = Spread(sd.intercept_sd, sd.reading_sd, model.class_sd, model.true_class_sd)
    design = Design.build(base, inputs, given_labels, spread)
    if len(rows):
        design = design.with_true_classes(confusions, spread)
    wrong = (verified != given_labels)[rows].astype(np.float64)
    shift, covariance = design.posterior(rows, wrong)

    p_error = np.empty(len(given_labels))
    for block in row_blocks(*hypotheses.label_logits.shape):
        p_error[block] = sigmoid(design.base[block] + design.effect(block, shift))
    p_error[known] = (verified != given_labels)[known]
    p_error[~labelled] = np.nan
    probs = _true_label_probs(confusions, p_error)
    known = known | _weigh_rejections(rejections, probs, p_error, given_labels, known)
    settled = (verified != UNLABELLED) & (verified < probs.shape[1])
    probs[settled] = 0
    probs[settled, verified[settled]] = 1
    overall, classes = _intervals(
        design, shift, covariance, given_labels, p_error, known, probs.shape[1], seed
    )
    shares = probs[labelled].mean(axis=0, dtype=np.float64)
    among = partial(_wrong_among, design, shift, covariance, p_error, known, seed)
    return ErrorEstimate(p_error, probs, overall, classes, shares, int(learned.sum()), among)


def _weigh_rejections(
    rejections: Sequence[Rejections],
    probs: np.ndarray,
    p_error: np.ndarray,
    given_labels: np.ndarray,
    known: np.ndarray,
) -> np.ndarray:
    """Weigh what was ruled out into both, in place; return (N,) whose error is now fixed by it."""
    fixed = np.zeros(len(given_labels), dtype=bool)
    for rejected in rejections:
        fixed[rejected.weigh(probs)] = True
    fixed &= (given_labels != UNLABELLED) & ~known
    rows = np.flatnonzero(fixed)
    p_error[rows] = 1 - probs[rows, given_labels[rows]]
    return fixed


def _intervals(
    design: Design,
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
    p = _drawn(design, shift, covariance, rows, p_error, known, rng)
    resampled = rng.poisson(1.0, size=p.shape)  # the bootstrap: how often each row is drawn

    def interval(value: float, chosen: np.ndarray) -> Interval:
        weight = resampled[chosen].sum(axis=0)
        rates = (p[chosen] * resampled[chosen]).sum(axis=0) / np.maximum(weight, 1)
        low, high = np.quantile(rates[weight > 0], [0.05, 0.95])
        return Interval(value, float(min(low, value)), float(max(high, value)))

    overall = interval(float(p_error[labelled].mean()), np.arange(len(rows)) < len(sample))
    # Where no row looks wrong, a share of the size that often shows no error at all is possible.
    n_open = int((~known[labelled]).sum())
    unseen = _SELDOM_SEEN * n_open / max(len(labelled), 1) ** 2
    overall = replace(overall, high=max(overall.high, min(unseen, 1.0)))
    classes = []
    for label in range(n_classes):
        chosen = given_labels[rows] == label
        if not chosen.any():
            classes.append(Interval(np.nan, np.nan, np.nan))
            continue
        classes.append(interval(float(p_error[given_labels == label].mean()), chosen))
    return overall, tuple(classes)


def _drawn(
    design: Design,
    shift: np.ndarray,
    covariance: np.ndarray,
    rows: np.ndarray,
    p_error: np.ndarray,
    known: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return p_error of R rows in S draws of what may be particular to this data set, (R, S)."""
    root = np.linalg.cholesky(covariance)
    shifts = shift[:, None] + root @ rng.standard_normal((len(shift), _N_DRAWS))  # (P, S)
    p = sigmoid(design.base[rows, None] + design.effect(rows, shifts))
    p[known[rows]] = p_error[rows[known[rows]], None]
    return p


def _wrong_among(
    design: Design,
    shift: np.ndarray,
    covariance: np.ndarray,
    p_error: np.ndarray,
    known: np.ndarray,
    seed: int,
    rows: np.ndarray,
) -> Interval:
    """See ``ErrorEstimate.wrong_among``."""
    rng = np.random.default_rng(seed)
    sample = some_rows(rows, _MAX_DRAW_ROWS)
    p = _drawn(design, shift, covariance, sample, p_error, known, rng)
    wrong = (rng.random(p.shape) < p).mean(axis=0)
    low, high = np.quantile(wrong, [0.05, 0.95])
    value = float(p_error[rows].mean())
    return Interval(value, float(min(low, value)), float(max(high, value)))


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


def _true_label_probs(confusions: Confusions, p_error: np.ndarray) -> np.ndarray:
    """Give the given label 1 - p_error, and share p_error out among the others."""
    probs, given = np.empty_like(confusions.logits), confusions.given_labels
    for block in row_blocks(*probs.shape):
        part = confusions.instead(block)
        rows = np.flatnonzero(given[block] != UNLABELLED)
        labels, p_wrong = given[block][rows], p_error[block][rows]
        part[rows] *= p_wrong[:, None].astype(part.dtype)
        part[rows, labels] = 1 - p_wrong
        probs[block] = part
    return probs
