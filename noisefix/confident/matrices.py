"""Noise matrices from the joint, and the two ways round of writing them, converted by name."""

from __future__ import annotations

import numpy as np

from noisefix.errors import DataError

HIGHEST_NOISE_RATE = 0.9999
"""Off-diagonal rates are cut to this and the column rescaled, as in cleanlab."""


def noise_matrix(joint: np.ndarray) -> np.ndarray:
    """Estimate P(given | true).

    Args:
        joint: (K, K) calibrated counts or probabilities, [given, true].

    Returns:
        (K, K) float64, [given, true]: *columns* sum to 1; the column of a class that no row seems
        to belong to is 0. The literature's transition matrix is ``transition_matrix`` of this.

    Raises:
        DataError: not a square of non-negative numbers.
    """
    return _conditional(check_square(joint))


def inverse_noise_matrix(joint: np.ndarray) -> np.ndarray:
    """Estimate P(true | given).

    Args:
        joint: (K, K) calibrated counts or probabilities, [given, true].

    Returns:
        (K, K) float64, [true, given]: *columns* sum to 1; the column of a class without rows is 0.

    Raises:
        DataError: not a square of non-negative numbers.
    """
    return _conditional(check_square(joint).T)


def transition_matrix(noise_matrix: np.ndarray) -> np.ndarray:
    """Turn P(given | true) from [given, true] into the literature's [true, given].

    Args:
        noise_matrix: (K, K), columns sum to 1 (or 0 for a class without rows).

    Returns:
        (K, K) float64, *rows* sum to 1.

    Raises:
        DataError: columns do not sum to 1; a transition matrix given by mistake, for instance.
    """
    matrix = check_square(noise_matrix)
    _check_sums(matrix.sum(axis=0), "noise matrix", "column")
    return np.array(matrix.T, dtype=np.float64, order="C")


def noise_matrix_from_transition(transition: np.ndarray) -> np.ndarray:
    """Turn P(given | true) from the literature's [true, given] into [given, true].

    The other way round of ``transition_matrix``, with shapes as there.

    Raises:
        DataError: rows do not sum to 1; a noise matrix given by mistake, for instance.
    """
    matrix = check_square(transition)
    _check_sums(matrix.sum(axis=1), "transition matrix", "row")
    return np.array(matrix.T, dtype=np.float64, order="C")


def check_square(matrix: np.ndarray) -> np.ndarray:
    """Check that a matrix of class pairs is a square of non-negative numbers.

    Raises:
        DataError: it is not.
    """
    square = np.asarray(matrix)
    if square.ndim != 2 or square.shape[0] != square.shape[1]:
        raise DataError(f"expected one row and one column a class, not shape {square.shape}")
    if not (square >= 0).all():
        raise DataError("counts and probabilities of class pairs cannot be negative or missing")
    return square


def _conditional(joint: np.ndarray) -> np.ndarray:
    totals = joint.sum(axis=0)
    rates = joint / np.where(totals > 0, totals, 1)
    diagonal = rates.diagonal().copy()
    rates = np.minimum(rates, HIGHEST_NOISE_RATE)
    np.fill_diagonal(rates, diagonal)
    totals = rates.sum(axis=0)
    scaled: np.ndarray = rates / np.where(totals > 0, totals, 1)
    return scaled


def _check_sums(sums: np.ndarray, name: str, axis: str) -> None:
    bad = (np.abs(sums - 1) > 1e-6) & (np.abs(sums) > 1e-6)
    if bad.any():
        k = int(np.argmax(bad))
        raise DataError(
            f"{axis} {k + 1} of the {name} sums to {float(sums[k]):g}, not 1",
            "a noise matrix is [given, true], a transition matrix [true, given]",
        )
