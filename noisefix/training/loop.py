"""The training loop that all methods share: steps, schedule, average, epochs, and going on.

Adam, a warm-up and half a cosine, an exponential moving average of the weights; saved whole, so
that a training that goes on from a checkpoint takes the same steps as one never broken off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError
from noisefix.training.interface import Checkpoint, State, TrainingStep

if TYPE_CHECKING:
    from torch import Tensor


class Learner:
    """Named parameters that learn.

    Attributes:
        weights: the parameters.
        average: their running average.
        step: steps taken.
    """

    def __init__(
        self,
        initial: State,
        *,
        n_steps: int,
        learning_rate: float,
        warmup: float = 0.0,
        ema_decay: float = 0.0,
        device: str = "cpu",
        is_fused: bool = True,
        below: Mapping[str, Tensor] | None = None,
        below_rate: float = 0.0,
    ) -> None:
        """Set up.

        Args:
            initial: the untrained parameters.
            n_steps: steps there will be.
            learning_rate: Adam's, at its highest.
            warmup: share of the steps in which it rises.
            ema_decay: of the running average; 0: the average is the newest.
            device: where the parameters are.
            is_fused: one kernel for all weights, where the device has it; it rounds otherwise.
            below: weights that learn along, those of an encoder; they are on the device.
            below_rate: their learning rate, at its highest.
        """
        import torch

        own = {
            name: torch.from_numpy(value.copy()).to(device).requires_grad_()
            for name, value in initial.items()
        }
        self.weights = own | dict(below or {})
        self.average = {name: value.detach().clone() for name, value in self.weights.items()}
        groups: list[dict[str, Any]] = [{"params": list(own.values()), "top": learning_rate}]
        if below:
            groups.append({"params": list(below.values()), "top": below_rate})
        is_fused = is_fused and not device.startswith("mps")
        self._optimiser = torch.optim.Adam(groups, lr=learning_rate, fused=is_fused or None)
        # On a GPU a fused optimiser counts its steps there, the plain one on the CPU.
        self._counts_on = device if is_fused and device.startswith("cuda") else "cpu"
        self._warmup, self._decay, self._n_steps = warmup, ema_decay, n_steps
        self.step = 0

    def descend(self, loss: Tensor, spread: Callable[[], None] | None = None) -> None:
        """Take one step down the gradient of a loss.

        Args:
            loss: of the weights, a scalar.
            spread: called between gradient and step, to hand the gradient on to ``below``.
        """
        import torch
        from torch.optim.swa_utils import get_ema_multi_avg_fn

        factor = schedule(self.step, self._n_steps, self._warmup)
        for group in self._optimiser.param_groups:
            group["lr"] = group["top"] * factor
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        if spread is not None:
            spread()
        self._optimiser.step()
        decay = min(self._decay, (1 + self.step) / (10 + self.step))
        # All weights at once: a GPU is told of it once.
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(list(self.average.values()), [v.detach() for v in self.weights.values()], self.step)
        self.step += 1

    def saved(self) -> State:
        """Return weights, average and moments as arrays."""
        tensors: dict[str, Tensor] = {}
        for name, value in self.weights.items():
            moments = self._optimiser.state[value]
            tensors |= {
                f"weights.{name}": value,
                f"average.{name}": self.average[name],
                f"first.{name}": moments["exp_avg"],
                f"second.{name}": moments["exp_avg_sq"],
            }
        return to_arrays(tensors)

    def resume(self, saved: State, step: int) -> None:
        """Take up what ``saved`` returned after so many steps."""
        import torch

        def tensor(kind: str, name: str) -> Tensor:
            value = torch.from_numpy(saved[f"{kind}.{name}"].copy())
            return value.to(self.average[name].device)

        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(tensor("weights", name))
                self.average[name].copy_(tensor("average", name))
                self._optimiser.state[value] = {
                    "step": torch.tensor(float(step), device=self._counts_on),
                    "exp_avg": tensor("first", name),
                    "exp_avg_sq": tensor("second", name),
                }
        self.step = step


def to_arrays(tensors: Mapping[str, Tensor]) -> State:
    """Return copies of tensors as arrays, which stay what they are as the tensors learn on."""
    return {name: value.detach().cpu().numpy().copy() for name, value in tensors.items()}


def schedule(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate's factor: a linear rise, then half a cosine towards 0."""
    rise = warmup * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


def train_epochs(
    epoch: Callable[[int], tuple[float, dict[str, float]]],
    epochs: range,
    save: Callable[[], tuple[State, dict[str, Any]]],
    checkpoint: Checkpoint | None = None,
    *,
    phase: str = "",
    remedy: str = "try another --seed or --method",
) -> Generator[TrainingStep, None, None]:
    """Train epoch by epoch.

    Args:
        epoch: trains one, 0, 1, ..; returns its mean loss and small facts by name.
        epochs: those that are left.
        save: returns the state after an epoch.
        checkpoint: where to save it; None: nowhere.
        phase: name of this part of the training.
        remedy: what to do when the loss is no number any more.

    Raises:
        ModelError: the loss is NaN or infinite.
    """
    for number in epochs:
        loss, metrics = epoch(number)
        if not math.isfinite(loss):
            raise ModelError(f"the loss is {loss} after epoch {number + 1}", remedy)
        if checkpoint is not None:
            checkpoint.save(*save())
        yield TrainingStep(number + 1, epochs.stop, loss, metrics, phase)


def load_phase(checkpoint: Checkpoint | None, phase: str) -> tuple[State, dict[str, Any]] | None:
    """Return what was saved in a part of the training; None where nothing was, or another part."""
    saved = None if checkpoint is None else checkpoint.load()
    return saved if saved is not None and saved[1].get("phase") == phase else None


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
def torch_seed(seed: Sequence[int], dropout: float = 1.0) -> Iterator[None]:
    """Seed torch's own generator, from which dropout draws, and give it back as it was.

    Args:
        seed: entropy.
        dropout: 0: there is nothing to draw, so nothing is done.
    """
    import torch

    if not dropout:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(int(np.random.default_rng(list(seed)).integers(2**62)))
        yield
