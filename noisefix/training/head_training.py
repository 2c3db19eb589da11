"""Training of heads on features with a method's objective, frozen features or a tuned encoder.

Where the features come from is the business of a ``FeatureSource``: a table, or an encoder that
learns along. All randomness comes from (seed, epoch).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.hardware import autocast, choose_precision, send
from noisefix.training.features import FeatureSource, FrozenFeatures
from noisefix.training.heads import (
    HeadClassifier,
    head_logits,
    init_heads,
    last_features,
    shaken,
)
from noisefix.training.interface import (
    Checkpoint,
    Fit,
    State,
    Training,
    TrainingData,
    with_weights,
)
from noisefix.training.loop import Learner, single_thread, to_arrays, torch_seed, train_epochs
from noisefix.training.losses import divergence
from noisefix.training.objective import Batch, HeadParams, Objective
from noisefix.training.paging import Paging
from noisefix.training.penalty import settled_penalty
from noisefix.training.selection import choose_criterion
from noisefix.training.shuffling import POOL, shuffled
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_STEPS = 16
_BLOCK = 4096  # rows looked at together outside of training


def head_method(make_objective: Callable[[TrainingData, Any, str], Objective]) -> Fit:
    """Return the ``fit`` of a method that trains heads with an objective.

    Args:
        make_objective: makes it of the data, the method's parameters and the device.
    """

    def fit(
        data: TrainingData,
        params: Any,
        *,
        seed: int,
        device: str,
        checkpoint: Checkpoint | None = None,
    ) -> Training:
        objective = make_objective(data, params, device)
        return train_heads(data, params, objective, seed=seed, device=device, checkpoint=checkpoint)

    return with_weights(fit)


def train_heads(
    data: TrainingData,
    params: HeadParams,
    objective: Objective,
    *,
    seed: int,
    device: str,
    features: Tensor | None = None,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train heads with an objective, and the encoder below them where the data say so.

    Args:
        data: the training rows; with ``tuning``, the encoder learns along.
        params: options.
        objective: the method.
        seed: seed of weights, batches and whatever the objective draws.
        device: "cpu", "cuda" or "mps".
        features: (M, N, D) features of each head's own, on the device; None: ``data.features``.
        checkpoint: where to go on from, and to save to.

    Returns:
        A ``HeadClassifier`` of all heads; a tuned encoder is kept by ``data.tuning``.

    Raises:
        UsageError: features of each head's own, and an encoder to tune.
    """
    if data.tuning is not None and features is not None:
        raise UsageError(
            "this method's heads have features of their own: an encoder cannot learn with them",
            "use --features frozen with this method, or another method",
        )
    source: FeatureSource
    paging = Paging(None)
    if data.tuning is not None:
        source = data.tuning.start(device)
    elif features is not None:
        source = FrozenFeatures(features)
    else:
        source = FrozenFeatures(to_device(data.features, device))
        paging = Paging(data.features if device == "cpu" else None)
    run = _Run(data, params, objective, seed, device, source, paging)
    for step in train_epochs(
        run.epoch,
        range(run.resume(checkpoint), params.epochs),
        run.saved,
        checkpoint,
        remedy="try a smaller one: --set learning_rate=0.002",
    ):
        yield step
        if run.best and step.epoch - 1 - run.best_epoch >= params.patience:
            break
    chosen = run.best or run.learner.average
    if data.tuning is not None:
        data.tuning.finish({name: chosen[name].detach() for name in source.weights})
    return HeadClassifier(to_arrays({name: chosen[name] for name in run.heads}))


class _Run:
    """The state of one training."""

    def __init__(
        self,
        data: TrainingData,
        params: HeadParams,
        objective: Objective,
        seed: int,
        device: str,
        source: FeatureSource,
        paging: Paging,
    ) -> None:
        self.params, self.objective, self.seed, self.device = params, objective, seed, device
        self.source, self.paging = source, paging
        usual = objective.penalty_share if params.penalty is None else 1.0
        self.penalty = usual * settled_penalty(data, params)
        self.rows = np.flatnonzero(data.is_labelled) if objective.rows is None else objective.rows
        self.weights = data.weights
        fewest = min(_LEAST_STEPS, len(self.rows))
        self.batches = max(math.ceil(len(self.rows) / params.batch_size), fewest, 1)
        self.steps = self.batches * params.epochs
        initial = init_heads(
            objective.n_heads,
            source.n_features,
            data.n_classes,
            kind=params.head,
            hidden=params.hidden,
            seed=seed,
        )
        self.learner = Learner(
            initial,
            n_steps=self.steps,
            learning_rate=params.learning_rate,
            warmup=params.warmup,
            ema_decay=params.ema_decay,
            device=device,
            # One kernel for millions of weights; the few of a head keep the order of the plain one.
            is_fused=bool(source.weights),
            below=source.weights,
            below_rate=source.learning_rate,
        )
        self.heads = {name: self.learner.weights[name] for name in initial}
        self.acting = self.heads  # with noise in, where it is asked for
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = -math.inf, 0
        self.criterion = choose_criterion(data) if params.patience else None
        self.precision = choose_precision("auto", device) if device.startswith("cuda") else "fp32"

    def epoch(self, epoch: int) -> tuple[float, dict[str, float]]:
        """Train an epoch; return its mean loss, and what is told of it."""
        import torch

        rng = np.random.default_rng([self.seed, epoch])
        threads = nullcontext() if self.source.weights else single_thread(self.device)
        draws = max(self.params.dropout, self.params.weight_noise)
        with threads, torch_seed([self.seed, epoch, 1], draws):
            self.objective.start_epoch(epoch, self.look)
            order = shuffled(self._drawn(rng), rng)
            total = torch.zeros((), device=self.device)  # read once an epoch: a GPU need not stop
            done, fetched = 0, 0
            with self.paging.at_random():
                for rows in torch.from_numpy(order).tensor_split(self.batches):
                    done += len(rows)
                    if done > fetched:
                        self.paging.fetch(order[fetched : fetched + POOL])
                        fetched += POOL
                    if len(rows):
                        total += self._step(rows, rng) * len(rows)
        loss = float(total) / max(len(order), 1)
        told = {"penalty": self.penalty} | self.objective.metrics()
        return loss, told | (self._judge(epoch) if math.isfinite(loss) else {})

    def _drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Return this epoch's rows: one of weight w is among them with probability w.

        So that a weight means the same for every objective, whatever it does with a batch.
        """
        if self.weights is None:
            return self.rows
        drawn: np.ndarray = self.rows[rng.random(len(self.rows)) < self.weights[self.rows]]
        return drawn

    def _step(self, rows: Tensor, rng: np.random.Generator) -> Tensor:
        step = self.learner.step
        features = self.source.batch(rows, [self.seed, step, 2])
        if self.params.weight_noise:
            self.acting = shaken(self.heads, self.params.weight_noise)
        with autocast(self.device, self.precision):
            logits = self._forward(features).float()
        on_device, progress = send(rows, self.device), step / self.steps
        plain, noised = features, None
        if self.source.agreement:  # each row once more, with noise in its words
            plain, (logits, noised) = features[: len(rows)], logits.tensor_split(2, dim=1)
        batch = Batch(on_device, plain, logits, progress, self._forward, rng, self._last)
        loss = self.objective.loss(batch)
        if noised is not None:
            loss = loss + self.source.agreement * divergence(logits, noised).mean()
        squares = sum(w.square().sum() for name, w in self.heads.items() if "weight" in name)
        held_back = loss + self.penalty / (2 * len(self.rows)) * squares
        self.learner.descend(held_back, partial(self.source.spread, features))
        return loss.detach()

    def _forward(self, features: Tensor) -> Tensor:
        return head_logits(self.acting, features, self.params.dropout)

    def _last(self, features: Tensor) -> Tensor:
        return last_features(self.acting, features)

    def look(self) -> Tensor:
        """Return (M, N, K) logits of all rows, without dropout or gradient."""
        return self._look(self.heads, self.source.everything())

    def _look(self, weights: dict[str, Tensor], features: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            parts = [head_logits(weights, part) for part in torch.split(features, _BLOCK, dim=-2)]
            return torch.cat(parts, dim=1)

    def _judge(self, epoch: int) -> dict[str, float]:
        """Hold the averaged weights against the criterion, and keep the best."""
        if self.criterion is None:
            return {}
        average = self.learner.average
        below = {name: average[name] for name in self.source.weights}
        if self.criterion.features is None:
            features = self.source.everything(below)
        else:
            features = self.source.trusted(below, self.criterion.features)
        with single_thread(self.device):
            probs = self._look(average, features).softmax(-1).mean(0)
        score = self.criterion.score(probs.cpu().numpy().astype(np.float64))
        if score > self.best_score:
            self.best = {name: value.clone() for name, value in average.items()}
            self.best_score, self.best_epoch = score, epoch
        return {f"{self.criterion.name}_score": score}

    def saved(self) -> tuple[State, dict[str, Any]]:
        """Return all of it, for a checkpoint."""
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"memory.{name}": value for name, value in self.objective.memory().items()}
        facts = {
            "epochs": self.learner.step // self.batches,
            "best_score": self.best_score if self.best else None,
            "best_epoch": self.best_epoch,
        }
        return self.learner.saved() | to_arrays(tensors), facts

    def resume(self, checkpoint: Checkpoint | None) -> int:
        """Take up what was saved; return how many epochs are done."""
        import torch

        found = None if checkpoint is None else checkpoint.load()
        if found is None:
            return 0
        arrays, facts = found
        epochs = int(facts["epochs"])
        self.learner.resume(arrays, epochs * self.batches)
        with torch.no_grad():
            for name, value in self.objective.memory().items():
                value.copy_(torch.from_numpy(arrays[f"memory.{name}"].copy()))
        if facts["best_score"] is not None:
            self.best = {
                name.removeprefix("best."): torch.from_numpy(value.copy()).to(self.device)
                for name, value in arrays.items()
                if name.startswith("best.")
            }
            self.best_score, self.best_epoch = facts["best_score"], int(facts["best_epoch"])
        return min(epochs, self.params.epochs)
