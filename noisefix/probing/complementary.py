"""What a "not this one" tells: a label that somebody ruled out, as evidence for all others.

Two kinds. A person who decides is final: what they rule out is impossible (``error`` 0). Anybody
else may be wrong, so that nothing they rule out becomes impossible.

Source: Yu et al., Learning with Biased Complementary Labels, ECCV 2018, for the matrix of
P(named | true), its zero diagonal, and the forward correction; Wang et al. 2023, CLImage, for
complementary labels as people really give them: some are wrong. Decision: what is wrong in
``error`` of the cases is one answer to one label ("is it this one?"), not the share of all answers
that name the right label. With many classes the two are far apart: by the latter reading, with 77
classes and 4 %, being ruled out would speak *for* a label (.04 against .96 / 76).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED

ERROR = 0.04
"""How often somebody who is not final rules out a label that is right; a guess."""

LEAST_VERIFIED = 50
"""Answers about verified rows from which the matrix is estimated."""

_SHARE_STRENGTH = 25.0  # pseudo-answers behind the share that names the right label


@dataclass(frozen=True, eq=False)
class Rejections:
    """Labels ruled out: A answers about N rows.

    Attributes:
        rows: (A,) rows; one may stand several times.
        labels: (A,) class ids ruled out.
        matrix: (K, K) P(ruled out | true), [true, ruled out]; rows sum to 1.
    """

    rows: np.ndarray
    labels: np.ndarray
    matrix: np.ndarray

    def weigh(self, probs: np.ndarray) -> np.ndarray:
        """Multiply each row's probabilities by P(ruled out | true), in place.

        Rows in which no class is left (all were ruled out for certain) stay as they are.

        Args:
            probs: (N, K) P(true label) before; rows sum to 1.

        Returns:
            (R,) the rows that changed.
        """
        touched, place = np.unique(self.rows, return_inverse=True)
        logs = np.zeros((len(touched), probs.shape[1]))
        with np.errstate(divide="ignore"):
            np.add.at(logs, place, np.log(self.matrix[:, self.labels].T))
            logs += np.log(probs[touched].astype(np.float64))
        top = logs.max(axis=1, initial=-np.inf)
        possible = np.isfinite(top)
        weighed = np.exp(logs[possible] - top[possible, None])
        probs[touched[possible]] = weighed / weighed.sum(axis=1, keepdims=True)
        changed: np.ndarray = touched[possible]
        return changed


def complementary_matrix(
    n_classes: int, error: float = ERROR, counts: np.ndarray | None = None
) -> np.ndarray:
    """Return P(ruled out | true), (K, K), [true, ruled out]: Q' = (1 - s) Q + s I.

    Q has a zero diagonal: uniform, or as often as the verified rows say; s is the share of answers
    that rule out the right label.

    Args:
        n_classes: K, at least 2.
        error: how often a label that is right is ruled out, in [0, 1); s follows from it: by one
            answer the odds of a label fall to ``error / (1 - error)`` of what they were.
        counts: (K, K) answers about verified rows, [true, ruled out]; where there are at least
            ``LEAST_VERIFIED`` they estimate Q and s, drawn to what there was without them.
    """
    share = error / (error + (1 - error) * (n_classes - 1))
    others = np.ones((n_classes, n_classes)) - np.eye(n_classes)
    if counts is not None and counts.sum() >= LEAST_VERIFIED:
        wrong, total = float(np.trace(counts)), float(counts.sum())
        share = (wrong + _SHARE_STRENGTH * share) / (total + _SHARE_STRENGTH)
        others = others + counts * others
    uneven = others / others.sum(axis=1, keepdims=True)
    matrix: np.ndarray = (1 - share) * uneven + share * np.eye(n_classes)
    return matrix


def count_answers(rows: np.ndarray, labels: np.ndarray, verified: np.ndarray, n: int) -> np.ndarray:
    """Return (K, K) how often each label was ruled out in rows of each verified label.

    Args:
        rows: (A,) rows.
        labels: (A,) class ids ruled out.
        verified: (N,) class ids, -1 = not verified.
        n: K.
    """
    true = verified[rows]
    known = (true != UNLABELLED) & (true < n)
    counts = np.zeros((n, n))
    np.add.at(counts, (true[known], labels[known]), 1)
    return counts


def answers_worth_a_label(n_classes: int, error: float = 0.0) -> float:
    """Return how many "not" answers about labels drawn at random tell as much as one label.

    Both in bits about a label of which nothing is known: log K for a label, and for an answer
    log(K / (K - 1)) where it is never wrong, less where it may be.

    Args:
        n_classes: K, at least 2.
        error: as in ``complementary_matrix``.
    """
    share = error / (error + (1 - error) * (n_classes - 1))
    told = math.log(n_classes) + (1 - share) * math.log((1 - share) / (n_classes - 1))
    told += share * math.log(share) if share else 0.0
    return math.log(n_classes) / told
