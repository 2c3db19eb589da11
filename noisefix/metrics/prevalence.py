"""What becomes of several models' accuracies as more of a test set's labels are wrong.

A row's given label is right or wrong; which it is, and which label is right instead, is known
(corrected labels), or known by its probabilities. Both are the same here: known means 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_WRONG = 0.5
"""Error share at which a sweep ends."""

_POINTS = 11


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is known of N rows and of M models' predictions for them.

    Attributes:
        p_given: (N,) probability that the given label is right.
        predicted: (N, M) class ids; -1 = a class that is not known.
        given_labels: (N,) class ids.
        p_predicted: (N, M) probability that the predicted label is the right one; equal to
            ``p_given`` where the two labels are equal.
    """

    p_given: np.ndarray
    predicted: np.ndarray
    given_labels: np.ndarray
    p_predicted: np.ndarray

    @property
    def is_given(self) -> np.ndarray:
        """(N, M) whether a model predicts the given label."""
        agrees: np.ndarray = self.predicted == self.given_labels[:, None]
        return agrees


def beliefs(given_labels: np.ndarray, predicted: np.ndarray, label_probs: np.ndarray) -> Beliefs:
    """Return what is known of predictions.

    Args:
        given_labels: (N,) class ids in 0..K-1.
        predicted: (N, M) class ids in 0..K-1, or -1: a class that is not known, never right.
        label_probs: (N, K) probability of each class to be the right one; (N,) class ids where the
            right one is known.
    """
    if label_probs.ndim == 1:
        p_given = (given_labels == label_probs).astype(np.float64)
        p_predicted = (predicted == label_probs[:, None]).astype(np.float64)
        return Beliefs(p_given, predicted, given_labels, p_predicted)
    probs = label_probs.astype(np.float64)
    rows = np.arange(len(given_labels))
    p_predicted = probs[rows[:, None], np.maximum(predicted, 0)]
    p_predicted[predicted < 0] = 0
    return Beliefs(probs[rows, given_labels], predicted, given_labels, p_predicted)


@dataclass(frozen=True, eq=False)
class Accuracies:
    """Accuracies of M models; a leading axis of draws may stand before all.

    Attributes:
        right: rows whose given label is right (expected, where that is not known).
        wrong: the other rows.
        given: (M,) share of all rows on which a model predicts the given label.
        corrected: (M,) share on which it predicts the right one.
        on_right: (M,) accuracy on rows whose given label is right; NaN where there is none.
        on_wrong: (M,) accuracy on the others, against their right label; NaN where there is none.
        memorised: (M,) share of these others on which it predicts the wrong, given label.
    """

    right: np.ndarray
    wrong: np.ndarray
    given: np.ndarray
    corrected: np.ndarray
    on_right: np.ndarray
    on_wrong: np.ndarray
    memorised: np.ndarray


def accuracies(known: Beliefs) -> Accuracies:
    """Return the expected accuracies."""
    p_right = known.p_given[:, None]
    is_given = known.is_given
    return accuracies_of(
        known.p_given.sum(),
        (1 - known.p_given).sum(),
        (p_right * is_given).sum(axis=0),
        (known.p_predicted * ~is_given).sum(axis=0),
        ((1 - p_right) * is_given).sum(axis=0),
    )


def accuracies_of(
    right: np.ndarray,
    wrong: np.ndarray,
    hits_on_right: np.ndarray,
    hits_on_wrong: np.ndarray,
    memorised: np.ndarray,
) -> Accuracies:
    """Return accuracies, from numbers of rows: (...) rows and (..., M) rows of each model."""
    right, wrong = np.asarray(right, np.float64), np.asarray(wrong, np.float64)
    total = (right + wrong)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return Accuracies(
            right=right,
            wrong=wrong,
            given=(hits_on_right + memorised) / total,
            corrected=(hits_on_right + hits_on_wrong) / total,
            on_right=hits_on_right / right[..., None],
            on_wrong=hits_on_wrong / wrong[..., None],
            memorised=memorised / wrong[..., None],
        )


def accuracy_at(error_share: float | np.ndarray, found: Accuracies) -> np.ndarray:
    """Return (..., M) expected accuracies once rows with right labels were taken out at random.

    With a share x of the R right rows gone and all E wrong ones kept, the accuracy on corrected
    labels is ((1 - x) R a_r + E a_e) / ((1 - x) R + E): linear in the error share
    n = E / ((1 - x) R + E), so that nothing has to be drawn.

    Args:
        error_share: n in [0, 1].
        found: the models' accuracies.

    Source: Northcutt, Athalye, Mueller 2021, Pervasive label errors in test sets destabilize
    machine learning benchmarks, for the question; the closed form follows from its definition.
    """
    if np.all(np.asarray(error_share) == 0):
        return found.on_right
    mixed: np.ndarray = (1 - error_share) * found.on_right + error_share * found.on_wrong
    return mixed


def removed_share(error_share: float, right: float, wrong: float) -> float:
    """Return the share of right rows to take out for errors to have a share; negative: to add.

    Args:
        error_share: in (0, 1].
        right: rows whose given label is right, more than 0.
        wrong: the other rows.
    """
    return float(1 - wrong * (1 - error_share) / (error_share * right))


def sweep_points(right: float, wrong: float) -> np.ndarray:
    """Return error shares in equal steps, from what there is to ``MOST_WRONG``.

    Empty where no row is wrong, or none is right; one point where more are wrong already.
    """
    if not right or not wrong:
        return np.empty(0)
    share = wrong / (right + wrong)
    return np.array([share]) if share >= MOST_WRONG else np.linspace(share, MOST_WRONG, _POINTS)


def crossing(found: Accuracies, one: int, other: int) -> np.ndarray:
    """Return (...) the error share at which two models are equal; NaN: none in (0, 1).

    Args:
        found: the models' accuracies, or many draws of them.
        one: place of a model.
        other: of the other.
    """
    on_right = found.on_right[..., one] - found.on_right[..., other]
    on_wrong = found.on_wrong[..., one] - found.on_wrong[..., other]
    with np.errstate(divide="ignore", invalid="ignore"):
        share: np.ndarray = np.asarray(on_right / (on_right - on_wrong))
    return np.where((share > 0) & (share < 1), share, np.nan)
