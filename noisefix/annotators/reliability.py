"""How far an annotator can be believed, estimated with no truth known.

The given labels, the annotator and the views of the text are three witnesses of one true label.
Expectation-maximisation finds the annotator's confusions and, at the same time, how far the given
labels are worse or better than was thought: in all, as suspicion grows, in each class, and in which
class the truth lies instead. All of it starts from what was estimated before anybody was asked and
moves away from there only as far as the answers pull.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import log_odds, small_sigmoid
from noisefix.threads import one_blas_thread

FLOOR = 1e-3
"""p_error is held within [FLOOR, 1 - FLOOR]: no witness is surer than that."""

_LEAST = 1e-6
_RIGHT, _WRONG = 7.0, 3.0  # pseudo-answers: before it is asked an annotator is right 7 times in 10
_ROW_STRENGTH = 10.0  # pseudo-answers that draw a class' confusions to the one-parameter model
_REPEATS = 0.2  # where the given label is wrong, chance that the annotator makes the same mistake
_SHIFT_SD, _SLOPE_SD, _GIVEN_SD, _TRUE_SD = 0.8, 0.3, 0.8, 1.0  # log-odds
_MAX_STEPS = 150
_HABIT_STEPS = 50
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Reliability:
    """What the answers tell of the annotator and of the labels.

    Attributes:
        accuracy: estimated share of right answers on the rows asked, had it not seen (or not
            shared the mistakes of) the given labels, in [0, 1].
        confusion: (K, K) P(answer | true), [true, answer]; rows sum to 1.
        posterior: (N, K) P(true label | views, given label, answer); rows sum to 1.
        prior: (N, K) the same before the row's own answer, all other answers weighed in.
        n_steps: steps made.
    """

    accuracy: float
    confusion: np.ndarray
    posterior: np.ndarray
    prior: np.ndarray
    n_steps: int


@one_blas_thread()
def estimate_reliability(
    answers: np.ndarray,
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    p_error: np.ndarray,
    *,
    learn_from: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    pools: np.ndarray | None = None,
) -> Reliability:
    """Estimate the annotator's confusions and every row's true label together.

    Args:
        answers: (N,) class ids; negative where there is no answer.
        given_labels: (N,) class ids, -1 = unlabelled.
        true_label_probs: (N, K) P(true | text, given label) before anybody was asked.
        p_error: (N,) P(given label wrong) before anybody was asked; ignored where unlabelled.
        learn_from: (N,) bool: answers to learn from (copies of an answer tell nothing new); None:
            all. Every answer counts for its own row.
        weights: (N,) in [0, 1], how much of an answer is more than a guess after the annotator's
            overall habits; None: all 1.
        pools: (N, K) bool: the labels that were offered for each row; None: all of them. Where few
            were offered, an annotator that knows nothing is often right by chance: whoever would
            have said what was not offered is taken to guess among what was.

    Source: Dawid and Skene 1979, "Maximum likelihood estimation of observer error-rates using the
    EM algorithm", Applied Statistics 28(1), with a prior for each row, Dirichlet priors around a
    one-parameter annotator, and shared mistakes.
    """
    n_rows, n_classes = true_label_probs.shape
    answered = answers >= 0
    labelled = given_labels != UNLABELLED
    learned = answered & labelled if learn_from is None else answered & labelled & learn_from
    model = _Model(given_labels, true_label_probs, p_error, labelled)
    rows = np.flatnonzero(learned)
    rows = rows[np.argsort(answers[rows], kind="stable")]
    present, starts = np.unique(answers[rows], return_index=True)
    habits = habits_of(answers[rows], n_classes, None if pools is None else pools[rows])
    weight = np.ones(n_rows) if weights is None else weights
    likelihood = _Likelihood(answers, given_labels, weight, habits, pools)
    accuracy, n_steps = _RIGHT / (_RIGHT + _WRONG), 0
    confusion = _one_parameter(accuracy, habits)
    while len(rows) and n_steps < _MAX_STEPS:
        n_steps += 1
        prior = model.prior(rows)
        joint, own, guessed = likelihood(rows, confusion)
        joint *= prior
        posterior = joint / joint.sum(axis=1, keepdims=True)
        counts = np.zeros((n_classes, n_classes))  # [true, answer]
        counts[:, present] = np.add.reduceat(posterior * own, starts, axis=0).T
        if pools is not None:
            counts += _not_offered(posterior * guessed, confusion, pools[rows])
        accuracy = float((np.trace(counts) + _RIGHT) / (counts.sum() + _RIGHT + _WRONG))
        updated = counts + _ROW_STRENGTH * _one_parameter(accuracy, habits)
        updated /= updated.sum(axis=1, keepdims=True)
        moved = max(model.update(rows, posterior), float(np.abs(updated - confusion).max()))
        confusion = updated
        if moved < _TOLERANCE:
            break
    prior = model.prior(np.arange(n_rows))
    posterior = prior.copy()
    asked = np.flatnonzero(answered)
    posterior[asked] *= likelihood(asked, confusion)[0]
    posterior[asked] /= posterior[asked].sum(axis=1, keepdims=True)
    return Reliability(accuracy, confusion, posterior, prior, n_steps)


def habits_of(answers: np.ndarray, n_classes: int, pools: np.ndarray | None = None) -> np.ndarray:
    """Return how much an annotator likes each label whatever the text, (K,), summing to 1.

    Args:
        answers: (R,) class ids, all answers there are.
        n_classes: K.
        pools: (R, K) bool: what was offered; None: every label. A label that is answered whenever
            it is offered is liked the more the less often it was offered.

    Source: Hunter 2004, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics
    32(1), for choices from sets; one pseudo-answer for each label.
    """
    counts = np.bincount(answers, minlength=n_classes) + 1.0
    habits: np.ndarray = counts / counts.sum()
    if pools is None or not len(answers) or pools.all():
        return habits
    offered = pools.astype(np.float64)
    for _ in range(_HABIT_STEPS):
        among = offered @ habits
        habits = counts / (offered.T @ (1 / among) + n_classes)
        habits /= habits.sum()
    return habits


def _not_offered(guessed: np.ndarray, confusion: np.ndarray, pools: np.ndarray) -> np.ndarray:
    """Return the expected (K, K) counts of what would have been said, had it been offered.

    Args:
        guessed: (R, K) share of each row that belongs to a true label and a guess.
        confusion: (K, K) P(answer | true) with every label on offer.
        pools: (R, K) bool.
    """
    others = 1 - _offered(confusion, pools)  # (R, K)
    share = guessed / np.maximum(others, _LEAST)
    counts: np.ndarray = confusion * (share.sum(axis=0)[:, None] - share.T @ pools)
    return counts


def _offered(confusion: np.ndarray, pools: np.ndarray) -> np.ndarray:
    """Return P(what the annotator would say is on offer | true label), (R, K)."""
    from scipy.sparse import csr_array

    offered: np.ndarray = np.minimum(csr_array(pools.astype(np.float64)) @ confusion.T, 1.0)
    return offered


def _one_parameter(accuracy: float, habits: np.ndarray) -> np.ndarray:
    """Return the confusions of an annotator that errs towards the answers it likes, (K, K)."""
    wrong = np.tile(habits, (len(habits), 1))
    np.fill_diagonal(wrong, 0)
    wrong /= np.maximum(wrong.sum(axis=1, keepdims=True), _LEAST)
    confusion: np.ndarray = (1 - accuracy) * wrong + accuracy * np.eye(len(habits))
    confusion /= confusion.sum(axis=1, keepdims=True)
    return confusion


@dataclass(frozen=True)
class _Likelihood:
    """P(answer | true label, given label) of rows that have an answer."""

    answers: np.ndarray
    given: np.ndarray
    weights: np.ndarray
    habits: np.ndarray
    pools: np.ndarray | None

    def __call__(
        self, rows: np.ndarray, confusion: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the likelihoods, and how much of each is owed to the confusions and to guessing.

        All three are (R, K); what is left is owed to the given label or to habit.
        """
        answers, given = self.answers[rows], self.given[rows]
        weight = self.weights[rows][:, None]
        by_confusion = weight * confusion[:, answers].T
        habit = self.habits[answers][:, None]
        guessed = np.zeros_like(by_confusion)
        if self.pools is not None:
            pools = self.pools[rows]
            habit = habit / np.maximum(pools @ self.habits, _LEAST)[:, None]
            guessed = weight * (1 - _offered(confusion, pools)) * habit
        alone = by_confusion + guessed + (1 - weight) * habit
        repeated = (_REPEATS * (answers == given))[:, None]
        total = (1 - _REPEATS) * alone + repeated
        own = np.full_like(total, 1 - _REPEATS)
        labelled = np.flatnonzero(given != UNLABELLED)  # nothing to repeat where given is true
        total[labelled, given[labelled]] = alone[labelled, given[labelled]]
        own[labelled, given[labelled]] = 1
        total[given == UNLABELLED] = alone[given == UNLABELLED]
        total = np.maximum(total, _LEAST)
        own /= total
        return total, np.minimum(by_confusion * own, 1.0), np.minimum(guessed * own, 1.0)


class _Model:
    """P(true label) before the row's own answer: what was estimated, shifted by what is learned.

    The log-odds that the given label is wrong move by a shift, by a slope on their own distance
    from the mean, and by a shift for each given class; the other labels' odds by one factor a
    class. All shifts are normal around 0.
    """

    def __init__(
        self, given: np.ndarray, probs: np.ndarray, p_error: np.ndarray, labelled: np.ndarray
    ) -> None:
        n_classes = probs.shape[1]
        self._labelled = labelled
        self._given = np.where(labelled, given, 0)
        self._log_odds = log_odds(np.where(labelled, p_error, 0.5), FLOOR)
        mean = self._log_odds[labelled].mean() if labelled.any() else 0.0
        self._centred = np.where(labelled, self._log_odds - mean, 0.0)
        others = np.log(np.maximum(probs.astype(np.float64), _LEAST))
        others[np.flatnonzero(labelled), given[labelled]] = -np.inf
        self._others = others
        self._shifts = np.zeros(2 + n_classes)
        self._factors = np.zeros(n_classes)
        spread = np.array([_SHIFT_SD, _SLOPE_SD, *([_GIVEN_SD] * n_classes)])
        self._precision = np.diag(1 / spread**2)

    def _wrong(self, rows: np.ndarray) -> np.ndarray:
        shift, slope, classes = self._shifts[0], self._shifts[1], self._shifts[2:]
        odds = self._log_odds[rows] + shift + slope * self._centred[rows]
        return small_sigmoid(odds + classes[self._given[rows]])

    def _instead(self, rows: np.ndarray) -> np.ndarray:
        logits = self._others[rows] + self._factors
        top = logits.max(axis=1, keepdims=True, initial=-1e300)
        instead: np.ndarray = np.exp(logits - top)
        instead /= instead.sum(axis=1, keepdims=True)
        return instead

    def prior(self, rows: np.ndarray) -> np.ndarray:
        """Return P(true label) of some rows, (R, K)."""
        if len(self._factors) == 1:
            return np.ones((len(rows), 1))
        prior = self._instead(rows)
        labelled = np.flatnonzero(self._labelled[rows])
        wrong = self._wrong(rows)[labelled]
        prior[labelled] *= wrong[:, None]
        prior[labelled, self._given[rows[labelled]]] = 1 - wrong
        return prior

    def update(self, rows: np.ndarray, posterior: np.ndarray) -> float:
        """Move the shifts a step towards the posterior, (R, K); return the largest move."""
        here = np.arange(len(rows))
        given = self._given[rows]
        n_classes = len(self._factors)
        design = np.zeros((len(rows), 2 + n_classes))
        if n_classes == 1:
            return 0.0
        design[:, 0], design[:, 1], design[here, 2 + given] = 1, self._centred[rows], 1
        was, wrong = self._wrong(rows), 1 - posterior[here, given]
        gradient = design.T @ (was - wrong) + self._precision @ self._shifts
        hessian = (design.T * (was * (1 - was))) @ design + self._precision
        step = np.linalg.solve(hessian, gradient)
        expected = wrong[:, None] * self._instead(rows)
        found = posterior.copy()
        found[here, given] = 0
        # The sum bounds the curvature from above: the step never overshoots.
        pull = (found - expected).sum(axis=0) - self._factors / _TRUE_SD**2
        factor_step = pull / (expected.sum(axis=0) + 1 / _TRUE_SD**2)
        self._shifts = self._shifts - step
        if n_classes > 2:  # of two classes only one is left to be the other
            self._factors = self._factors + factor_step
        return float(max(np.abs(step).max(), np.abs(factor_step).max() if n_classes > 2 else 0.0))
