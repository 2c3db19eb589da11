"""What NoiseAL's annotator says, and what is then believed of the true labels."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from noisefix.annotators.weighing import weigh
from noisefix.labels import UNLABELLED
from noisefix.training.interface import TrainingData


class Annotate(Protocol):
    """Asks an annotator: an LLM, a column for replay, a person."""

    def __call__(self, rows: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """Return (A,) class ids for A rows, or one of the codes of ``weighing``, or ``NOT_ASKED``.

        A row that nobody was asked about, for want of money say, may be asked about later. Where
        not every class is offered, a method ``offered`` from the rows asked to (N, K) bool says
        which are: an answer among few is often right by chance.

        Args:
            rows: (A,) places in the training data, most suspicious first.
            clean: (R,) rows of R: what may be shown as examples.
        """
        ...


def believe(
    data: TrainingData,
    average: np.ndarray,
    answers: np.ndarray,
    trust: float,
    own: np.ndarray | None = None,
    pools: np.ndarray | None = None,
) -> np.ndarray:
    """Return (N, K) what is believed of the true labels, the answers so far weighed in.

    With the detect stage's estimates the answers are weighed as ``relabel`` weighs them: how good
    the annotator is, is learned from its answers, and one that is worse than the labels is not
    followed. Without estimates it is taken to be right with probability ``trust``.

    Args:
        data: the training rows.
        average: (N, K) what the models hold.
        answers: (N,) class ids, or a code of ``weighing``.
        trust: probability of a right answer, without estimates.
        own: (N,) bool: answers that were asked for, not taken over from a near-duplicate.
        pools: (N, K) bool: the labels offered for each row; None: all of them.
    """
    if data.true_label_probs is None or data.p_error is None:
        believed = average.copy()
        answered = np.flatnonzero(answers >= 0)
        believed[answered] = weigh_answers(believed[answered], answers[answered], trust)
        return believed
    probs = data.true_label_probs.astype(np.float64)
    if not (answers != UNLABELLED).any():
        return probs
    found = weigh(answers, data.given_labels, probs, data.p_error, learn_from=own, pools=pools)
    return found.true_label_probs.astype(np.float64)


def weigh_answers(believed: np.ndarray, answers: np.ndarray, trust: float) -> np.ndarray:
    """Return (A, K): Bayes' rule with an annotator that is right with probability ``trust``.

    Args:
        believed: (A, K) distributions before the answer.
        answers: (A,) class ids.
        trust: probability of a right answer; wrong ones fall on the other classes alike.
    """
    n_classes = believed.shape[1]
    likelihood = np.full(believed.shape, (1 - trust) / max(n_classes - 1, 1))
    likelihood[np.arange(len(answers)), answers] = trust
    joint = np.maximum(believed, 1e-3) * likelihood
    weighed: np.ndarray = joint / joint.sum(axis=1, keepdims=True)
    return weighed
