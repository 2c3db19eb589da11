"""How good each annotator is, as far as it can be told without the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.metrics.labeller import kappa_of
from noisefix.probability import Z_90, Interval, log_odds, share_interval, sigmoid
from noisefix.probing.agreement import count_answers, plurality
from noisefix.probing.voted import Voted
from noisefix.probing.voters import Voter, expected_counts

ACCURACY_SD = 0.6
"""Spread of an estimated accuracy around the true one between data sets, in log-odds, as measured
(``tests/benchmarks/label_columns.py``): no number of rows makes it smaller."""

MOST_PAIRED = 50
"""Pairs are looked at among so many annotators with the most answers."""

_LEAST_COMMON = 10


def estimated_accuracy(posterior: np.ndarray, voter: Voter) -> Interval:
    """Return the expected share of right answers, with a 90 % interval.

    The interval covers the sampling of the rows (Wilson 1927) and, wider, how far the posterior may
    lie from the truth.

    Args:
        posterior: (N, K) P(true label), calibrated.
        voter: one annotator.
    """
    n_rows = len(voter.rows)
    if not n_rows:
        return Interval(*[float("nan")] * 3)
    value = float(posterior[voter.rows, voter.labels].mean())
    low, high = share_interval(round(value * n_rows), n_rows, Z_90)
    odds, ends = log_odds(np.array([value])), log_odds(np.array([low, high]))
    half = np.sqrt((ends - odds) ** 2 + (Z_90 * ACCURACY_SD) ** 2)
    return Interval(value, float(sigmoid(odds[0] - half[0])), float(sigmoid(odds[0] + half[1])))


def accuracy_by_agreement(voters: Sequence[Voter], n_rows: int, n_classes: int) -> np.ndarray:
    """Return (M,) each annotator's accuracy from how often pairs agree, without any posterior.

    Of three annotators whose errors have nothing to do with each other, and fall on all other
    classes alike, the chance-corrected agreements are products of the chance-corrected accuracies
    m = (K a - 1) / (K - 1): m_a = sqrt(m_ab m_ac / m_bc). The median over all pairs of others.
    NaN where fewer than three annotators share rows, or no triple fits. Annotators that err
    together look better here than they are.

    Source: the method of moments of Fu et al., "Fast and Three-rious: Speeding Up Weak Supervision
    with Triplet Methods", ICML 2020, section 3; for two classes E[(2V1-1)(2V2-1)] =
    (2a1-1)(2a2-1).
    """
    said = [voter.said(n_rows) for voter in voters]
    n_voters = len(said)
    agreement = np.full((n_voters, n_voters), np.nan)
    for a, b in combinations(range(n_voters), 2):
        both = (said[a] != UNLABELLED) & (said[b] != UNLABELLED)
        if both.sum() >= _LEAST_COMMON:
            share = float((said[a] == said[b])[both].mean())
            agreement[a, b] = agreement[b, a] = (n_classes * share - 1) / (n_classes - 1)
    found = np.full(n_voters, np.nan)
    for a in range(n_voters):
        squares = [
            agreement[a, b] * agreement[a, c] / agreement[b, c]
            for b, c in combinations([other for other in range(n_voters) if other != a], 2)
            if agreement[b, c] > 0 and agreement[a, b] > 0 and agreement[a, c] > 0
        ]
        if squares:
            margin = min(float(np.sqrt(np.median(squares))), 1.0)
            found[a] = (margin * (n_classes - 1) + 1) / n_classes
    return found


def kappa_with_the_rest(voters: Sequence[Voter], place: int, counts: np.ndarray) -> float:
    """Return Cohen's kappa of an annotator and what most of the others say; NaN where none do.

    Args:
        voters: all annotators, the given labels among them.
        place: which one.
        counts: (N, K) all their answers, see ``count_answers``.
    """
    voter, n_classes = voters[place], counts.shape[1]
    others = counts - count_answers([voter], *counts.shape)
    rest = plurality(others)[voter.rows]
    both = rest != UNLABELLED
    if not both.any():
        return float("nan")
    return pair_kappa(rest[both], voter.labels[both], n_classes)


def pair_kappa(one: np.ndarray, other: np.ndarray, n_classes: int) -> float:
    """Return Cohen's kappa of two annotators of the same rows; NaN where they share too few.

    Args:
        one: (N,) class ids, -1 where it says nothing.
        other: (N,) the same.
        n_classes: K.
    """
    both = (one != UNLABELLED) & (other != UNLABELLED)
    if both.sum() < _LEAST_COMMON:
        return float("nan")
    table = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(table, (one[both], other[both]), 1)
    return kappa_of(table).value


def error_correlation(one: np.ndarray, other: np.ndarray, likely: np.ndarray) -> float:
    """Return how far two annotators err in the same rows: the phi coefficient of their errors.

    0 where the errors have nothing to do with each other, 1 where the same rows are wrong. It hangs
    on what is held to be right, the most probable label: errors that all share are not seen. NaN
    where they share too few rows, or one of them never, or always, errs.

    Args:
        one: (N,) class ids, -1 where it says nothing.
        other: (N,) the same; or a view's most probable label.
        likely: (N,) the most probable true label.
    """
    both = (one != UNLABELLED) & (other != UNLABELLED)
    if both.sum() < _LEAST_COMMON:
        return float("nan")
    errors = np.stack([(one != likely)[both], (other != likely)[both]]).astype(np.float64)
    spread = errors.std(axis=1)
    if not spread.all():
        return float("nan")
    centred = errors - errors.mean(axis=1, keepdims=True)
    return float((centred[0] * centred[1]).mean() / (spread[0] * spread[1]))


def share_decided(voted: Voted, voter: Voter, confusion: np.ndarray) -> float:
    """Return the share of its rows whose most probable label would be another without it.

    Args:
        voted: what all annotators come to.
        voter: one that was listened to.
        confusion: (K, K) its confusion matrix.
    """
    if not len(voter.rows):
        return 0.0
    logits = np.log(np.maximum(voted.sharp[voter.rows], 1e-12))
    without = logits - np.log(confusion).T[voter.labels]
    return float((without.argmax(axis=1) != logits.argmax(axis=1)).mean())


@dataclass(frozen=True, eq=False)
class VoterQuality:
    """What is known of one annotator.

    Attributes:
        accuracy: estimated share of right answers.
        by_agreement: the same from agreements alone; NaN where they do not tell.
        kappa: agreement with what most of the others say, beyond chance.
        decides: share of its rows whose label hangs on it; 0 where it was not listened to.
        confusion: (K, K) expected counts, [true, said].
    """

    accuracy: Interval
    by_agreement: float
    kappa: float
    decides: float
    confusion: np.ndarray


def judge_voters(
    voters: Sequence[Voter],
    used: Sequence[int],
    given_labels: np.ndarray,
    voted: Voted,
    *,
    given_counts: bool = True,
) -> tuple[VoterQuality, ...]:
    """Return what is known of each annotator, in their order.

    Args:
        voters: all annotators.
        used: places of those that were listened to, in the order of ``voted.confusions``.
        given_labels: (N,) class ids, -1 = unlabelled.
        voted: what they come to.
        given_counts: the given labels are an annotator of their own.
    """
    n_rows, n_classes = voted.posterior.shape
    labelled = np.flatnonzero(given_labels != UNLABELLED)
    given = [Voter("", labelled, given_labels[labelled])] if given_counts else []
    everyone = [*voters, *given]
    counts = count_answers(everyone, n_rows, n_classes)
    by_size = sorted(range(len(voters)), key=lambda place: -len(voters[place].rows))
    heard = sorted(by_size[:MOST_PAIRED])
    by_agreement = dict(
        zip(
            heard,
            accuracy_by_agreement([voters[place] for place in heard], n_rows, n_classes),
            strict=True,
        )
    )
    confusions = dict(zip(used, voted.confusions, strict=True))
    return tuple(
        VoterQuality(
            accuracy=estimated_accuracy(voted.posterior, voter),
            by_agreement=float(by_agreement.get(place, np.nan)),
            kappa=kappa_with_the_rest(everyone, place, counts),
            decides=(
                share_decided(voted, voter, confusions[place]) if place in confusions else 0.0
            ),
            confusion=expected_counts(voted.posterior, voter.rows, voter.labels),
        )
        for place, voter in enumerate(voters)
    )
