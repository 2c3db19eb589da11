"""Several labels a row: every label is a question of its own, has the row it or not.

Each class is a problem of two classes, judged by the same three views as a label of many
(``views.py``); neighbours, duplicates, folds and n-grams are shared. What the views say is stacked
so that it predicts the given labels best. From there two readings of an error go on:

- the class is about as common as it is given (moved a quarter of the way to "as common as not");
- rows gain and lose the class at the rates that confident learning counts, which is what finds
  labels that are missing: their share among the many rows without the label is small, however
  clearly a text speaks for it.

p_error is calibrated from the mean of their log-odds. Where 0 means only that nobody looked, the
odds of an error in a given label are divided (``one_sided.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from noisefix.confident.joint import confident_joint
from noisefix.confident.matrices import noise_matrix
from noisefix.labels import UNLABELLED
from noisefix.neighbors.votes import knn_probs
from noisefix.probability import log_odds, sigmoid
from noisefix.probing.folds import make_folds, row_keys
from noisefix.probing.judgeable import LEAST_TEXTS
from noisefix.probing.linear_probe import out_of_fold_probs
from noisefix.probing.ngrams import ngram_features
from noisefix.probing.readings import shares_as_given
from noisefix.probing.views import Surroundings
from noisefix.probing.word_features import ngram_probs

_INTERCEPT, _SLOPE = -1.7, 0.65
"""Fitted on made sets, each left out in turn: ``tests/benchmarks/multi_label.py``."""

INTERCEPT_SD = 0.8
"""How far the intercept of a data set may lie from that, in log-odds."""

_SHARE_PULL = 0.25
_LEAST_RATE, _MOST_RATE = 0.002, 0.45
_FLOOR = 1e-4


@dataclass(frozen=True, eq=False)
class LabelViews:
    """What the views say of every label: (N, L) probabilities that the row has it, out of sample.

    Attributes:
        probe: logistic regression on the embeddings.
        words: word and character n-grams.
        neighbors: vote of the nearest labelled rows.
        stacked: all of them, weighed so that they predict the given labels best.
        judged: (N, L) bool: the label of this row gets a verdict.
    """

    probe: np.ndarray
    words: np.ndarray
    neighbors: np.ndarray
    stacked: np.ndarray
    judged: np.ndarray


def look_at_labels(
    embeddings: np.ndarray,
    texts: Sequence[str],
    given: np.ndarray,
    usable: np.ndarray,
    surroundings: Surroundings,
    *,
    n_folds: int = 5,
    seed: int = 0,
    on_label: Callable[[int], None] | None = None,
) -> LabelViews:
    """Compute the views of every label.

    Args:
        embeddings: (N, D) float32, unit-length rows.
        texts: (N,) texts.
        given: (N, L) bool: the row was given the label.
        usable: (N,) bool: the row is labelled and has a text.
        surroundings: of the same rows.
        n_folds: folds of the probe and the words.
        seed: seed of the folds.
        on_label: called with the number of labels that are done.
    """
    n_rows, n_labels = given.shape
    folds = make_folds(
        np.where(usable, _rarest(given), UNLABELLED),
        surroundings.duplicate_groups,
        n_folds=n_folds,
        seed=seed,
        keys=row_keys(texts, seed),
    )
    features = ngram_features(texts)
    shape = (n_rows, n_labels)
    probe, words, neighbors, stacked = (np.full(shape, 0.5, np.float32) for _ in range(4))
    judged = np.zeros(shape, dtype=bool)
    for k in range(n_labels):
        labels = np.where(usable, given[:, k].astype(np.int64), UNLABELLED)
        if not _can_be_compared(labels, surroundings.duplicate_groups):
            for view in (probe, words, neighbors, stacked):
                view[:, k] = given[usable, k].mean() if usable.any() else 0.0
            continue
        views = [
            out_of_fold_probs(embeddings, labels, folds, 2),
            ngram_probs(features, labels, folds, 2),
            knn_probs(surroundings.nearest, labels, 2),
        ]
        for kept, view in zip((probe, words, neighbors), views, strict=True):
            kept[:, k] = view[:, 1]
        stacked[:, k] = _stacked(views, labels)
        judged[:, k] = usable
        if on_label is not None:
            on_label(k + 1)
    return LabelViews(probe, words, neighbors, stacked, judged)


def _rarest(given: np.ndarray) -> np.ndarray:
    """Return (N,) the rarest label of each row, L where it has none: what folds are levelled by."""
    n_labels = given.shape[1]
    order = np.argsort(given.sum(axis=0), kind="stable")
    first = given[:, order].argmax(axis=1)
    rarest: np.ndarray = np.where(given.any(axis=1), order[first], n_labels)
    return rarest


def _can_be_compared(labels: np.ndarray, groups: np.ndarray) -> bool:
    return all(len(np.unique(groups[labels == has])) >= LEAST_TEXTS for has in (0, 1))


def _stacked(views: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Return (N,) P(has the label), by the weights that predict the given labels best."""
    weights = shares_as_given(views, labels).weights
    counts = np.bincount(labels[labels != UNLABELLED], minlength=2) + 1
    logit = weights[-1] * np.log(counts[1] / counts[0])
    for weight, view in zip(weights, views, strict=False):
        clipped = np.maximum(view.astype(np.float64), _FLOOR)
        logit = logit + weight * (np.log(clipped[:, 1]) - np.log(clipped[:, 0]))
    probs: np.ndarray = sigmoid(logit)
    return probs


def error_odds(views: LabelViews, given: np.ndarray, one_sided: float | None = None) -> np.ndarray:
    """Return (N, L) calibrated log-odds that the row should (not) have the label; NaN: unjudged.

    Args:
        views: from ``look_at_labels``.
        given: (N, L) bool: the row was given the label.
        one_sided: what the odds of an error in given labels are divided by, at least 1; None: the
            rows without a label were looked at too.
    """
    odds = np.full(given.shape, np.nan)
    for k in range(given.shape[1]):
        rows = np.flatnonzero(views.judged[:, k])
        if len(rows):
            has = given[rows, k]
            probs = np.clip(views.stacked[rows, k].astype(np.float64), _FLOOR, 1 - _FLOOR)
            odds[rows, k] = (_as_given(probs, has) + _as_counted(probs, has)) / 2
    calibrated = _INTERCEPT + _SLOPE * odds
    if one_sided is not None:
        calibrated = np.where(given, calibrated - np.log(one_sided), calibrated)
    return np.asarray(calibrated)


def _as_given(probs: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Return (R,) log-odds of an error where the label is nearly as common as it is given."""
    share = np.clip(has.mean(), 1e-3, 1 - 1e-3)
    toward = log_odds(probs) - _SHARE_PULL * np.log(share / (1 - share))
    return np.asarray(np.where(has, -toward, toward))


def _as_counted(probs: np.ndarray, has: np.ndarray) -> np.ndarray:
    """Return (R,) log-odds of an error at the rates at which rows gain and lose the label."""
    both = np.column_stack([1 - probs, probs])
    rates = noise_matrix(confident_joint(has.astype(np.int64), both).joint)  # [given, true]
    gained = np.clip(rates[1, 0], _LEAST_RATE, _MOST_RATE)
    lost = np.clip(rates[0, 1], _LEAST_RATE, _MOST_RATE)
    true = np.clip((probs - gained) / (1 - gained - lost), 1e-3, 1 - 1e-3)
    odds = np.log(true) - np.log1p(-true)
    too_many = np.log(gained) - np.log1p(-lost) - odds
    too_few = np.log(lost) - np.log1p(-gained) + odds
    return np.asarray(np.where(has, too_many, too_few))


def row_error(p_error: np.ndarray) -> np.ndarray:
    """Return (N,) the probability that any of a row's labels is wrong or missing.

    Labels are taken to err independently; unjudged ones (NaN) to be right. A row without a judged
    label gets NaN.

    Args:
        p_error: (N, L) probabilities, NaN: unjudged.
    """
    right = np.where(np.isnan(p_error), 1.0, 1 - p_error).prod(axis=1)
    return np.where(np.isnan(p_error).all(axis=1), np.nan, 1 - right)
