"""The linear probe: logistic regression on embeddings, in sample never, out of sample always.

The objective is scikit-learn's ``LogisticRegression``; all folds are fitted together by
``noisefix.probing.logistic``. Features are read block by block, held or from a file. Neither torch
nor scikit-learn is imported. There is no GPU path: 20,000 x 384 x 19 in five folds takes 0.6 s on
two cores.
"""

from __future__ import annotations

import numpy as np

from noisefix.errors import DataError
from noisefix.labels import UNLABELLED
from noisefix.probing.logistic import Problem, minimise
from noisefix.threads import one_blas_thread, thread_map
from noisefix.vectors import GRAIN, InMemory, SomeRows, Vectors, blocks, mean_of


def out_of_fold_probs(
    features: Vectors | np.ndarray,
    given_labels: np.ndarray,
    folds: np.ndarray,
    n_classes: int,
    *,
    C: float = 1.0,
    class_weight: str | np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
    max_iter: int = 200,
    tol: float = 1e-4,
) -> np.ndarray:
    """Return each row's class probabilities from a model that was not trained on its fold.

    A class without a training row in some fold cannot be learned there. It gets the probability
    1 / (n + K), n training rows, of every row of that fold (the add-one estimate of what was never
    seen in n draws); the other classes share the rest. Without any training row all are 1 / K.

    Args:
        features: (N, D) finite numbers, e.g. unit-length embeddings.
        given_labels: (N,) class ids in 0..K-1, -1 = unlabelled.
        folds: (N,) fold of each row, -1 where unlabelled, as ``make_folds`` gives them.
        n_classes: K.
        C: inverse strength of the L2 penalty, as in scikit-learn.
        class_weight: None, "balanced" (n / (K * rows of the class), by training side), or (K,).
        sample_weight: (N,) non-negative weights of the rows; None: all 1.
        max_iter: most L-BFGS steps.
        tol: stop when no entry of the gradient of the mean loss exceeds this.

    Returns:
        (N, K) float32; rows sum to 1. Unlabelled rows get the mean of all folds' models.

    Raises:
        DataError: shapes or labels that do not fit together.
    """
    features = _checked_features(features, given_labels, n_classes)
    if len(folds) != len(given_labels):
        raise DataError(f"{len(folds)} folds for {len(given_labels)} labels")
    labelled = given_labels != UNLABELLED
    if (folds[labelled] < 0).any():
        raise DataError("a labelled row has no fold")
    n_folds = max(int(folds.max(initial=-1)) + 1, 1)
    train = labelled[:, None] & (folds[:, None] != np.arange(n_folds))  # (N, F)
    problem = _problem(features, given_labels, train, n_classes, C, class_weight, sample_weight)
    weights, intercepts = minimise(problem, max_iter, tol)

    n_rows = train.sum(axis=0)  # (F,)
    models = [
        (
            np.ascontiguousarray(weights[:, fold]),
            intercepts[fold],
            problem.class_weights[fold] == 0,
            int(n_rows[fold]),
        )
        for fold in range(n_folds)
    ]
    probs = np.zeros((len(features), n_classes), dtype=np.float32)

    def judge(block: tuple[int, int]) -> None:
        vectors, found = features.rows(*block), probs[slice(*block)]
        of_block, unlabelled = folds[slice(*block)], ~labelled[slice(*block)]
        for fold, (w, b, absent, n_trained) in enumerate(models):
            for rows, share in ((of_block == fold, 1.0), (unlabelled, 1.0 / n_folds)):
                if rows.any():
                    fitted = with_absent(predict_probs(vectors[rows], w, b), absent, n_trained)
                    found[rows] += np.float32(share) * fitted

    with one_blas_thread():
        thread_map(judge, blocks(len(features), 4 * GRAIN))
    return probs


def fit_probe(
    features: Vectors | np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    *,
    C: float = 1.0,
    class_weight: str | np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
    max_iter: int = 200,
    tol: float = 1e-4,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit one model on all labelled rows; arguments as for ``out_of_fold_probs``.

    Returns:
        Weights (D, K) and intercepts (K,), float32. A class without rows gets probability 0.
    """
    features = _checked_features(features, labels, n_classes)
    train = (labels != UNLABELLED)[:, None]
    problem = _problem(features, labels, train, n_classes, C, class_weight, sample_weight)
    weights, intercepts = minimise(problem, max_iter, tol)
    return weights[:, 0], intercepts[0]


def predict_probs(features: np.ndarray, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    """Return (N, K) float32 probabilities of a model of ``fit_probe``."""
    scores = np.asarray(features, dtype=np.float32) @ weights + intercepts
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    probs: np.ndarray = scores
    return probs


def _checked_features(
    features: Vectors | np.ndarray, labels: np.ndarray, n_classes: int
) -> Vectors:
    if len(features.shape) != 2 or len(features) != len(labels):
        raise DataError(f"features of shape {features.shape} for {len(labels)} labels")
    if len(labels) and (labels.max() >= n_classes or labels.min() < UNLABELLED):
        raise DataError(f"labels must lie in -1..{n_classes - 1}")
    if isinstance(features, np.ndarray):
        return InMemory(np.ascontiguousarray(features, dtype=np.float32))
    return features


def with_absent(probs: np.ndarray, absent: np.ndarray, n_rows: int) -> np.ndarray:
    """Give classes that the model has never seen their small probability."""
    n_classes = len(absent)
    if absent.all():
        return np.full_like(probs, 1.0 / n_classes)
    unseen = 1.0 / (n_rows + n_classes)
    probs *= np.float32(1.0 - absent.sum() * unseen)
    probs[:, absent] = unseen
    return probs


def _problem(
    features: Vectors,
    labels: np.ndarray,
    train: np.ndarray,
    n_classes: int,
    C: float,
    class_weight: str | np.ndarray | None,
    sample_weight: np.ndarray | None,
) -> Problem:
    n_folds = train.shape[1]
    weights = train.astype(np.float32)
    if sample_weight is not None:
        weights *= sample_weight.astype(np.float32)[:, None]
    totals = _class_totals(labels, weights, n_classes)
    if class_weight is not None:
        if isinstance(class_weight, str):
            if class_weight != "balanced":
                raise DataError(f"class_weight {class_weight!r}: not None, 'balanced' or an array")
            present = totals > 0
            even = totals.sum(axis=1, keepdims=True) / np.maximum(present.sum(1, keepdims=True), 1)
            factor = np.divide(even, totals, out=np.zeros_like(totals), where=present)
        else:
            factor = np.broadcast_to(np.asarray(class_weight, np.float64), (n_folds, n_classes))
        weights *= factor.T[labels].astype(np.float32)  # unlabelled rows (-1) have weight 0 already
        totals *= factor
    used = weights.any(axis=1)
    if not used.all():
        features = SomeRows(features, np.flatnonzero(used))
        labels, weights = labels[used], weights[used]
    mean = mean_of(features).astype(np.float32)
    # With two classes scikit-learn penalises the one difference of weights, here split over two.
    penalty = (2.0 if n_classes == 2 else 1.0) / C
    return Problem(features, mean, labels, weights, totals, penalty)


def _class_totals(labels: np.ndarray, weights: np.ndarray, n_classes: int) -> np.ndarray:
    known = labels != UNLABELLED
    columns = [
        np.bincount(labels[known], weights=weights[known, fold], minlength=n_classes)
        for fold in range(weights.shape[1])
    ]
    return np.stack(columns)
