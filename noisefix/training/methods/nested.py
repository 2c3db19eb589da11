"""Nested: features in the order of how much they hold, and only the first so many of them.

``rank=NUMBER`` keeps that many principal directions of the features, ``rank=auto`` as few as
predict left-out given labels no worse, up to one standard error. ``rank=nested`` keeps all, but in
each step only a random number of the first ones are there (nested dropout), so that the first learn
what matters most.

Source: Chen, Hu, Shen, Ai, Suykens, Compressing Features for Learning with Noisy Labels, TNNLS 2022
(known from the authors' code, ``yingyichen-cyy/Nested-Co-teaching``) for nested dropout, its number
drawn in proportion to exp(-(k / sigma)^2); The Malignant Tail, arXiv:2603.02293 (known from its
abstract), for the truncation. Decisions: theirs choose the number, and the epoch, by clean labels,
which nobody has; the features are frozen, so that what is truncated are the encoder's directions,
and no layer trained on the noise. The rotation is put into the head, which reads features as any
other does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.probing.folds import make_folds
from noisefix.probing.linear_probe import out_of_fold_probs
from noisefix.probing.sampling import some_rows
from noisefix.training.head_training import train_heads
from noisefix.training.heads import HeadClassifier
from noisefix.training.interface import Checkpoint, Classifier, Training, TrainingData, TrustedRows
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.penalty import settled_penalty

if TYPE_CHECKING:
    from torch import Tensor

_FOLDS, _MOST_ROWS, _FLOOR = 4, 4_000, 1e-6
_FEWEST = 8


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        rank: directions to keep; "auto": as few as do no harm; "nested": all, by nested dropout.
        sigma: of nested dropout, as a share of the directions: how far down the number falls.
    """

    rank: int | str = "nested"
    sigma: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.rank, str) and self.rank not in ("auto", "nested"):
            raise UsageError(f"rank {self.rank!r} is unknown", "a number, auto or nested")
        if isinstance(self.rank, int) and self.rank < 1:
            raise UsageError(f"rank is {self.rank}", "it must be at least 1")
        if self.sigma <= 0:
            raise UsageError(f"sigma is {self.sigma}", "it must be above 0")


def principal_directions(features: np.ndarray) -> np.ndarray:
    """Return (D, D) orthonormal directions as columns, of most of the features' squares first."""
    squares = np.zeros((features.shape[1],) * 2)
    for start in range(0, len(features), _MOST_ROWS):
        part = features[start : start + _MOST_ROWS].astype(np.float64)
        squares += part.T @ part
    _, vectors = np.linalg.eigh(squares)
    directions: np.ndarray = vectors[:, ::-1]
    return directions


def kept_counts(n_features: int, sigma: float) -> np.ndarray:
    """Return (D,) how probable it is that 1, 2, .. D directions are there in a step."""
    k = np.arange(1, n_features + 1) / (sigma * n_features)
    odds = np.exp(-(k**2))
    probs: np.ndarray = odds / odds.sum()
    return probs


def sufficient_rank(data: TrainingData, rotated: np.ndarray, penalty: float) -> int:
    """Return as few directions as predict left-out given labels no worse than the best number.

    Args:
        data: the training rows.
        rotated: (N, D) features along the principal directions.
        penalty: of the heads.
    """
    rows = some_rows(np.flatnonzero(data.is_labelled), _MOST_ROWS)
    labels = data.given_labels[rows]
    groups = None if data.groups is None else data.groups[rows]
    folds = make_folds(labels, groups, n_folds=_FOLDS)
    ranks = [rotated.shape[1]]
    while ranks[-1] // 2 >= _FEWEST:
        ranks.append(ranks[-1] // 2)
    gains = []
    for rank in ranks[::-1]:
        probs = out_of_fold_probs(
            rotated[rows, :rank], labels, folds, data.n_classes, C=1 / max(penalty, 1e-3)
        )
        own = probs[np.arange(len(rows)), labels].astype(np.float64)
        gains.append(np.log(np.maximum(own, _FLOOR)))
    by_rank = np.array(gains)  # few directions first
    losses = by_rank[by_rank.mean(axis=1).argmax()] - by_rank
    errors = losses.std(axis=1) / np.sqrt(len(rows))
    first = int(np.flatnonzero(losses.mean(axis=1) <= errors + 1e-12)[0])
    return int(ranks[::-1][first])


class NestedDropout(ce.GivenLabels):
    """Cross-entropy on a random number of the first features."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        super().__init__(data, params, device)
        self.odds = kept_counts(data.features.shape[1], params.sigma)

    def row_losses(self, batch: Batch) -> Tensor:
        """Return the losses of a batch's rows, (1, B)."""
        kept = int(batch.rng.choice(len(self.odds), p=self.odds)) + 1
        first = batch.features.clone()
        first[..., kept:] = 0.0
        return cross_entropy(batch.forward(first).float(), self.targets[batch.rows])


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train on rotated features, and turn the head back; see ``interface.Fit``."""
    data.check_frozen("nested")
    held = replace(params, penalty=settled_penalty(data, params))
    directions = principal_directions(data.features)
    rotated = data.features @ directions.astype(np.float32)
    if params.rank == "nested":
        turned = replace(data, features=rotated, trusted=_turned(data, directions))
        objective: ce.GivenLabels = NestedDropout(turned, held, device)
    else:
        found = params.rank
        if isinstance(found, str):
            found = sufficient_rank(data, rotated, held.penalty or 0.0)
        directions = directions[:, : min(found, directions.shape[1])]
        first = np.ascontiguousarray(rotated[:, : directions.shape[1]])
        turned = replace(data, features=first, trusted=_turned(data, directions))
        objective = ce.GivenLabels(turned, held, device)
    head = yield from train_heads(
        turned, held, objective, seed=seed, device=device, checkpoint=checkpoint
    )
    return turned_back(head, directions)


def _turned(data: TrainingData, directions: np.ndarray) -> TrustedRows | None:
    if data.trusted is None:
        return None
    return replace(data.trusted, features=data.trusted.features @ directions.astype(np.float32))


def turned_back(head: Classifier, directions: np.ndarray) -> HeadClassifier:
    """Return the head for features as they are, of one for features along (D, R) directions."""
    tensors = {name: value for name, value in head.state()[0].items() if name != "log_prior"}
    first = "hidden_weight" if "hidden_weight" in tensors else "weight"
    return HeadClassifier(tensors | {first: directions[None] @ tensors[first].astype(np.float64)})
