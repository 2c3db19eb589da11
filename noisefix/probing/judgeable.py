"""Which labels can be judged at all: where there is nothing to compare with, nothing is said.

A class whose rows all have (nearly) the same text is never seen by the model that judges them, one
of two texts hardly, and a row without text looks like every other such row. None of it is evidence
of a wrong label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.probability import Interval
from noisefix.probing.error_model import ErrorEstimate
from noisefix.probing.linear_probe import with_absent
from noisefix.tables.text_checks import says_something

LEAST_TEXTS = 3
"""Different texts that a class needs: one to be judged, two to judge it by.

Of two, one alone would vouch for the other: on clean banking77 and hwu64 a third to a half of such
rows were flagged. They are judged only where fewer than two classes have more.
"""


def written_rows(texts: Sequence[str]) -> np.ndarray:
    """Return (N,) bool: the text says something."""
    return np.fromiter(map(says_something, texts), bool, len(texts))


def judgeable_rows(given_labels: np.ndarray, groups: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Return (N,) bool: labelled rows with a text, of classes with enough different texts.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        groups: (N,) duplicate groups.
        written: (N,) bool, from ``written_rows``.
    """
    able = written & (given_labels != UNLABELLED)
    pairs = np.unique(np.stack([given_labels[able], groups[able]], axis=1), axis=0)
    size = int(given_labels.max(initial=0)) + 1
    n_groups = np.bincount(pairs[:, 0], minlength=size)
    least = LEAST_TEXTS if (n_groups >= LEAST_TEXTS).sum() > 1 else 2
    found: np.ndarray = able & (n_groups[given_labels] >= least)
    return found


@dataclass(frozen=True, eq=False)
class Scope:
    """The part of N rows and K classes in which labels are judged.

    Attributes:
        rows: (N,) bool: the label gets a verdict.
        written: (N,) bool: the row has a text.
        classes: (C,) ids of the classes compared, ascending.
        n_classes: K.
    """

    rows: np.ndarray
    written: np.ndarray
    classes: np.ndarray
    n_classes: int

    def labels(self, ids: np.ndarray) -> np.ndarray:
        """Return the given labels (N,) as places in ``classes``, -1 where there is no verdict."""
        place = np.full(self.n_classes + 1, UNLABELLED)  # the last one is for -1
        place[self.classes] = np.arange(len(self.classes))
        return np.where(self.rows, place[ids], UNLABELLED)

    def order(self, n_names: int) -> np.ndarray:
        """Return the ids 0..n_names-1, the classes compared first."""
        return np.concatenate([self.classes, np.setdiff1d(np.arange(n_names), self.classes)])

    def narrow(self, matrix: np.ndarray) -> np.ndarray:
        """Return the columns (N, C) of the classes compared."""
        return matrix if len(self.classes) == self.n_classes else matrix[:, self.classes]

    def widen(self, probs: np.ndarray) -> np.ndarray:
        """Return (N, K) probabilities: what is not compared is as rare as what was never seen."""
        if len(self.classes) == self.n_classes:
            return probs
        wide = np.zeros((len(probs), self.n_classes), dtype=probs.dtype)
        wide[:, self.classes] = probs
        return with_absent(wide, self._absent, int(self.rows.sum()))

    @property
    def _absent(self) -> np.ndarray:
        absent = np.ones(self.n_classes, dtype=bool)
        absent[self.classes] = False
        return absent

    def widen_estimate(
        self, estimate: ErrorEstimate, given_labels: np.ndarray, verified_labels: np.ndarray
    ) -> ErrorEstimate:
        """Add the rows without a verdict: each is as probably wrong as the average row.

        Args:
            estimate: of the rows and classes in the scope.
            given_labels: (N,) ids in 0..K-1, -1 = unlabelled.
            verified_labels: (N,) ids, -1 = not verified; what a person has verified is known of
                any row.
        """
        labelled = given_labels != UNLABELLED
        silent = labelled & ~self.rows
        if not silent.any() and self.written.all() and len(self.classes) == self.n_classes:
            return estimate
        known = verified_labels != UNLABELLED
        rate = estimate.noise_rate.value
        p_error = np.where(silent, rate, estimate.p_error)
        p_error[silent & known] = (verified_labels != given_labels)[silent & known]
        probs = self._widen_true(estimate.true_label_probs, given_labels, p_error)
        settled = known & (verified_labels < self.n_classes)
        probs[settled] = 0
        probs[settled, verified_labels[settled]] = 1
        rates = dict(zip(self.classes.tolist(), estimate.class_noise_rates, strict=True))
        for k in np.unique(given_labels[silent]).tolist():
            if k not in rates or not (self.rows & (given_labels == k)).any():
                value = float(p_error[given_labels == k].mean())
                is_known = known[given_labels == k].all()
                rates[k] = Interval(value, *(value, value) if is_known else (0.0, 1.0))
        for k in range(self.n_classes):  # a class that no row was given
            rates.setdefault(k, Interval(0.0, 0.0, 1.0))
        overall, sampled = float(p_error[labelled].mean()), estimate.noise_rate
        return replace(
            estimate,
            p_error=p_error,
            noise_rate=Interval(overall, min(sampled.low, overall), max(sampled.high, overall)),
            true_label_probs=probs,
            class_noise_rates=tuple(rates[k] for k in range(self.n_classes)),
            true_shares=probs[labelled].mean(axis=0, dtype=np.float64),
        )

    def _widen_true(
        self, narrow: np.ndarray, given_labels: np.ndarray, p_error: np.ndarray
    ) -> np.ndarray:
        """Return (N, K): 1 - p_error at the given label, the rest shared out among the others."""
        wide = self.widen(narrow)
        wide = wide.copy() if wide is narrow else wide
        wide[~self.written] = 1 / self.n_classes  # no text: any class is as good as another
        for block in row_blocks(*wide.shape):
            part, given = wide[block], given_labels[block]
            rows = np.flatnonzero(given != UNLABELLED)
            labels, p_wrong = given[rows], p_error[block][rows].astype(part.dtype)
            part[rows, labels] = 0
            others = part[rows].sum(axis=1)
            part[rows] *= (p_wrong / np.where(others > 0, others, 1))[:, None]
            part[rows, labels] = 1 - p_wrong
        return wide


def check_comparable(given_labels: np.ndarray, texts: Sequence[str], n_classes: int) -> None:
    """Check before any work that there are two classes with several texts each.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        texts: (N,) texts.
        n_classes: K.

    Raises:
        DataError: as ``find_scope``, for texts that are the same to the letter.
    """
    number = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    same = np.fromiter((number[text] for text in texts), np.int64, len(texts))
    find_scope(given_labels, same, written_rows(texts), n_classes)


def find_scope(
    given_labels: np.ndarray,
    groups: np.ndarray,
    written: np.ndarray,
    n_classes: int,
    *,
    every_class: bool = False,
) -> Scope:
    """Find which rows and classes can be judged.

    Args:
        given_labels: (N,) class ids, -1 = unlabelled.
        groups: (N,) duplicate groups.
        written: (N,) bool, from ``written_rows``.
        n_classes: K.
        every_class: compare with the others too: the probabilities are the user's own.

    Raises:
        DataError: fewer than two classes are left.
    """
    rows = judgeable_rows(given_labels, groups, written)
    classes = np.unique(given_labels[rows])
    if len(classes) < 2:
        n_texts = int((written & (given_labels != UNLABELLED)).sum())
        raise DataError(
            f"there is nothing to compare: {len(classes)} of {n_classes} classes "
            f"{'has' if len(classes) == 1 else 'have'} two different texts or more, and "
            f"{n_texts:,} labelled rows have a text",
            "a label is judged by other rows of its class and of others: give two classes with "
            "several rows each; are these the right text and label columns?",
        )
    return Scope(rows, written, np.arange(n_classes) if every_class else classes, n_classes)
