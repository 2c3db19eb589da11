"""Weigh an annotator's answers against everything else: the final label and what to do.

The annotator is not the truth. Where it contradicts the given label, one of the two is mostly
right, and a logistic model says which. It hears the estimated confusions (``reliability``), how
suspicious the row was before, and how often the annotator agrees with labels that nobody suspects:
a good one does, a bad one contradicts any. Its few coefficients were fitted once over many pairs of
labels and annotators with known truth, each source counting the same
(``tests/benchmarks/weighing_fit.py`` refits them, and tries them on sources that were left out).
What must not be heeded at all is found in ``alarms``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisefix.annotators.alarms import alarm_of
from noisefix.annotators.reliability import FLOOR, Reliability, estimate_reliability
from noisefix.labels import UNLABELLED
from noisefix.probability import log_odds, small_sigmoid

NO_ANSWER = -1
"""In ``answers``: not asked, no answer, ambiguous, refused or invalid. It tells nothing."""

NONE_FITS = -2
"""In ``answers``: none of the labels offered fits."""

KEEP, RELABEL, REVIEW = "keep", "relabel", "review"

_MAX_LOG_RATIO = 4.0
_NONE_LIKELIHOOD_RATIO = 3.0  # how much oftener "none" is said where the given label is wrong
_SPILL = 0.25
"""How far the answers to other rows move a row that has none, in log-odds from what was estimated
before to what they imply. The asked rows are no fair sample of the others; measured, a quarter of
the way helps ranking and log-loss, the whole way harms both."""


@dataclass(frozen=True)
class WeighingModel:
    """Coefficients of the log-odds that a contradicting annotator, not the given label, is right.

    Attributes:
        intercept: log-odds where everything else is 0.
        log_ratio: per unit of log P(answer) - log P(given) by the estimated confusions, in [-4, 4].
        suspicion: per unit of the row's own log-odds of a wrong given label.
        plausibility: per unit of log(K - 1) times the answer's share of the other labels' odds.
        margin: log-odds past which a label is changed; within the margin on either side of 0 a
            person should look.
    """

    intercept: float = 0.163
    log_ratio: float = 0.194
    suspicion: float = 0.370
    plausibility: float = 0.369
    margin: float = 0.5

    @property
    def weights(self) -> np.ndarray:
        """The coefficients in the order of the columns of ``features``."""
        return np.array([self.intercept, self.log_ratio, self.suspicion, self.plausibility])


WEIGHING_MODEL = WeighingModel()


@dataclass(frozen=True)
class Verdicts:
    """What follows from the answers.

    Attributes:
        final_labels: (N,) class ids; the given label where nothing changes.
        actions: (N,) "keep", "relabel" or "review".
        p_error: (N,) P(given label wrong), the answers weighed in; NaN where unlabelled.
        true_label_probs: (N, K) P(true label), the answers weighed in; rows sum to 1.
        log_odds: (N,) log-odds that the answer, not the given label, is right; NaN where the
            answer does not contradict.
        reliability: the annotator's estimated confusions.
        alarm: why nothing was changed; empty when there is no reason for it.
    """

    final_labels: np.ndarray
    actions: np.ndarray
    p_error: np.ndarray
    true_label_probs: np.ndarray
    log_odds: np.ndarray
    reliability: Reliability
    alarm: str


def weigh(
    answers: np.ndarray,
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    p_error: np.ndarray,
    *,
    confidence: np.ndarray | None = None,
    learn_from: np.ndarray | None = None,
    trusted: np.ndarray | None = None,
    final: np.ndarray | None = None,
    pools: np.ndarray | None = None,
    pred_probs: np.ndarray | None = None,
    model: WeighingModel = WEIGHING_MODEL,
) -> Verdicts:
    """Weigh all answers so far; rows without one keep their label.

    Args:
        answers: (N,) class ids, ``NO_ANSWER`` or ``NONE_FITS``.
        given_labels: (N,) class ids, -1 = unlabelled.
        true_label_probs: (N, K) P(true | text, given label) before anybody was asked.
        p_error: (N,) P(given label wrong) before anybody was asked; NaN where unlabelled.
        confidence: (N,) the annotator's own probability of its answer in [0, 1]; NaN = unknown.
            Answers less sure than its average count for less.
        learn_from: (N,) bool: answers that were asked for; False for copies from near-duplicates.
        trusted: (N,) bool: a person vouches for these rows: they are never changed.
        final: (N,) bool: answers that stand whatever else is known: a person's. Where there are
            some, the annotator is not held for useless.
        pools: (N, K) bool: the labels offered for each row; None: all of them.
        pred_probs: (N, K) what a classifier that has learned the given labels expects; None: an
            annotator that answers just that is not told from others.
        model: coefficients.
    """
    labelled = given_labels != UNLABELLED
    weights = None if confidence is None else _weights(answers, confidence)
    found = estimate_reliability(
        answers,
        given_labels,
        true_label_probs,
        p_error,
        learn_from=learn_from,
        weights=weights,
        pools=pools,
    )
    rows = np.flatnonzero(labelled & (answers >= 0) & (answers != given_labels))
    table = features(rows, answers, given_labels, true_label_probs, p_error, found)
    odds = np.full(len(answers), np.nan)
    odds[rows] = table @ model.weights
    stands = np.zeros(len(answers), dtype=bool) if final is None else final
    alarm = ""
    if not stands.any():
        alarm = alarm_of(
            answers,
            given_labels,
            true_label_probs,
            p_error,
            learn_from=learn_from,
            pools=pools,
            pred_probs=pred_probs,
        )

    probs = _true_label_probs(rows, odds[rows], answers, given_labels, true_label_probs, found)
    wrong = np.full(len(answers), np.nan)
    wrong[labelled] = 1 - probs[labelled, given_labels[labelled]]
    silent = np.flatnonzero(labelled & (answers < 0))
    wrong[silent] = _unheard_error(silent, answers, given_labels, p_error, found)
    _rescale(probs, silent, given_labels, wrong)

    final_labels, actions = _decided(answers, given_labels, odds, probs, model.margin)
    for row in np.flatnonzero(stands).tolist():
        answer, differs = answers[row], answers[row] != given_labels[row]
        final_labels[row], actions[row] = answer, RELABEL if differs else KEEP
        probs[row], probs[row, answer] = 0, 1
        wrong[row] = differs if labelled[row] else np.nan
    held = bool(alarm) | (np.zeros(len(answers), dtype=bool) if trusted is None else trusted)
    final_labels[held], actions[held] = given_labels[held], KEEP
    if alarm:
        probs, wrong = true_label_probs.astype(np.float64), p_error.astype(np.float64)
    elif trusted is not None:
        probs[trusted], wrong[trusted] = true_label_probs[trusted], p_error[trusted]
    return Verdicts(final_labels, actions, wrong, probs, odds, found, alarm)


def _unheard_error(
    rows: np.ndarray,
    answers: np.ndarray,
    given: np.ndarray,
    p_error: np.ndarray,
    found: Reliability,
) -> np.ndarray:
    """Return P(given label wrong) of rows without a label for an answer, (R,): what others tell."""
    implied = log_odds(1 - found.prior[rows, given[rows]], FLOOR)
    spilled = (1 - _SPILL) * log_odds(p_error[rows].astype(np.float64), FLOOR) + _SPILL * implied
    spilled += np.where(answers[rows] == NONE_FITS, np.log(_NONE_LIKELIHOOD_RATIO), 0.0)
    return small_sigmoid(spilled)


def _decided(
    answers: np.ndarray, given: np.ndarray, odds: np.ndarray, probs: np.ndarray, margin: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what follows from the weighed answers alone: final labels and actions, (N,) each."""
    final_labels = given.copy()
    actions = np.full(len(answers), KEEP, dtype=object)
    actions[np.abs(odds) <= margin] = REVIEW
    actions[(given != UNLABELLED) & (answers == NONE_FITS)] = REVIEW
    filled = (given == UNLABELLED) & (answers >= 0)
    filled &= probs.max(axis=1) > float(small_sigmoid(margin))
    changed = (odds > margin) | (filled & (probs.argmax(axis=1) == answers))
    final_labels[changed] = answers[changed]
    actions[changed] = RELABEL
    return final_labels, actions


def features(
    rows: np.ndarray,
    answers: np.ndarray,
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    p_error: np.ndarray,
    found: Reliability,
) -> np.ndarray:
    """Return what the weighing model hears about rows whose answer contradicts, (R, 4)."""
    answer, given = answers[rows], given_labels[rows]
    ratio = np.log(np.maximum(found.posterior[rows, answer], 1e-4))
    ratio -= np.log(np.maximum(found.posterior[rows, given], 1e-4))
    suspicion = log_odds(p_error[rows].astype(np.float64), FLOOR)
    others = np.maximum(1 - true_label_probs[rows, given].astype(np.float64), 1e-9)
    share = np.clip(true_label_probs[rows, answer] / others, FLOOR, 1.0)
    n_others = max(true_label_probs.shape[1] - 1, 1)
    return np.column_stack(
        [
            np.ones(len(rows)),
            np.clip(ratio, -_MAX_LOG_RATIO, _MAX_LOG_RATIO),
            suspicion,
            np.log(share * n_others),
        ]
    )


def _true_label_probs(
    rows: np.ndarray,
    odds: np.ndarray,
    answers: np.ndarray,
    given: np.ndarray,
    before: np.ndarray,
    found: Reliability,
) -> np.ndarray:
    probs = before.astype(np.float64)
    answered = answers >= 0
    probs[answered] = found.posterior[answered]
    either = probs[rows, answers[rows]] + probs[rows, given[rows]]
    probs[rows, answers[rows]] = either * small_sigmoid(odds)
    probs[rows, given[rows]] = either * small_sigmoid(-odds)
    return probs


def _rescale(probs: np.ndarray, rows: np.ndarray, given: np.ndarray, wrong: np.ndarray) -> None:
    """Give the given label of some rows 1 - wrong and the others the rest, in place."""
    if probs.shape[1] == 1:
        return
    probs[rows, given[rows]] = 0
    others = probs[rows].sum(axis=1)
    sure = others <= 0  # no other label was possible: all others are as likely
    probs[rows[sure]] = 1
    probs[rows[sure], given[rows[sure]]] = 0
    others[sure] = probs.shape[1] - 1
    probs[rows] *= (wrong[rows] / others)[:, None]
    probs[rows, given[rows]] = 1 - wrong[rows]


def _weights(answers: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    known = (answers >= 0) & np.isfinite(confidence)
    weights = np.ones(len(answers))
    if known.any():
        typical = max(float(confidence[known].mean()), FLOOR)
        weights[known] = np.clip(confidence[known] / typical, 0.0, 1.0)
    return weights
