"""The training loop of heads on frozen features: batches, optimiser, schedule, average, resume.

A method brings an ``Objective``: what it does before an epoch, and its loss. Everything else is
here. All randomness comes from (seed, epoch), so that a training that goes on from a checkpoint
takes the same steps as one that was never broken off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from noisefix.errors import ModelError, UsageError
from noisefix.training.heads import HeadClassifier, head_logits, init_heads
from noisefix.training.interface import Checkpoint, State, Training, TrainingData, TrainingStep
from noisefix.training.selection import Criterion, choose_criterion
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_STEPS = 16
_BLOCK = 4096  # rows looked at together outside of training


@dataclass(frozen=True)
class HeadParams:
    """Options that all methods with a head share.

    Attributes:
        epochs: passes over the rows, at most.
        batch_size: rows in a step, at most: an epoch has 16 steps or more, so that few rows are
            learned as well.
        learning_rate: Adam's, at its highest.
        warmup: share of the steps in which the rate rises; a half cosine then takes it to 0.
        penalty: L2, as scikit-learn's 1 / C: half the squared weights, times penalty / N, are added
            to the mean loss. Measured on nine noisy sets: 0.1 gains 1.6 points over 1.
        ema_decay: of the running average of the weights, which is what is returned; 0 = the last.
        head: "linear" or "mlp".
        hidden: units of an mlp's hidden layer.
        dropout: of these units, in training.
        patience: epochs without a better criterion after which to stop and take the best; 0: train
            to the end, and take that.
    """

    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.02
    warmup: float = 0.06
    penalty: float = 0.1
    ema_decay: float = 0.98
    head: str = "linear"
    hidden: int = 256
    dropout: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "hidden"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must be at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise UsageError(f"learning_rate is {self.learning_rate}", "it must be above 0")
        for name in ("warmup", "ema_decay", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "it must lie in 0 to below 1")
        if self.penalty < 0 or self.patience < 0:
            raise UsageError("penalty or patience is negative", "they must be 0 or above")


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's rows.

    Attributes:
        rows: (B,) int64 places in the training data.
        features: (B, D), or (M, B, D) where the heads have features of their own.
        logits: (M, B, K).
        progress: share of all steps that are done, 0 .. 1.
        forward: features to logits, with the same heads: for methods that mix rows.
        rng: randomness of this epoch.
    """

    rows: Tensor
    features: Tensor
    logits: Tensor
    progress: float
    forward: Callable[[Tensor], Tensor]
    rng: np.random.Generator


class Objective(Protocol):
    """What makes a method."""

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Prepare epoch 0, 1, ..; ``look()`` returns the logits of all rows now, (M, N, K)."""
        ...

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        ...

    def memory(self) -> dict[str, Tensor]:
        """Return what it remembers from step to step; updated in place when training goes on."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return small facts about the epoch."""
        ...


class Plain:
    """An objective that remembers nothing: made of a loss, or a base to override."""

    def __init__(self, loss: Callable[[Batch], Tensor] | None = None) -> None:
        self._loss = loss

    def start_epoch(self, epoch: int, look: Callable[[], Tensor]) -> None:
        """Prepare nothing."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        if self._loss is None:
            raise TypeError("an objective needs a loss")
        return self._loss(batch)

    def memory(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def metrics(self) -> dict[str, float]:
        """Return nothing."""
        return {}


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
    """Train heads with an objective.

    Args:
        data: the training rows.
        params: options.
        objective: the method.
        seed: seed of weights, batches and whatever the objective draws.
        device: "cpu", "cuda" or "mps".
        n_heads: M.
        features: (M, N, D) features of each head's own, on the device; None: ``data.features``.
        rows: (R,) rows to train on; None: the labelled ones.
        checkpoint: where to go on from, and to save to.

    Returns:
        A ``HeadClassifier`` of all heads.
    """
    run = _Run(data, params, objective, seed, device, n_heads, features, rows)
    start = run.resume(checkpoint)
    for epoch in range(start, params.epochs):
        loss = run.epoch(epoch)
        metrics = objective.metrics() | run.judge(epoch)
        if checkpoint is not None:
            checkpoint.save(*run.saved(epoch + 1))
        yield TrainingStep(epoch + 1, params.epochs, loss, metrics)
        if run.should_stop(epoch):
            break
    return HeadClassifier(run.result())


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
        features: Tensor | None,
        rows: np.ndarray | None,
    ) -> None:
        import torch

        self.params, self.objective, self.seed, self.device = params, objective, seed, device
        self.features = to_device(data.features, device) if features is None else features
        self.rows = np.flatnonzero(data.is_labelled) if rows is None else rows
        initial = init_heads(
            n_heads,
            self.features.shape[-1],
            data.n_classes,
            kind=params.head,
            hidden=params.hidden,
            seed=seed,
        )
        self.weights = {
            name: torch.from_numpy(value).to(device).requires_grad_()
            for name, value in initial.items()
        }
        self.average = {name: value.detach().clone() for name, value in self.weights.items()}
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = -math.inf, 0
        self.optimiser = torch.optim.Adam(list(self.weights.values()), lr=params.learning_rate)
        fewest = min(_LEAST_STEPS, len(self.rows))
        self.batches = max(math.ceil(len(self.rows) / params.batch_size), fewest, 1)
        self.steps = self.batches * params.epochs
        self.criterion: Criterion | None = choose_criterion(data) if params.patience else None

    def epoch(self, epoch: int) -> float:
        import torch

        rng = np.random.default_rng([self.seed, epoch])
        with single_thread(self.device), _dropout_seed(self.seed, epoch, self.params.dropout):
            self.objective.start_epoch(epoch, self.look)
            order = torch.from_numpy(rng.permutation(self.rows)).to(self.device)
            total = torch.zeros((), device=self.device)
            for index, rows in enumerate(order.tensor_split(self.batches)):
                total += self._step(rows, epoch * self.batches + index, rng) * len(rows)
        loss = float(total) / max(len(self.rows), 1)
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} after epoch {epoch + 1}", "try a smaller learning rate"
            )
        return loss

    def _step(self, rows: Tensor, step: int, rng: np.random.Generator) -> Tensor:
        import torch

        features = self.features[..., rows, :]
        with mixed_precision(self.device):
            logits = self._forward(features)
        batch = Batch(rows, features, logits.float(), step / self.steps, self._forward, rng)
        loss = self.objective.loss(batch)
        squares = sum(w.square().sum() for name, w in self.weights.items() if "weight" in name)
        for group in self.optimiser.param_groups:
            group["lr"] = self.params.learning_rate * schedule(step, self.steps, self.params.warmup)
        self.optimiser.zero_grad()
        torch.autograd.backward(loss + self.params.penalty / (2 * len(self.rows)) * squares)
        self.optimiser.step()
        decay = min(self.params.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, value in self.weights.items():
                self.average[name].lerp_(value, 1 - decay)
        return loss.detach()

    def _forward(self, features: Tensor) -> Tensor:
        return head_logits(self.weights, features, self.params.dropout)

    def look(self) -> Tensor:
        """Return (M, N, K) logits of all rows, without dropout or gradient."""
        return self._look(self.weights, self.features)

    def _look(self, weights: dict[str, Tensor], features: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            parts = [head_logits(weights, part) for part in torch.split(features, _BLOCK, dim=-2)]
            return torch.cat(parts, dim=1)

    def judge(self, epoch: int) -> dict[str, float]:
        """Hold the averaged weights against the criterion, and keep the best."""
        if self.criterion is None:
            return {}
        features = self.features
        if self.criterion.features is not None:
            features = to_device(self.criterion.features, self.device)
        with single_thread(self.device):
            probs = self._look(self.average, features).softmax(-1).mean(0)
        score = self.criterion.score(probs.cpu().numpy().astype(np.float64))
        if score > self.best_score:
            self.best = {name: value.clone() for name, value in self.average.items()}
            self.best_score, self.best_epoch = score, epoch
        return {f"{self.criterion.name}_score": score}

    def should_stop(self, epoch: int) -> bool:
        return bool(self.best) and epoch - self.best_epoch >= self.params.patience

    def result(self) -> State:
        return {k: v.detach().cpu().numpy() for k, v in (self.best or self.average).items()}

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
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(tensors[f"weights.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
                self.optimiser.state[value] = {
                    "step": torch.tensor(float(epochs * self.batches)),
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


def mixed_precision(device: str) -> AbstractContextManager[Any]:
    """Return autocast to bfloat16 on a GPU that has it natively; elsewhere nothing."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


@contextmanager
def single_thread(device: str) -> Iterator[None]:
    """Let torch use one thread within: products this small are slower on more, and less equal."""
    import torch

    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _dropout_seed(seed: int, epoch: int, dropout: float) -> Iterator[None]:
    """Seed torch's own generator for dropout, and give it back as it was."""
    import torch

    if not dropout:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.default_rng([seed, epoch, 1]).integers(2**62)))
        yield


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
