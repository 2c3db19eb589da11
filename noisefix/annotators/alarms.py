"""Signs that an annotator must not be heeded at all, whatever its single answers say.

An annotator may know nothing: it says one thing, or guesses. Or it may know nothing *else*: it says
what the texts' classifier or the suspicion itself says already. Such answers look like agreement of
two witnesses where there is one.
"""

from __future__ import annotations

import numpy as np

from noisefix.annotators.reliability import FLOOR, habits_of
from noisefix.labels import UNLABELLED
from noisefix.probability import log_odds, small_sigmoid

_MIN_ANSWERS = 20  # fewer cannot show that an annotator has collapsed, or that it repeats
_COLLAPSED_SHARE = 0.9
_COLLAPSED_EXCESS = 0.25
_CHANCE_Z = 3.0
_REPEATED = 0.995  # a copy; on easy texts the truth itself comes up to .98
_SURE = 0.8  # where what is repeated is as sure as this, heeding it does no harm


def alarm_of(
    answers: np.ndarray,
    given_labels: np.ndarray,
    true_label_probs: np.ndarray,
    p_error: np.ndarray,
    *,
    learn_from: np.ndarray | None = None,
    pools: np.ndarray | None = None,
    pred_probs: np.ndarray | None = None,
) -> str:
    """Say why the annotator must not be heeded at all; empty when it may. See ``weighing.weigh``.

    It collapsed when one class is nine answers in ten and a quarter of all answers too many.
    Otherwise it has to show that it knows something: it must agree with the given labels, or with
    what was expected before it was asked, more often than somebody with its habits would who has
    not read the texts. That chance is counted row by row: of two labels on offer every second
    answer is right by luck. And where it contradicts much, it has to know something of its own.
    """
    asked = (answers >= 0) & (given_labels != UNLABELLED)
    if learn_from is not None:
        asked &= learn_from
    rows = np.flatnonzero(asked)
    if not len(rows):
        return ""
    said, n_classes = answers[rows], true_label_probs.shape[1]
    shares = np.bincount(said, minlength=n_classes) / len(rows)
    top = int(shares.argmax())
    expected = float(true_label_probs[rows, top].mean())
    if (
        len(rows) >= _MIN_ANSWERS
        and shares[top] >= _COLLAPSED_SHARE
        and shares[top] - expected >= _COLLAPSED_EXCESS
    ):
        return f"one class is {shares[top]:.0%} of its answers where {expected:.0%} were expected"
    offered = np.ones((len(rows), n_classes), bool) if pools is None else pools[rows]
    predictions = None
    if pred_probs is not None:
        predictions = np.where(offered, pred_probs[rows], -1.0).argmax(axis=1)
    if repeated := _repeats(
        said,
        given_labels[rows],
        p_error[rows],
        np.where(offered, true_label_probs[rows], 0.0),
        predictions,
    ):
        return repeated
    if knowledge(said, given_labels[rows], true_label_probs[rows], offered) > _CHANCE_Z:
        return ""
    if len(rows) < _MIN_ANSWERS:
        return f"{len(rows)} answers are too few to tell whether it knows more than chance does"
    return "it agrees with the given labels and with the text no better than chance"


def knowledge(
    answers: np.ndarray, given_labels: np.ndarray, probs: np.ndarray, pools: np.ndarray
) -> float:
    """Return by how many standard errors an annotator does better than its habits would.

    Three scores are tried: agreement with the given labels, the probability of what was answered,
    and both together, each in its own standard errors (where the given label is doubtful, whoever
    reads the text says it or what is expected instead, and seldom a third).

    Args:
        answers: (R,) class ids.
        given_labels: (R,) class ids.
        probs: (R, K) P(true label) before anybody was asked.
        pools: (R, K) bool: what was offered.

    Returns:
        The largest of the three z values.
    """
    n_rows, n_classes = pools.shape
    guess = pools * habits_of(answers, n_classes, pools)
    guess /= np.maximum(guess.sum(axis=1, keepdims=True), 1e-12)
    here = np.arange(n_rows)

    def standardised(score: np.ndarray) -> np.ndarray:
        centred = score - (guess * score).sum(axis=1, keepdims=True)
        spread = float(np.sqrt((guess * centred**2).sum()))
        result: np.ndarray = centred / spread if spread > 1e-6 else np.zeros_like(centred)
        return result

    is_given = np.zeros((n_rows, n_classes))
    is_given[here, given_labels] = 1
    by_label, by_text = standardised(is_given), standardised(probs.astype(np.float64))
    scores = (by_label, by_text, standardised(by_label + by_text))
    return max(float(score[here, answers].sum()) for score in scores)


def _repeats(
    said: np.ndarray,
    given: np.ndarray,
    p_error: np.ndarray,
    expected: np.ndarray,
    predictions: np.ndarray | None,
) -> str:
    """Say what the answers repeat; empty where they tell something of their own.

    On a few rows, or where the texts leave no doubt, a good reader looks the same as a copy.
    """
    contradicts = said != given
    sure = expected[np.arange(len(said)), said][contradicts]
    if contradicts.sum() < _MIN_ANSWERS or sure.mean() >= _SURE:
        return ""
    if predictions is not None and (said == predictions).mean() >= _REPEATED:
        return "its answers are those of a classifier that has learned the given labels"
    if (said == expected.argmax(axis=1)).mean() >= _REPEATED:
        return "its answers are what was expected of each row, closer than the truth can be"
    excess, z = repetition(contradicts, p_error)
    if excess >= _REPEATED and z > _CHANCE_Z:
        return "it contradicts the suspected labels and no others, as no reader of the texts does"
    return ""


def repetition(contradicts: np.ndarray, p_error: np.ndarray) -> tuple[float, float]:
    """Return how much closer contradictions follow the suspicion than an annotator of its own does.

    One that is always right contradicts a row with the probability p_error. Of so many
    contradictions (p_error shifted to their number), the summed log-odds are expected to reach some
    value; contradicting the most suspicious rows alone reaches the most there can be.

    Args:
        contradicts: (R,) bool.
        p_error: (R,) probabilities that the given label is wrong.

    Returns:
        The share of the way from the expected sum to the largest (below 0 where contradictions
        follow it less), and by how many standard errors the sum is above the expected one; 0, 0
        where too few rows, or too few others, are contradicted.
    """
    from scipy.optimize import brentq

    n = int(contradicts.sum())
    odds = log_odds(p_error.astype(np.float64), FLOOR)
    if n < 5 or n > len(odds) - 5 or np.ptp(odds) < 1e-6:
        return 0.0, 0.0
    shift = brentq(lambda shift: float(small_sigmoid(odds + shift).sum()) - n, -30, 30)
    p = small_sigmoid(odds + shift)
    spread = p * (1 - p)
    mean = float(p @ odds)
    largest = float(np.sort(odds)[-n:].sum())
    centred = odds - (spread @ odds) / spread.sum()
    beyond = float(odds[contradicts].sum()) - mean
    return beyond / max(largest - mean, 1e-9), beyond / float(np.sqrt(spread @ centred**2) + 1e-9)
