"""SiDyP's first stage on frozen features: co-regularised branches, and their training dynamics.

M heads learn the given labels side by side as one batched tensor, each held to their mean. The
heads of every epoch are kept: whatever text comes later, its training dynamics are what these heads
make of it, so that a training row predicted as if unseen has the dynamics it had in training.

Source: SiDyP, KDD 2025, arXiv:2505.19675, stage I; its code looks at the test rows *during*
training instead, and so knows no others.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.hardware import send
from noisefix.training.heads import init_heads
from noisefix.training.interface import Checkpoint, State, TrainingStep
from noisefix.training.loop import Learner, load_phase, single_thread, train_epochs
from noisefix.training.losses import branch_loss

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BranchParams:
    """Options of the first stage.

    Attributes:
        n_branches: M.
        min_steps: steps of an epoch, at least: small data are passed over several times.
        batch_size: rows in a step.
        hidden: H, units of a head; None: twice the classes, within 32 to 128. A layer narrower than
            the classes are many cannot tell them apart.
        learning_rate: Adam's.
        warmup: share of the steps in which it rises.
        agreement: weight alpha of the KL divergence between the mean prediction and each branch.
        agreement_from: share of the steps after which it counts.
        penalty: L2 of the weights, as in ``HeadParams`` and in its units: of features as they come,
            before they are standardised. None: ``sidyp`` chooses it; without it there is none.
    """

    n_branches: int = 3
    min_steps: int = 40
    batch_size: int = 128
    hidden: int | None = None
    learning_rate: float = 3e-3
    warmup: float = 0.06
    agreement: float = 5.0
    agreement_from: float = 0.1
    penalty: float | None = None

    def n_hidden(self, n_classes: int) -> int:
        """Return H for a number of classes."""
        return min(max(32, 2 * n_classes), 128) if self.hidden is None else self.hidden


@dataclass(frozen=True, eq=False)
class Branches:
    """M heads at the end of each of E epochs; D features, H hidden units, K classes.

    Attributes:
        center: (D,) mean of the training features.
        scale: () root mean square of the centred features.
        hidden_weight: (E, M, D, H).
        hidden_bias: (E, M, 1, H).
        weight: (M, H, K) of the last epoch; earlier ones serve the dynamics by their hidden layer.
        bias: (M, 1, K).
    """

    center: Tensor
    scale: Tensor
    hidden_weight: Tensor
    hidden_bias: Tensor
    weight: Tensor
    bias: Tensor

    @property
    def n_dynamics(self) -> int:
        """F: the features themselves and H values of every epoch."""
        return len(self.center) + self.hidden_weight.shape[0] * self.hidden_weight.shape[3]

    def look(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the training dynamics (M, N, F) of (N, D) features, and p(given | row) (M, N, K).

        The dynamics are the embedding at every epoch, in order. Before the first epoch it is the
        frozen feature itself, then each epoch's hidden layer.
        """
        import torch

        _, n_branches, n_features, n_hidden = self.hidden_weight.shape
        points = standardise(features, self.center, self.scale)  # (N, D)
        flat = self.hidden_weight.permute(2, 1, 0, 3).reshape(n_features, -1)  # one product for all
        bias = self.hidden_bias.permute(2, 1, 0, 3).reshape(1, -1)
        hidden = torch.addmm(bias, points, flat).tanh_()
        hidden = hidden.reshape(len(points), n_branches, -1).transpose(0, 1)  # (M, N, E H)
        logits = torch.baddbmm(self.bias, hidden[..., -n_hidden:], self.weight)
        dynamics = torch.cat([points.expand(n_branches, -1, -1), hidden], dim=-1)
        return dynamics, logits.softmax(-1)

    def state(self) -> State:
        """Return all of it as arrays."""
        return {name: value.cpu().numpy() for name, value in vars(self).items()}


def standardise(features: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    """Centre features, and bring them to a mean square of 1."""
    return (features - center) / scale


def train_branches(
    features: Tensor,
    given_labels: Tensor,
    n_classes: int,
    params: BranchParams,
    *,
    epochs: int,
    seed: int,
    checkpoint: Checkpoint | None = None,
    phase: str = "branches",
) -> Generator[TrainingStep, None, Branches]:
    """Train M branches on the given labels.

    Args:
        features: (N, D) of the labelled rows, on the device.
        given_labels: (N,) int64 in 0..K-1.
        n_classes: K.
        params: options.
        epochs: E; the heads of each are kept.
        seed: seed of weights and batches.
        checkpoint: where to go on from, and to save to.
        phase: name of this part of the training.
    """
    import torch

    n_rows = len(features)
    center = features.mean(0)
    scale = (features - center).square().mean().sqrt().clamp_min(1e-12)
    points = standardise(features, center, scale)
    per_epoch = max(params.min_steps, math.ceil(n_rows / params.batch_size))
    initial = init_heads(
        params.n_branches,
        features.shape[1],
        n_classes,
        kind="mlp",
        hidden=params.n_hidden(n_classes),
        seed=seed,
    )
    n_steps = epochs * per_epoch
    learner = Learner(
        initial,
        n_steps=n_steps,
        learning_rate=params.learning_rate,
        warmup=params.warmup,
        device=str(features.device),
    )
    kept: list[dict[str, Tensor]] = []
    saved = load_phase(checkpoint, phase)
    if saved is not None:
        tensors, facts = saved
        kept = _unstack(tensors, str(features.device))
        if facts["steps"] < n_steps:
            learner.resume(tensors, facts["steps"])

    def train_epoch(epoch: int) -> tuple[float, dict[str, float]]:
        total = torch.zeros((), device=features.device)  # read once an epoch
        with single_thread(str(features.device)):
            for rows in batches(n_rows, params.batch_size, per_epoch, [seed, 1, epoch]):
                batch = send(rows, str(features.device))
                share = params.agreement * (learner.step >= params.agreement_from * n_steps)
                log_probs = _log_probs(learner.weights, points[batch])
                loss = branch_loss(log_probs, given_labels[batch], share)
                if params.penalty:
                    loss = loss + params.penalty / (2 * n_rows) * _squares(learner.weights, scale)
                learner.descend(loss)
                total += loss.detach()
        kept.append({name: value.clone() for name, value in learner.average.items()})
        return float(total) / per_epoch / params.n_branches, {}

    def state() -> tuple[State, dict[str, Any]]:
        return learner.saved() | _stack(kept), {"phase": phase, "steps": learner.step}

    yield from train_epochs(train_epoch, range(len(kept), epochs), state, checkpoint, phase=phase)
    return Branches(
        center,
        scale,
        torch.stack([epoch["hidden_weight"] for epoch in kept]),
        torch.stack([epoch["hidden_bias"] for epoch in kept]),
        kept[-1]["weight"],
        kept[-1]["bias"],
    )


def batches(n_rows: int, batch_size: int, n_batches: int, seed: list[int]) -> list[np.ndarray]:
    """Return batches of row places that pass over all rows before any comes again.

    Args:
        n_rows: N.
        batch_size: rows in each, at most N.
        n_batches: how many.
        seed: entropy for the shuffling.
    """
    rng = np.random.default_rng(seed)
    size = min(batch_size, n_rows)
    passes = -(-n_batches * size // n_rows)
    order = np.concatenate([rng.permutation(n_rows) for _ in range(passes)])
    return [order[i * size : (i + 1) * size] for i in range(n_batches)]


def clean_pool(
    branches: Branches, features: Tensor, given: Tensor, p_error: np.ndarray
) -> np.ndarray:
    """Choose the rows whose embeddings stay near their given label's centroid over the epochs.

    Score = mean + standard deviation over the epochs of the distance to the centroid, averaged over
    branches. Each class keeps as many of its rows, the nearest, as are expected to be right: the
    sum of 1 - p_error, where the paper's script keeps half of all. A class none of whose rows is
    expected to be right keeps none.

    Args:
        branches: the trained branches.
        features: (N, D) of the labelled rows.
        given: (N,) int64.
        p_error: (N,) in [0, 1].

    Returns:
        (N,) bool.
    """
    score = dynamics_score(branches, features, given)
    labels = given.cpu().numpy()
    pool = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        expected = round(float((1 - p_error[rows]).sum()))
        pool[rows[np.argsort(score[rows], kind="stable")[:expected]]] = True
    return pool


def dynamics_score(branches: Branches, features: Tensor, given: Tensor) -> np.ndarray:
    """Return (N,): mean + standard deviation over the epochs of the distance to the centroid."""
    import torch

    n_epochs, n_branches = branches.hidden_weight.shape[:2]
    n_classes = branches.weight.shape[2]
    points = standardise(features, branches.center, branches.scale)
    members = torch.nn.functional.one_hot(given, n_classes).to(points.dtype)  # (N, K)
    members = members / members.sum(0).clamp_min(1)
    distances = []
    for epoch in range(n_epochs):
        weight, bias = branches.hidden_weight[epoch], branches.hidden_bias[epoch]
        hidden = torch.baddbmm(bias, points.expand(n_branches, -1, -1), weight).tanh()  # (M, N, H)
        centroids = members.T @ hidden  # (M, K, H)
        distances.append((hidden - centroids[:, given]).norm(dim=-1))  # (M, N)
    stacked = torch.stack(distances)  # (E, M, N)
    score = stacked.mean(0) + stacked.std(0, correction=0)
    array: np.ndarray = score.mean(0).cpu().numpy().astype(np.float64)
    return array


def _log_probs(weights: dict[str, Tensor], points: Tensor) -> Tensor:
    """Return (M, B, K) of (B, D) standardised features."""
    import torch

    many = points.expand(len(weights["weight"]), -1, -1)
    hidden = torch.baddbmm(weights["hidden_bias"], many, weights["hidden_weight"]).tanh()
    return torch.baddbmm(weights["bias"], hidden, weights["weight"]).log_softmax(-1)


def _squares(weights: dict[str, Tensor], scale: Tensor) -> Tensor:
    """Return the sum of the squared weights, the first layer's as if on features as they come."""
    return (weights["hidden_weight"] / scale).square().sum() + weights["weight"].square().sum()


def _stack(kept: list[dict[str, Tensor]]) -> State:
    names = kept[0] if kept else ()
    return {
        f"kept.{name}": np.stack([epoch[name].cpu().numpy() for epoch in kept]) for name in names
    }


def _unstack(tensors: State, device: str) -> list[dict[str, Tensor]]:
    import torch

    names = [name.removeprefix("kept.") for name in tensors if name.startswith("kept.")]
    arrays = {name: torch.from_numpy(tensors[f"kept.{name}"].copy()).to(device) for name in names}
    n_epochs = len(arrays["weight"])
    return [{name: arrays[name][epoch] for name in names} for epoch in range(n_epochs)]
