"""Rcal: rare classes get rows drawn from what is known of their shape.

Each class is taken for a normal distribution. A class of few rows has too few to know its spread
by, so that its covariance leans on that of all classes, and its mean on those of its two nearest
ones (and on what its name means, where names explain the labels). Then every class is filled up
with drawn rows towards the size of the largest, and a head is trained on real and drawn rows.

Source: Zhang, Zhao, Yao, Yuan, Huang, ICCV 2023, on long-tailed data with noisy labels (known from
its abstract: representations calibrated by Gaussians, tail classes helped by others). Its constants
are not known. Decisions: rows count by the detect stage's posterior instead of being cut off;
covariances are shrunk towards that of all classes by Ledoit and Wolf, A well-conditioned estimator
for large-dimensional covariance matrices, 2004, in coordinates where the latter is the identity;
drawn rows are brought to unit length where the real ones have it. Without drawing, what is left is
``gaussian``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.head_training import train_heads
from noisefix.training.interface import Checkpoint, Training, TrainingData
from noisefix.training.methods import ce
from noisefix.training.methods.gaussian import (
    class_labels,
    class_means,
    pooled_covariance,
    shrunk,
)
from noisefix.training.objective import Objective
from noisefix.training.penalty import settled_penalty
from noisefix.training.targets import given_targets, one_hot, rows_with_targets, to_device

_MEAN_ROWS = 5.0  # for which the nearest classes' means count in a rare class
_POOLED_SHRINKAGE = 0.1  # towards the identity: more numbers than rows are common
_UNIT = 1e-3


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        balance: how far classes are filled up towards the size of the largest, 0 to 1.
        most_drawn: rows that are drawn at most, as a multiple of the real ones.
    """

    balance: float = 1.0
    most_drawn: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.balance <= 1:
            raise UsageError(f"balance is {self.balance}", "it must lie in 0 to 1")
        if self.most_drawn < 0:
            raise UsageError(f"most_drawn is {self.most_drawn}", "it must be 0 or above")


def rows_to_draw(counts: np.ndarray, balance: float, most: float) -> np.ndarray:
    """Return (K,) how many rows to draw of each class; none of a class that has no row.

    Args:
        counts: (K,) rows of each class; need not be whole.
        balance: 1 = up to the size of the largest.
        most: rows at most, of all classes.
    """
    wanted = np.where(counts > 0, balance * (counts.max() - counts), 0.0)
    wanted *= min(1.0, most / max(float(wanted.sum()), 1e-12))
    drawn: np.ndarray = np.floor(wanted + 0.5).astype(np.int64)
    return drawn


def ledoit_wolf_share(rows: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return which share of the covariance of centred rows the identity should replace.

    Args:
        rows: (n, D) centred.
        weights: (n,) how far each row counts; they sum to 1.

    Returns:
        The share in [0, 1], and the multiple of the identity that is put there. With equal weights
        it is scikit-learn's ``ledoit_wolf``.
    """
    covariance = (rows * weights[:, None]).T @ rows
    n_effective = 1 / float((weights**2).sum())
    size = float(np.trace(covariance)) / len(covariance)
    off = float(((covariance - size * np.eye(len(covariance))) ** 2).sum())
    lengths = (rows**2).sum(axis=1)
    beta = (float(weights @ lengths**2) - float((covariance**2).sum())) / n_effective
    return (min(max(beta, 0.0), off) / off if off > 0 else 1.0), size


def borrowed_means(data: TrainingData, counts: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return (K, D) means, those of classes with fewer rows than features leaning on others."""
    lengths = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    likeness = (means / lengths) @ (means / lengths).T
    likeness[:, counts <= 0] = -np.inf
    np.fill_diagonal(likeness, -np.inf)
    n_near = min(2, int((counts > 0).sum()) - 1)
    borrowed = means.copy()
    if n_near < 1:
        return borrowed
    near = np.argsort(-likeness, axis=1, kind="stable")[:, :n_near]
    lent = means[near].mean(axis=1)
    if data.name_gain > 0 and data.label_embeddings is not None:
        lent = 0.5 * lent + 0.5 * lengths * data.label_embeddings
    rare = np.flatnonzero(counts < data.features.shape[1])
    own = (counts / (counts + _MEAN_ROWS))[rare, None]
    borrowed[rare] = own * means[rare] + (1 - own) * lent[rare]
    return borrowed


def drawn_rows(
    data: TrainingData, labels: np.ndarray, params: Params, seed: int
) -> Iterator[np.ndarray]:
    """Yield for each class (n, D) float32 rows drawn from its distribution.

    Args:
        data: the training rows.
        labels: (N, K) how far each row is of each class; zero rows count nowhere.
        params: options.
        seed: of the draws.
    """
    from scipy.linalg import cholesky, solve_triangular

    features = data.features
    counts, means = class_means(features, labels)
    pooled = shrunk(pooled_covariance(features, labels, counts, means), _POOLED_SHRINKAGE)
    factor = cholesky(pooled, lower=True)
    centres = borrowed_means(data, counts, means)
    is_unit = bool((np.abs(np.linalg.norm(features, axis=1) - 1) < _UNIT).all())
    wanted = rows_to_draw(counts, params.balance, params.most_drawn * counts.sum())
    for k, n in enumerate(wanted):
        rng = np.random.default_rng([seed, k, 3])
        noise = rng.standard_normal((n, features.shape[1]))
        if n and counts[k] >= features.shape[1]:
            members = np.flatnonzero(labels[:, k] > 0)
            weights = labels[members, k] / counts[k]
            white = solve_triangular(factor, (features[members] - means[k]).T, lower=True).T
            share, size = ledoit_wolf_share(white, weights)
            own = (white * weights[:, None]).T @ white
            noise = noise @ cholesky((1 - share) * own + share * size * np.eye(len(own))).astype(
                np.float64
            )
        rows = centres[k] + noise @ factor.T
        if is_unit:
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        yield rows.astype(np.float32)


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Draw, and train on real and drawn rows; see ``interface.Fit``."""
    import torch

    data.check_frozen("rcal")
    labels = class_labels(data, "posterior", "rcal")
    drawn = list(drawn_rows(data, labels, params, seed))
    classes = np.repeat(np.arange(data.n_classes), [len(rows) for rows in drawn])
    targets, weights = given_targets(data, params.share_strength, device, params.start)
    own = rows_with_targets(data, targets)
    n_rows = len(targets)
    both = TrainingData(
        np.concatenate([data.features, *drawn]),
        np.concatenate([data.given_labels, classes]),
        data.n_classes,
        candidate_weights=_padded(data.candidate_weights, len(classes)),
        trusted=data.trusted,
    )
    objective = Objective(
        torch.cat([targets, to_device(one_hot(classes, data.n_classes), device)]),
        torch.cat([weights, torch.ones(len(classes), device=device)]),
        np.concatenate([own, n_rows + np.arange(len(classes))]),
    )
    held = replace(params, penalty=settled_penalty(data, params))
    head = yield from train_heads(
        both, held, objective, seed=seed, device=device, checkpoint=checkpoint
    )
    return head


def _padded(values: np.ndarray | None, n_more: int) -> np.ndarray | None:
    """Return an (N, K) array with rows of zeros added: nothing is known of a drawn row."""
    if values is None:
        return None
    padded: np.ndarray = np.concatenate([values, np.zeros((n_more, values.shape[1]))])
    return padded
