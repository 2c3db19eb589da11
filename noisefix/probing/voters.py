"""Several annotators of the same rows: who is listened to, and how each of them errs.

An annotator is a column of answers, or a person in a list of answers; it may say nothing of a row.
``voted`` makes one posterior of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.metrics.labeller import kappa_of
from noisefix.probability import Interval

MIN_KAPPA = 0.2
"""Least agreement with detect's own posterior, beyond chance, of an annotator that is listened to.

Measured (``tests/benchmarks/label_columns.py``): annotators below it, right in 16 to 40 % of the
rows, take a model of all annotators down with them.
"""

MIN_ANSWERS = 10
"""Of fewer answers it cannot be told how good they are."""

SAME = 0.99
"""Two annotators that agree in more of their common rows are one: a copy is no second witness."""

LEAST_OF_NEW = 3
"""Rows to which an annotator must give a label that no row was given, for it to be a class."""

_MOST_COMPARED = 200
"""Copies are looked for among so many annotators with the most answers."""


@dataclass(frozen=True, eq=False)
class Voter:
    """One annotator.

    Attributes:
        name: unique.
        rows: (R,) the rows of which it says something, ascending.
        labels: (R,) class ids, what it says.
    """

    name: str
    rows: np.ndarray
    labels: np.ndarray

    def said(self, n_rows: int) -> np.ndarray:
        """Return (N,) class ids, -1 where it says nothing."""
        labels = np.full(n_rows, UNLABELLED, dtype=np.int64)
        labels[self.rows] = self.labels
        return labels


@dataclass(frozen=True)
class Screened:
    """Whether an annotator is listened to.

    Attributes:
        kappa: agreement with detect's posterior beyond chance, with its 90 % interval; NaN where
            nothing can be said.
        is_used: it is.
        why_not: in words; "" where it is used.
    """

    kappa: Interval
    is_used: bool
    why_not: str


def screen(
    voters: Sequence[Voter], given_labels: np.ndarray, anchor: np.ndarray
) -> tuple[Screened, ...]:
    """Choose the annotators that agree with detect's posterior better than chance.

    The rule is this project's own. Without it a label model (Dawid and Skene 1979) is right where
    most annotators are, and falls with them where they are not.

    Args:
        voters: the annotators; their order does not matter.
        given_labels: (N,) class ids, -1 = unlabelled: the first annotator, always listened to.
        anchor: (N, K) detect's P(true label).

    Returns:
        One judgement for each, in their order.
    """
    likely, n_classes = anchor.argmax(axis=1), anchor.shape[1]
    copies = _copies(voters, given_labels)
    found = []
    for place, voter in enumerate(voters):
        counts = np.zeros((n_classes, n_classes), dtype=np.int64)
        np.add.at(counts, (likely[voter.rows], voter.labels), 1)
        kappa = kappa_of(counts)
        why = _why_not(voter, kappa, copies.get(place))
        found.append(Screened(kappa, not why, why))
    return tuple(found)


def _why_not(voter: Voter, kappa: Interval, copy_of: str | None) -> str:
    if len(voter.rows) < MIN_ANSWERS:
        return f"fewer than {MIN_ANSWERS} answers that are classes"
    if copy_of is not None:
        return f"the same as {copy_of} in more than {100 * SAME:.0f} % of the rows"
    if not kappa.value >= MIN_KAPPA:
        return f"hardly agrees beyond chance (kappa below {MIN_KAPPA:g})"
    if kappa.low <= 0:
        return "too few answers to tell it from chance"
    return ""


def _copies(voters: Sequence[Voter], given_labels: np.ndarray) -> dict[int, str]:
    """Return of whom an annotator is a copy; of two the one with fewer answers is."""
    n_rows = len(given_labels)
    by_size = sorted(
        range(len(voters)), key=lambda place: (-len(voters[place].rows), voters[place].name)
    )
    originals = [("the given label", given_labels)]
    found: dict[int, str] = {}
    for place in by_size[:_MOST_COMPARED]:
        voter = voters[place]
        original = next(
            (
                name
                for name, labels in originals
                if _share_equal(labels[voter.rows], voter.labels) > SAME
            ),
            None,
        )
        if original is None:
            originals.append((voter.name, voter.said(n_rows)))
        else:
            found[place] = original
    return found


def _share_equal(one: np.ndarray, other: np.ndarray) -> float:
    both = one != UNLABELLED
    if both.sum() < MIN_ANSWERS:
        return 0.0
    return float((one == other)[both].mean())


def without_lone_classes(voters: Sequence[Voter], new_classes: Sequence[int]) -> list[Voter]:
    """Return the annotators without answers of a class that only one of them gives.

    Detect's posterior knows nothing of such a class: nobody could contradict that annotator.

    Args:
        voters: those that are listened to.
        new_classes: ids of classes that no row was given.
    """
    givers = {
        label: sum(int((voter.labels == label).sum() >= LEAST_OF_NEW) for voter in voters)
        for label in new_classes
    }
    lone = [label for label, count in givers.items() if count < 2]
    return [_without(voter, lone) for voter in voters]


def _without(voter: Voter, labels: Sequence[int]) -> Voter:
    keep = ~np.isin(voter.labels, labels)
    return voter if keep.all() else Voter(voter.name, voter.rows[keep], voter.labels[keep])


def confusion_of(posterior: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (K, K) P(annotator says l | true class k); rows sum to 1.

    Expected counts, plus one of each, plus two on the diagonal: who says little is taken to be
    right rather than wrong (the smoothing is this project's own).

    Args:
        posterior: (N, K) P(true label).
        rows: (R,) rows that it answered.
        labels: (R,) class ids, what it says.

    Source: Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
    Algorithm", Applied Statistics 28, 1979, equation 2.3.
    """
    n_classes = posterior.shape[1]
    counts = expected_counts(posterior, rows, labels) + 1 + 2 * np.eye(n_classes)
    confusion: np.ndarray = counts / counts.sum(axis=1, keepdims=True)
    return confusion


def expected_counts(posterior: np.ndarray, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (K, K) expected counts, [true, said]; args as for ``confusion_of``."""
    counts = np.zeros((posterior.shape[1], posterior.shape[1]))  # [said, true]
    np.add.at(counts, labels, posterior[rows])
    return counts.T
