"""How strongly heads are held back: chosen by cross-validation, for each data set anew.

Few or noisy rows want a strong penalty, many clean ones a weak one; what fits one data set costs
points on another. A plain head's out-of-fold likelihood of the *given* labels tells which: noise
makes it prefer the stronger penalty, as it should. Evidence that may be chance does not count: the
strongest penalty is taken that is not worse than the best by two standard errors. It is no judge
of methods, whose aim is not to predict the given labels, so that all of them take the penalty that
suits plain training.

Source: Breiman et al. 1984, Classification and Regression Trees, the one-standard-error rule; two
are asked for here, so that nothing is lost to the usual penalty without good reason.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from noisefix.training.interface import TrainingData
from noisefix.training.objective import HeadParams
from noisefix.training.paging import rows_of

CHOICES = (1.0, 0.3, 0.1)
"""L2 penalties as in ``HeadParams``, strongest first: scikit-learn's default to a tenth of it."""

USUAL = 0.1
"""Where nothing is chosen: heads with a hidden layer, encoders that learn along."""

_FOLDS = 4
_ERRORS = 2.0  # standard errors
_MOST_ROWS = 4_000
LEAST_PROBABILITY = 1e-6
"""Below it a row counts no worse."""

_chosen: WeakKeyDictionary[TrainingData, float] = WeakKeyDictionary()  # a comparison asks often


def settled_penalty(data: TrainingData, params: HeadParams) -> float:
    """Return the penalty to train with: the one asked for, else chosen, else the usual one."""
    if params.penalty is not None:
        return params.penalty
    is_chosen = data.tuning is None and params.head == "linear"
    return choose_penalty(data) if is_chosen else USUAL


def choose_penalty(data: TrainingData) -> float:
    """Return the penalty under which a linear head predicts given labels well out of fold.

    Near-duplicates stay in one fold. Beyond 4,000 labelled rows a random part decides. The choice
    depends on the data alone, not on a seed.

    Args:
        data: the training rows; only features, given labels and groups are looked at.
    """
    if data not in _chosen:
        _chosen[data] = _by_cross_validation(data)
    return _chosen[data]


def _by_cross_validation(data: TrainingData) -> float:
    from noisefix.probing.folds import make_folds
    from noisefix.probing.linear_probe import out_of_fold_probs
    from noisefix.probing.sampling import some_rows

    rows = some_rows(np.flatnonzero(data.is_labelled), _MOST_ROWS)
    labels = data.given_labels[rows]
    groups = None if data.groups is None else data.groups[rows]
    folds = make_folds(labels, groups, n_folds=_FOLDS)
    features = rows_of(data.features, rows)
    gains = np.empty((len(CHOICES), len(rows)))
    for place, penalty in enumerate(CHOICES):
        probs = out_of_fold_probs(
            features, labels, folds, data.n_classes, C=_inverse(penalty, data.n_classes)
        )
        own = probs[np.arange(len(rows)), labels].astype(np.float64)
        gains[place] = np.log(np.maximum(own, LEAST_PROBABILITY))
    return CHOICES[first_good_enough(gains)]


def first_good_enough(gains: np.ndarray) -> int:
    """Return the first choice that is not surely worse than the best.

    Args:
        gains: (P, R) what each of P choices gains on each of R rows; the first is the safest.
    """
    best = gains[gains.mean(axis=1).argmax()]
    losses = best - gains
    errors = losses.std(axis=1) / np.sqrt(gains.shape[1])
    return int(np.flatnonzero(losses.mean(axis=1) <= _ERRORS * errors + 1e-12)[0])


def _inverse(penalty: float, n_classes: int) -> float:
    """Return scikit-learn's C: with two classes it has one vector where a head has two."""
    return (2.0 if n_classes == 2 else 1.0) / penalty
