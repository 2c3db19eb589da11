"""One posterior of several annotators, anchored at detect's.

A label model after Dawid and Skene (1979), one confusion matrix an annotator. What is this
project's own: it starts from detect's posterior instead of the vote, so that most annotators may be
wrong; annotators that do not agree with that posterior are left out (``voters.screen``); a
classifier of the texts, trained on what all of them come to, is asked as well; and the result is
made as sure as detect is of the same labels, because annotators that err together make the product
far too sure. The idea of a label model over columns that a user already owns is data programming
(Ratner et al. 2016; DP-SSL, NeurIPS 2021), whose own model is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import softmax
from noisefix.probing.voters import Voter, confusion_of
from noisefix.threads import one_blas_thread

VOUCHED = 0.9
"""A label that the annotators together make so probable may be changed without asking anybody."""

_FLOOR = 1e-4
_STEPS, _ROUNDS = 2, 3
_GIVEN_WEIGHT = 0.5
"""The anchor, of which the square root counts, has heard the given label: it says half of it."""

_FEW, _PART_OF_FEW, _PART_OF_MANY = 3, 0.5, 0.3
"""What detect's own posterior keeps of the result, beside few annotators and beside more.

Few annotators often err like the given labels, as other prompts of one model do: where all they say
counted in full, the ranking by p_error fell by up to .2 of average precision.
"""

_LEAST_TRUSTED = 30
_LEAST_INVERSE = 0.05
_HALVINGS = 40

Probe = Callable[[np.ndarray], np.ndarray]
"""From (N,) class ids to (N, K) probabilities of models that have not seen the row."""


@dataclass(frozen=True, eq=False)
class Voted:
    """What annotators and detect come to; N rows, K classes.

    Attributes:
        posterior: (N, K) P(true label), calibrated; detect's own where no annotator says anything.
        sharp: (N, K) the product of all that was said, before it was calibrated.
        is_voted: (N,) bool: an annotator that is listened to says something.
        is_vouched: (N,) bool: another label than the given one has at least ``VOUCHED`` of
            ``sharp``, and two annotators say it.
        confusions: (K, K) of each annotator listened to, P(says l | true class k).
        inverse_temperature: what the logarithm of ``sharp`` was multiplied with, in (0, 1].
    """

    posterior: np.ndarray
    sharp: np.ndarray
    is_voted: np.ndarray
    is_vouched: np.ndarray
    confusions: tuple[np.ndarray, ...]
    inverse_temperature: float


@one_blas_thread()
def combine(
    anchor: np.ndarray,
    given_labels: np.ndarray,
    voters: Sequence[Voter],
    probe: Probe,
    *,
    known_labels: np.ndarray | None = None,
    new_classes: Sequence[int] = (),
    given_counts: bool = True,
) -> Voted:
    """Make one posterior of detect's and of what annotators say.

    Args:
        anchor: (N, K) detect's P(true label); rows sum to 1.
        given_labels: (N,) class ids, -1 = unlabelled.
        voters: the annotators listened to; their order does not matter.
        probe: see ``Probe``.
        known_labels: (N,) class ids that a person has verified, -1 = not verified: final.
        new_classes: ids of classes that only annotators give, of which the anchor knows nothing.
        given_counts: the given labels are an annotator of their own; False where they are what
            the annotators say most.

    Returns:
        The anchor itself where there is no annotator.
    """
    known = np.full(len(anchor), UNLABELLED) if known_labels is None else known_labels
    is_voted = np.zeros(len(anchor), dtype=bool)
    for voter in voters:
        is_voted[voter.rows] = True
    if not is_voted.any():
        nobody = np.zeros(len(anchor), dtype=bool)
        return Voted(anchor, anchor, is_voted, nobody, (), 1.0)
    ordered = sorted(voters, key=lambda voter: voter.name)
    model = _Model(
        _start(anchor, ordered, new_classes), given_labels, ordered, is_voted, known, given_counts
    )
    sharp = model.fit(probe)
    confusions = {voter.name: confusion_of(sharp, voter.rows, voter.labels) for voter in ordered}
    free = model.unpinned
    inverse = _inverse_temperature(free, model.anchor, is_voted, known)
    posterior = _calibrated(free, model.anchor, inverse, len(voters))
    is_vouched = model.vouched(given_labels)
    posterior[is_vouched] = softmax(inverse * _log(free[is_vouched]))
    posterior[~is_voted] = anchor[~is_voted]
    _pin(posterior, known)
    return Voted(
        posterior,
        sharp,
        is_voted,
        is_vouched,
        tuple(confusions[voter.name] for voter in voters),
        inverse,
    )


class _Model:
    """The annotators' confusion matrices and the rows' posterior, each made of the other."""

    def __init__(
        self,
        anchor: np.ndarray,
        given_labels: np.ndarray,
        voters: Sequence[Voter],
        is_voted: np.ndarray,
        known: np.ndarray,
        given_counts: bool,
    ) -> None:
        self.anchor = anchor
        self.unpinned = anchor
        self._voters, self._is_voted, self._known = voters, is_voted, known
        labelled = np.flatnonzero(is_voted & (given_labels != UNLABELLED))
        self._given = Voter("", labelled, given_labels[labelled]) if given_counts else None

    def fit(self, probe: Probe) -> np.ndarray:
        """Return (N, K) the posterior, and keep it as it is without a person's word."""
        log_anchor = np.log(self.anchor)
        q = self._update(log_anchor, self.anchor, with_given=False)
        for _ in range(_STEPS):
            from_text = probe(q.argmax(axis=1))
            mixed = (from_text + q.mean(axis=0)) / 2
            prior = (log_anchor + _log(mixed)) / 2
            for _ in range(_ROUNDS):
                q = self._update(prior, q, with_given=True)
        return q

    def vouched(self, given_labels: np.ndarray) -> np.ndarray:
        """Return (N,) bool: another label is sure enough, and two annotators say it.

        A single one has overruled right labels, also where the texts spoke for it: a model of the
        texts is no witness beside the classifier of the texts.
        """
        top = self.unpinned.argmax(axis=1)
        said = np.zeros(len(top), dtype=np.int64)
        for voter in self._voters:
            said += voter.said(len(top)) == top
        is_sure = self._is_voted & (self.unpinned.max(axis=1) >= VOUCHED) & (said >= 2)
        is_open = (self._known == UNLABELLED) & (given_labels != UNLABELLED)
        vouched: np.ndarray = is_sure & is_open & (top != given_labels)
        return vouched

    def _update(self, prior: np.ndarray, q: np.ndarray, *, with_given: bool) -> np.ndarray:
        logits = prior.copy()
        for voter in self._voters:
            _hear(logits, q, voter, 1.0)
        if with_given and self._given is not None:
            _hear(logits, q, self._given, _GIVEN_WEIGHT)
        new = softmax(logits)
        new[~self._is_voted] = self.anchor[~self._is_voted]
        self.unpinned = new.copy()
        _pin(new, self._known)
        return new


def _hear(logits: np.ndarray, q: np.ndarray, voter: Voter, weight: float) -> None:
    confusion = confusion_of(q, voter.rows, voter.labels)
    logits[voter.rows] += weight * np.log(confusion).T[voter.labels]


def _start(anchor: np.ndarray, voters: Sequence[Voter], new_classes: Sequence[int]) -> np.ndarray:
    """Return the anchor, clipped; of a class that it does not know the vote's share is taken.

    One annotator alone brings no class into a row.
    """
    start = np.maximum(anchor.astype(np.float64), _FLOOR)
    start /= start.sum(axis=1, keepdims=True)
    if not len(new_classes):
        return start
    said, answers = np.zeros_like(start), np.zeros(len(start))
    for voter in voters:
        said[voter.rows, voter.labels] += 1
        answers[voter.rows] += 1
    more_than_one = np.maximum(said[:, list(new_classes)] - 1, 0)
    shares = more_than_one / np.maximum(answers, 1)[:, None]
    start *= (1 - shares.sum(axis=1))[:, None]
    start[:, list(new_classes)] += shares
    start = np.maximum(start, _FLOOR)
    clipped: np.ndarray = start / start.sum(axis=1, keepdims=True)
    return clipped


def _inverse_temperature(
    sharp: np.ndarray, anchor: np.ndarray, is_voted: np.ndarray, known: np.ndarray
) -> float:
    """Return what makes the posterior as sure, on average, as it should be.

    With enough verified rows that is what makes them most probable. Without, the mean of its
    largest probability shall be what detect itself gives these labels: annotators tell *which*
    label is wrong, but where they err together not how many are. (Two random halves of the
    annotators agree far more often than either is right, by .3 on average: no measure of it.)
    """
    trusted = np.flatnonzero(is_voted & (known != UNLABELLED))
    if len(trusted) >= _LEAST_TRUSTED:
        steps = np.geomspace(_LEAST_INVERSE, 1, _HALVINGS)
        losses = [
            -np.log(softmax(step * _log(sharp[trusted]))[np.arange(len(trusted)), known[trusted]])
            .clip(-50)
            .mean()
            for step in steps
        ]
        return float(steps[int(np.argmin(losses))])
    rows = np.flatnonzero(is_voted & (known == UNLABELLED))
    if not len(rows):
        return 1.0
    logits = _log(sharp[rows])
    target = float(anchor[rows, logits.argmax(axis=1)].mean())
    low, high = np.log(_LEAST_INVERSE), 0.0
    if softmax(logits).max(axis=1).mean() <= target:
        return 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if softmax(np.exp(middle) * logits).max(axis=1).mean() > target:
            high = middle
        else:
            low = middle
    return float(np.exp(low))


def _calibrated(sharp: np.ndarray, anchor: np.ndarray, inverse: float, n_voters: int) -> np.ndarray:
    part = _PART_OF_FEW if n_voters <= _FEW else _PART_OF_MANY
    mixed: np.ndarray = (1 - part) * softmax(inverse * _log(sharp)) + part * anchor
    return mixed


def _pin(posterior: np.ndarray, known: np.ndarray) -> None:
    rows = np.flatnonzero(known != UNLABELLED)
    posterior[rows] = 0
    posterior[rows, known[rows]] = 1


def _log(probs: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.maximum(probs, 1e-12))
    return logs
