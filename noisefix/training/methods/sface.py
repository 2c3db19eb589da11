"""SFace: rows are pulled to their class and pushed from others, but only so far.

The head is a direction for each class, and what counts is the angle between a row and a direction.
Pulling stops at one angle, pushing at another: a row that will not come, because its label is
wrong, is not dragged on.

Source: Zhong, Deng, Hu, Zhao, Li, Wen, SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face
Recognition, IEEE TIP 2021 (known from the authors' code, ``zhongyy/SFace``), with its slope.
Decisions: the angles at which it stops are medians over the rows, of the angles to the mean of
their own class and to those of others, for sentences do not lie as faces do; directions start at
the class means; a soft target has a share in both parts. Directions tell which class, but not how
surely: a temperature under which the training targets are likeliest makes them the linear head that
is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.training.heads import HeadClassifier
from noisefix.training.interface import Checkpoint, State, Training, TrainingData
from noisefix.training.loop import Learner, single_thread, to_arrays, train_epochs
from noisefix.training.losses import constrained_angles
from noisefix.training.methods.gaussian import class_means
from noisefix.training.targets import check_start, given_targets, rows_with_targets, to_device

if TYPE_CHECKING:
    from torch import Tensor

_COOLEST, _HOTTEST = 1.0, 200.0


@dataclass(frozen=True)
class Params:
    """Options.

    Attributes:
        epochs: passes over the rows.
        batch_size: rows in a step.
        learning_rate: Adam's, at its highest.
        warmup: share of the steps in which the rate rises.
        ema_decay: of the running average of the directions.
        start: "given" or "repaired" labels.
        slope: how abruptly pulling and pushing stop, the authors' k.
        inner: angle at which pulling stops, in radians; None: the median angle to the own class.
        outer: angle at which pushing stops; None: the median angle to other classes.
    """

    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.02
    warmup: float = 0.06
    ema_decay: float = 0.98
    start: str = "given"
    slope: float = 80.0
    inner: float | None = None
    outer: float | None = None

    def __post_init__(self) -> None:
        check_start(self.start)
        if min(self.epochs, self.batch_size) < 1 or min(self.learning_rate, self.slope) <= 0:
            raise UsageError("epochs, batch_size, learning_rate and slope must be above 0")
        if not 0 <= self.warmup < 1 or not 0 <= self.ema_decay < 1:
            raise UsageError("warmup and ema_decay must lie in 0 to below 1")


def usual_angles(unit: np.ndarray, targets: np.ndarray, means: np.ndarray) -> tuple[float, float]:
    """Return the median angles, in radians, to the mean of a row's own class and to the others.

    Args:
        unit: (N, D) unit rows.
        targets: (N, K) distributions; a row's own class is the likeliest.
        means: (K, D) of the classes.
    """
    lengths = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    angles = np.arccos(np.clip(unit @ (means / lengths).T, -1, 1))
    is_own = np.zeros(angles.shape, dtype=bool)
    is_own[np.arange(len(unit)), targets.argmax(axis=1)] = True
    return float(np.median(angles[is_own])), float(np.median(angles[~is_own]))


def temperature(cosines: np.ndarray, targets: np.ndarray) -> float:
    """Return by what to multiply (N, K) cosines so that the targets are likeliest."""
    from scipy.optimize import minimize_scalar

    from noisefix.probability import log_softmax

    def loss(log_scale: float) -> float:
        return -float((targets * log_softmax(np.exp(log_scale) * cosines)).sum())

    bounds = (math.log(_COOLEST), math.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


class _Run:
    """The state of one training."""

    def __init__(self, data: TrainingData, params: Params, seed: int, device: str) -> None:
        targets, _ = given_targets(data, 0.0, device, params.start)
        self.rows = rows_with_targets(data, targets)
        self.params, self.seed, self.targets, self.device = params, seed, targets, device
        lengths = np.maximum(np.linalg.norm(data.features, axis=1, keepdims=True), 1e-12)
        self.unit = data.features / lengths
        known = targets.cpu().numpy()[self.rows].astype(np.float64)
        _, means = class_means(self.unit[self.rows], known)
        inner, outer = usual_angles(self.unit[self.rows], known, means)
        self.inner = inner if params.inner is None else params.inner
        self.outer = outer if params.outer is None else params.outer
        self.features = to_device(self.unit, device)
        self.batches = max(math.ceil(len(self.rows) / params.batch_size), 1)
        self.learner = Learner(
            {"directions": means.T.astype(np.float32)},
            n_steps=self.batches * params.epochs,
            learning_rate=params.learning_rate,
            warmup=params.warmup,
            ema_decay=params.ema_decay,
            device=device,
            is_fused=False,
        )

    def epoch(self, epoch: int) -> tuple[float, dict[str, float]]:
        """Train an epoch."""
        rng = np.random.default_rng([self.seed, epoch])
        order = to_device(rng.permutation(self.rows), self.device)
        total = 0.0
        with single_thread(self.device):
            for rows in order.tensor_split(self.batches):
                loss = constrained_angles(
                    self.cosines(rows, self.learner.weights["directions"]),
                    self.targets[rows],
                    self.inner,
                    self.outer,
                    self.params.slope,
                ).mean()
                self.learner.descend(loss)
                total += float(loss.detach()) * len(rows)
        return total / len(self.rows), {"inner": self.inner, "outer": self.outer}

    def cosines(self, rows: Tensor, directions: Tensor) -> Tensor:
        """Return (B, K) cosines of rows to directions."""
        from torch.nn.functional import normalize

        return self.features[rows] @ normalize(directions, dim=0)

    def saved(self) -> tuple[State, dict[str, Any]]:
        """Return all of it, for a checkpoint."""
        return self.learner.saved(), {"epochs": self.learner.step // self.batches}

    def head(self) -> HeadClassifier:
        """Return the directions as a linear head."""
        directions = self.learner.average["directions"].detach()
        rows = to_device(self.rows, self.device)
        cosines = self.cosines(rows, directions).cpu().numpy().astype(np.float64)
        scale = temperature(cosines, self.targets[rows].cpu().numpy())
        weight = to_arrays({"weight": directions / directions.norm(dim=0).clamp_min(1e-12)})
        n_classes = self.targets.shape[1]
        return HeadClassifier(
            {
                "weight": scale * weight["weight"][None],
                "bias": np.zeros((1, 1, n_classes), np.float32),
            }
        )


def fit(
    data: TrainingData,
    params: Params,
    *,
    seed: int,
    device: str,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Turn the directions; see ``interface.Fit``."""
    data.check_frozen("sface")
    run = _Run(data, params, seed, device)
    found = None if checkpoint is None else checkpoint.load()
    done = 0 if found is None else int(found[1]["epochs"])
    if found is not None:
        run.learner.resume(found[0], done * run.batches)
    yield from train_epochs(run.epoch, range(done, params.epochs), run.saved, checkpoint)
    return run.head()
