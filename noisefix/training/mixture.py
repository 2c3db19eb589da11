"""Two normal distributions fitted to losses: the lower one is of the clean rows.

Source: Li, Socher, Hoi, DivideMix, ICLR 2020, arXiv:2002.07394: P(clean) is the posterior of the
component with the smaller mean, of a mixture of two normals over the rows' cross-entropies. The
authors' code (``LiJunnan1992/DivideMix``) takes scikit-learn's mixture of losses scaled to 0 .. 1,
and adds 5e-4 to the variances. Decisions: losses are standardised, 1e-2 is added (classes can be
small), the start is fixed, and the posterior never rises with the loss. One mixture for each given
class is the point of Huang et al., arXiv:2212.10766.
"""

from __future__ import annotations

import numpy as np

from noisefix.training.two_normals import fit_two_normals

_SHRINK_ROWS = 20.0
"""A class of this many rows counts half, the mixture of all rows the other half."""


def class_clean_probs(losses: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (N,) probability that a row's loss belongs to the lower component of its class.

    Args:
        losses: (N,) losses at the given labels.
        labels: (N,) class ids, -1 = unlabelled (these get 0).
        n_classes: K.

    Decision: a class of N_k rows counts N_k / (N_k + 20), the mixture over all rows the rest.
    """
    clean = np.zeros(len(losses))
    labelled = labels >= 0
    if not labelled.any():
        return clean
    overall = np.zeros(len(losses))
    overall[labelled] = clean_probs(losses[labelled])
    for label in range(n_classes):
        members = labels == label
        if members.any():
            trust = members.sum() / (members.sum() + _SHRINK_ROWS)
            clean[members] = trust * clean_probs(losses[members]) + (1 - trust) * overall[members]
    return clean


def bound_wrong(clean: np.ndarray, p_error: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return P(clean), raised where a class counts more rows as wrong than are expected to be.

    Args:
        clean: (N,) P(clean).
        p_error: (N,) probability that the label is wrong; NaN = unlabelled.
        labels: (N,) class ids, -1 = unlabelled.
    """
    bounded = clean.copy()
    for label in np.unique(labels[labels >= 0]):
        members = labels == label
        wrong, expected = 1 - clean[members], float(p_error[members].mean())
        factor = min(1.0, expected / max(float(wrong.mean()), 1e-9))
        bounded[members] = 1 - factor * wrong
    return bounded


def clean_probs(losses: np.ndarray) -> np.ndarray:
    """Return (N,) P(lower component) under a mixture of two normals fitted by EM.

    The start is the lower and upper half, so that nothing is random; probabilities never rise with
    the loss (a wide lower component would claim the far tail). Losses that are all alike: all 1.
    """
    spread = float(losses.std())
    if len(losses) < 2 or spread < 1e-6:
        return np.ones(len(losses))
    x = (losses - losses.mean()) / spread
    fit = fit_two_normals(x)
    mean, probs = fit.mean, fit.member[:, int(fit.mean.argmin())]
    order = np.argsort(x, kind="stable")
    falling = np.minimum.accumulate(np.where(x[order] <= mean.min(), 1.0, probs[order]))
    clean = np.empty(len(x))
    clean[order] = falling
    return clean
