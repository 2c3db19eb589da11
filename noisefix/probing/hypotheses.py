"""What the noise may have done to the class shares: four hypotheses, each judging every label.

Whether a class is given too often because labels collapse into it, or is common in truth, the given
labels alone do not tell. Each hypothesis answers differently; ``error_model`` weighs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from noisefix.confident.validation import row_blocks
from noisefix.labels import UNLABELLED
from noisefix.probability import softmax
from noisefix.probing.label_names import NameView
from noisefix.probing.latent_classes import LatentClasses
from noisefix.probing.pooling import divide_by_shares

HYPOTHESES = ("equal_shares", "latent_shares", "latent_noise", "label_names")
"""In the order of the columns of ``Hypotheses.log_odds``."""

MAX_LOG_ODDS = 3.0
"""No hypothesis may be surer than this, or one that is wrong drowns the others."""


@dataclass(frozen=True)
class Hypotheses:
    """The judgement of every hypothesis.

    Attributes:
        log_odds: (N, 4) log-odds of the best other label against the given one, in [-3, 3]; 0 for
            unlabelled rows. Against the best other, not all others, so that they mean the same for
            2 and for 200 classes.
        label_logits: (N, K) log-probabilities of the true label under the weighted hypotheses, up
            to a constant a row; of those, ``latent_noise`` alone has counted the given label.
    """

    log_odds: np.ndarray
    label_logits: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """What the hypotheses judge by.

    Attributes:
        pooled: (N, K) out-of-sample probabilities, rows sum to 1.
        given_labels: (N,) class ids, -1 = unlabelled.
        latent: the fitted clusters; None: there are no embeddings.
        names: the label-name view; None: there is none.
        class_shares: (K,) true shares of the classes where the user knows them.
        mean_probs: (K,) mean of the probabilities, where ``pooled`` holds a part of the rows only;
            None: that of ``pooled``.
    """

    pooled: np.ndarray
    given_labels: np.ndarray
    latent: LatentClasses | None = None
    names: NameView | None = None
    class_shares: np.ndarray | None = None
    mean_probs: np.ndarray | None = None

    def part(self, rows: slice) -> Evidence:
        """Return the evidence on some rows, the means and the clusters being those of all."""
        return replace(
            self,
            pooled=self.pooled[rows],
            given_labels=self.given_labels[rows],
            names=self.names and replace(self.names, probs=self.names.probs[rows]),
        )


def judge(evidence: Evidence, weights: np.ndarray) -> Hypotheses:
    """Let every hypothesis judge every row.

    - equal_shares: all classes are equally common in truth; what a class is given beyond that is
      noise (labels that collapse into a few classes).
    - latent_shares: the classes are about as common as the clusters found; halfway to equal.
    - latent_noise: the same clusters, and the given label counts as the noise matrix says.
    - label_names: what the names of the classes mean.

    Without embeddings the first stands in for the clusters' two; without names the last abstains.
    Class shares that the user knows replace what the first three assume.

    Args:
        evidence: the views and the given labels.
        weights: (4,) how much each hypothesis counts for ``label_logits``.
    """
    n_rows, n_classes = evidence.pooled.shape
    log_odds = np.zeros((n_rows, len(HYPOTHESES)))
    logits = np.zeros((n_rows, n_classes), dtype=np.float32)
    total = float(weights.sum())
    if evidence.mean_probs is None:
        mean_probs = evidence.pooled.mean(axis=0, dtype=np.float64)
        evidence = replace(evidence, mean_probs=mean_probs)
    for rows in row_blocks(n_rows, n_classes):  # block by block: four (N, K) copies less
        part = evidence.part(rows)
        for column, name in enumerate(HYPOTHESES):
            probs = _JUDGES[name](part)
            if probs is None:
                continue
            log_odds[rows, column] = log_odds_wrong(probs, part.given_labels)
            logits[rows] += np.float32(weights[column] / total) * np.log(np.maximum(probs, 1e-4))
    return Hypotheses(log_odds, logits)


def _equal_shares(evidence: Evidence) -> np.ndarray | None:
    return _with_shares(evidence, evidence.class_shares)


def _latent_shares(evidence: Evidence) -> np.ndarray | None:
    if evidence.latent is None or evidence.class_shares is not None:
        return _equal_shares(evidence)
    return _with_shares(evidence, np.sqrt(evidence.latent.shares))


def _latent_noise(evidence: Evidence) -> np.ndarray | None:
    if evidence.latent is None:
        return _equal_shares(evidence)
    shares = evidence.latent.shares if evidence.class_shares is None else evidence.class_shares
    from_text = _with_shares(evidence, shares)
    likelihood = evidence.latent.log_likelihood[evidence.given_labels]
    return softmax(np.log(np.maximum(from_text, 1e-6)) + likelihood)


def _label_names(evidence: Evidence) -> np.ndarray | None:
    return None if evidence.names is None else evidence.names.probs


def _with_shares(evidence: Evidence, prior: np.ndarray | None) -> np.ndarray:
    return divide_by_shares(evidence.pooled, prior=prior, shares=evidence.mean_probs)


_JUDGES: dict[str, Callable[[Evidence], np.ndarray | None]] = {
    "equal_shares": _equal_shares,
    "latent_shares": _latent_shares,
    "latent_noise": _latent_noise,
    "label_names": _label_names,
}


def log_odds_wrong(probs: np.ndarray, given: np.ndarray, most: float = MAX_LOG_ODDS) -> np.ndarray:
    """Return (N,) log-odds of the best other label against the given one, in [-most, most].

    Args:
        probs: (N, K) probabilities, rows sum to 1.
        given: (N,) class ids, -1 = unlabelled, which gets 0.
        most: the surest that the odds may be.
    """
    labelled = given != UNLABELLED
    rows, columns = np.arange(len(probs)), np.where(labelled, given, 0)
    right = np.maximum(probs[rows, columns].astype(np.float64), 1e-4)
    others = probs.copy()
    others[rows, columns] = 0
    odds = np.log(np.maximum(others.max(axis=1).astype(np.float64), 1e-4)) - np.log(right)
    return np.where(labelled, np.clip(odds, -most, most), 0.0)
