"""The training loop of heads on features: batches, optimiser, schedule, average, resume.

A method brings an ``Objective``: what it does before an epoch, and its loss. Where the features
come from is the business of a ``FeatureSource``: a table, or an encoder that learns along.
Everything else is here. All randomness comes from (seed, epoch), so that a training that goes on
from a checkpoint takes the same steps as one that was never broken off.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError, UsageError
from noisefix.training.features import FeatureSource, FrozenFeatures
from noisefix.training.heads import HeadClassifier, head_logits, init_heads
from noisefix.training.interface import Checkpoint, State, Training, TrainingData, TrainingStep
from noisefix.training.objective import Batch, HeadParams, Objective, Plain
from noisefix.training.penalty import settled_penalty
from noisefix.training.precision import mixed_precision, single_thread, torch_seed
from noisefix.training.selection import Criterion, choose_criterion
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_STEPS = 16
_BLOCK = 4096  # rows looked at together outside of training


def train_heads(
    data: TrainingData,
    params: HeadParams,
    objective: Objective,
    *,
    seed: int,
    device: str,
    n_heads: int = 1,
    features: Tensor | None = None,
    rows: np.ndarray | None = None,
    checkpoint: Checkpoint | None = None,
) -> Training:
    """Train heads with an objective, and the encoder below them where the data say so.

    Args:
        data: the training rows; with ``tuning``, the encoder learns along.
        params: options.
        objective: the method.
        seed: seed of weights, batches and whatever the objective draws.
        device: "cpu", "cuda" or "mps".
        n_heads: M; all of them share one encoder.
        features: (M, N, D) features of each head's own, on the device; None: ``data.features``.
        rows: (R,) rows to train on; None: the labelled ones.
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
    if data.tuning is not None:
        source = data.tuning.start(device)
    else:
        source = FrozenFeatures(to_device(data.features, device) if features is None else features)
    run = _Run(data, params, objective, seed, device, n_heads, source, rows)
    start = run.resume(checkpoint)
    for epoch in range(start, params.epochs):
        loss = run.epoch(epoch)
        metrics = {"penalty": run.penalty} | objective.metrics() | run.judge(epoch)
        if checkpoint is not None:
            checkpoint.save(*run.saved(epoch + 1))
        yield TrainingStep(epoch + 1, params.epochs, loss, metrics)
        if run.should_stop(epoch):
            break
    heads, below = run.result()
    if data.tuning is not None:
        data.tuning.finish(below)
    return HeadClassifier(heads)


class _Run:
    """The state of one training."""

    def __init__(
        self,
        data: TrainingData,
        params: HeadParams,
        objective: Objective,
        seed: int,
        device: str,
        n_heads: int,
        source: FeatureSource,
        rows: np.ndarray | None,
    ) -> None:
        import torch

        self.params, self.objective, self.seed, self.device = params, objective, seed, device
        self.penalty = settled_penalty(data, params)
        self.source = source
        self.rows = np.flatnonzero(data.is_labelled) if rows is None else rows
        initial = init_heads(
            n_heads,
            source.n_features,
            data.n_classes,
            kind=params.head,
            hidden=params.hidden,
            seed=seed,
        )
        self.heads = {
            name: torch.from_numpy(value).to(device).requires_grad_()
            for name, value in initial.items()
        }
        self.weights = self.heads | source.weights
        self.average = {name: value.detach().clone() for name, value in self.weights.items()}
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = -math.inf, 0
        groups: list[dict[str, Any]] = [
            {"params": list(self.heads.values()), "top": params.learning_rate}
        ]
        if source.weights:
            groups.append({"params": list(source.weights.values()), "top": source.learning_rate})
        # One kernel for millions of weights; the few of a head keep the order of the plain one.
        fused = True if source.weights and not device.startswith("mps") else None
        self.optimiser = torch.optim.Adam(groups, lr=params.learning_rate, fused=fused)
        fewest = min(_LEAST_STEPS, len(self.rows))
        self.batches = max(math.ceil(len(self.rows) / params.batch_size), fewest, 1)
        self.steps = self.batches * params.epochs
        self.criterion: Criterion | None = choose_criterion(data) if params.patience else None

    def epoch(self, epoch: int) -> float:
        import torch

        rng = np.random.default_rng([self.seed, epoch])
        threads = nullcontext() if self.source.weights else single_thread(self.device)
        with threads, torch_seed([self.seed, epoch, 1], self.params.dropout):
            self.objective.start_epoch(epoch, self.look)
            order = torch.from_numpy(rng.permutation(self.rows)).to(self.device)
            total = torch.zeros((), device=self.device)
            for index, rows in enumerate(order.tensor_split(self.batches)):
                total += self._step(rows, epoch * self.batches + index, rng) * len(rows)
        loss = float(total) / max(len(self.rows), 1)
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} after epoch {epoch + 1}",
                "try a smaller one: --set learning_rate=0.002",
            )
        return loss

    def _step(self, rows: Tensor, step: int, rng: np.random.Generator) -> Tensor:
        import torch

        features = self.source.batch(rows, [self.seed, step, 2])
        with mixed_precision(self.device):
            logits = self._forward(features)
        batch = Batch(rows, features, logits.float(), step / self.steps, self._forward, rng)
        loss = self.objective.loss(batch)
        squares = sum(w.square().sum() for name, w in self.heads.items() if "weight" in name)
        factor = schedule(step, self.steps, self.params.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * factor
        self.optimiser.zero_grad()
        torch.autograd.backward(loss + self.penalty / (2 * len(self.rows)) * squares)
        self.source.spread(features)
        self.optimiser.step()
        decay = min(self.params.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self.weights.items():
                self.average[name].lerp_(value, 1 - decay)
        return loss.detach()

    def _forward(self, features: Tensor) -> Tensor:
        return head_logits(self.heads, features, self.params.dropout)

    def look(self) -> Tensor:
        """Return (M, N, K) logits of all rows, without dropout or gradient."""
        return self._look(self.heads, self.source.everything())

    def _look(self, weights: dict[str, Tensor], features: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            parts = [head_logits(weights, part) for part in torch.split(features, _BLOCK, dim=-2)]
            return torch.cat(parts, dim=1)

    def judge(self, epoch: int) -> dict[str, float]:
        """Hold the averaged weights against the criterion, and keep the best."""
        if self.criterion is None:
            return {}
        below = {name: self.average[name] for name in self.source.weights}
        if self.criterion.features is None:
            features = self.source.everything(below)
        else:
            features = self.source.trusted(below, self.criterion.features)
        with single_thread(self.device):
            probs = self._look(self.average, features).softmax(-1).mean(0)
        score = self.criterion.score(probs.cpu().numpy().astype(np.float64))
        if score > self.best_score:
            self.best = {name: value.clone() for name, value in self.average.items()}
            self.best_score, self.best_epoch = score, epoch
        return {f"{self.criterion.name}_score": score}

    def should_stop(self, epoch: int) -> bool:
        return bool(self.best) and epoch - self.best_epoch >= self.params.patience

    def result(self) -> tuple[State, dict[str, Tensor]]:
        """Return the heads' parameters, and the weights below them on the device."""
        chosen = self.best or self.average
        heads = {name: chosen[name].detach().cpu().numpy() for name in self.heads}
        return heads, {name: chosen[name].detach() for name in self.source.weights}

    def saved(self, epochs: int) -> tuple[State, dict[str, Any]]:
        tensors: dict[str, Tensor] = {}
        for name, value in self.weights.items():
            moments = self.optimiser.state[value]
            tensors |= {
                f"weights.{name}": value,
                f"average.{name}": self.average[name],
                f"first.{name}": moments["exp_avg"],
                f"second.{name}": moments["exp_avg_sq"],
            }
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"memory.{name}": value for name, value in self.objective.memory().items()}
        best_score = self.best_score if self.best else None
        facts = {"epochs": epochs, "best_score": best_score, "best_epoch": self.best_epoch}
        return {name: value.detach().cpu().numpy().copy() for name, value in tensors.items()}, facts

    def resume(self, checkpoint: Checkpoint | None) -> int:
        """Take up what was saved; return how many epochs are done."""
        import torch

        found = None if checkpoint is None else checkpoint.load()
        if found is None:
            return 0
        arrays, facts = found
        tensors = {k: torch.from_numpy(v.copy()).to(self.device) for k, v in arrays.items()}
        epochs = int(facts["epochs"])
        # On a GPU a fused optimiser counts its steps there, the plain one on the CPU.
        is_on_gpu = self.source.weights and self.device.startswith("cuda")
        place = self.device if is_on_gpu else "cpu"
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(tensors[f"weights.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
                self.optimiser.state[value] = {
                    "step": torch.tensor(float(epochs * self.batches), device=place),
                    "exp_avg": tensors[f"first.{name}"],
                    "exp_avg_sq": tensors[f"second.{name}"],
                }
            for name, value in self.objective.memory().items():
                value.copy_(tensors[f"memory.{name}"])
        if facts["best_score"] is not None:
            self.best = {
                name.removeprefix("best."): value
                for name, value in tensors.items()
                if name.startswith("best.")
            }
            self.best_score, self.best_epoch = facts["best_score"], int(facts["best_epoch"])
        return min(epochs, self.params.epochs)


def schedule(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate's factor: a linear rise, then half a cosine towards 0."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


__all__ = [
    "Batch",
    "HeadParams",
    "Objective",
    "Plain",
    "mixed_precision",
    "schedule",
    "single_thread",
    "train_heads",
]
