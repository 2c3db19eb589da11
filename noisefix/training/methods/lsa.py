"""LSA: rows whose label is noise are told by a straight cut through the features, and guessed anew.

Alternately, epoch by epoch, a mixture over the losses and a logistic regression on the features
say which rows are noisy; the latter learns from rows that the mixture is sure of. A noisy row's
target becomes the model's own sharpened guess, weighted by how well the model agrees with it.

Source: Albert et al., An accurate detection is not all you need to combat label noise in web-noisy
datasets, ECCV 2024 (known from the authors' code, ``PaulAlbert31/LSA``): the mixture's constants,
the alternation, power 2, the second mixture. Decisions: the regression is penalised and judges rows
out of fold only, for with more features than rows any seeds can be parted, and it would repeat
them; with fewer than ten seeds on a side it has no say; predictions are held to the detect stage's
estimate of the class shares where the authors hold them to equal ones, which would be wrong of
unequal classes; frozen features have one view, so that the guess is of one view, and there is no
contrastive term. What is noisy is wrongly labelled or of no class: no label is changed by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.probing.folds import make_folds
from noisefix.probing.linear_probe import out_of_fold_probs
from noisefix.probing.sampling import some_rows
from noisefix.training.class_shares import estimated_shares
from noisefix.training.head_training import head_method
from noisefix.training.interface import TrainingData
from noisefix.training.losses import cross_entropy, share_divergence
from noisefix.training.methods import ce
from noisefix.training.objective import Batch
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SEEDS = 10
_PENALTY_INVERSE = 0.01  # scikit-learn's C
_FOLDS = 5
_MOST_ROWS = 10_000  # that a mixture or a regression is fitted on
_SURE = 0.95


@dataclass(frozen=True)
class Params(ce.Params):
    """Options.

    Attributes:
        warm_epochs: of plain training before the first mixture.
        sharpening: power to which a guess is raised.
        share_weight: of the divergence of a batch's mean prediction from the class shares.
    """

    warm_epochs: int = 5
    sharpening: float = 2.0
    share_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sharpening <= 0 or self.share_weight < 0:
            raise UsageError("sharpening must be above 0, share_weight 0 or above")


def high_losses(losses: np.ndarray, *, is_low: bool = False) -> np.ndarray:
    """Return (N,) P(the higher of two modes) of a mixture fitted to the losses; one mode: all 0.

    Args:
        losses: (N,).
        is_low: P(the lower mode) instead; one mode: all 1.
    """
    from sklearn.mixture import GaussianMixture

    spread = float(np.ptp(losses)) if len(losses) else 0.0
    if len(losses) < 2 or spread < 1e-9:
        return np.full(len(losses), float(is_low))
    scaled = ((losses - losses.min()) / spread)[:, None]
    mixture = GaussianMixture(2, max_iter=10, reg_covar=5e-4, tol=1e-2, random_state=0)
    part = scaled[some_rows(np.arange(len(scaled)), _MOST_ROWS)]
    start = np.quantile(part, [0.1, 0.9])[:, None]
    mixture.set_params(means_init=start)
    mode = int(_fitted(mixture, part).means_.argmax())
    found: np.ndarray = mixture.predict_proba(scaled)[:, 1 - mode if is_low else mode]
    return found


def _fitted(mixture: Any, rows: np.ndarray) -> Any:
    """Fit a mixture for as many steps as it is given, which need not be enough."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ten steps, as the authors have them, seldom converge
        return mixture.fit(rows)


def separated(features: np.ndarray, is_noisy: np.ndarray, folds: np.ndarray) -> np.ndarray | None:
    """Return (N,) P(noisy) by a straight cut, out of fold; None: too few seeds on a side.

    Args:
        features: (N, D), standardised.
        is_noisy: (N,) bool seeds.
        folds: (N,) of each row.
    """
    if min(is_noisy.sum(), (~is_noisy).sum()) < LEAST_SEEDS:
        return None
    probs = out_of_fold_probs(
        features, is_noisy.astype(np.int64), folds, 2, C=_PENALTY_INVERSE, class_weight="balanced"
    )
    return probs[:, 1]


class LinearSeparation(ce.GivenLabels):
    """Cross-entropy towards labels or guesses, plus a divergence from the class shares."""

    params: Params

    def __init__(self, data: TrainingData, params: Params, device: str) -> None:
        import torch

        super().__init__(data, params, device)
        self.device, self.own = device, self.targets.clone()
        self.certainty = torch.ones(len(data.features), device=device)
        self.shares = to_device(estimated_shares(data), device)
        labels = data.given_labels[self.rows]
        groups = None if data.groups is None else data.groups[self.rows]
        self.folds = make_folds(labels, groups, n_folds=_FOLDS)
        part = data.features[self.rows]
        spread = part.std(axis=0)
        self.features = (part - part.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        self.share_noisy = 0.0

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Say which rows are noisy, and guess their labels anew."""
        since = epoch - self.params.warm_epochs
        if since < 0:
            return
        rows = to_device(self.rows, self.device)
        logits = look().mean(0)[rows]
        losses = cross_entropy(logits, self.own[rows]).cpu().numpy().astype(np.float64)
        noisy = high_losses(losses) > _SURE
        if since % 2 == 0:
            judged = separated(self.features, noisy, self.folds)
            noisy = noisy if judged is None else judged > 0.5
        sharp = (self.params.sharpening * logits.log_softmax(-1)).softmax(-1)
        again = cross_entropy(logits, sharp).cpu().numpy().astype(np.float64)
        trust = np.where(noisy, high_losses(again, is_low=True), 1.0)
        is_noisy = to_device(noisy.astype(np.float32), self.device)[:, None]
        self.targets[rows] = is_noisy * sharp + (1 - is_noisy) * self.own[rows]
        self.certainty[rows] = to_device(trust, self.device)
        self.share_noisy = float(noisy.mean())

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        weights = self.weights[batch.rows] * self.certainty[batch.rows]
        towards = (self.row_losses(batch) * weights).mean()
        return towards + self.params.share_weight * share_divergence(batch.logits, self.shares)

    def memory(self) -> dict[str, Tensor]:
        """Return the targets, and how sure they are."""
        return {"targets": self.targets, "certainty": self.certainty}

    def metrics(self) -> dict[str, float]:
        """Return the share of noisy rows."""
        return {"noisy": self.share_noisy}


fit = head_method(LinearSeparation)
