"""Training the denoiser: noised candidates in, their labels back; the prior moves as it learns."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.hardware import send
from noisefix.training.diffusion.denoiser import (
    denoise_hidden,
    denoiser_chains,
    init_denoiser,
    read_dynamics,
    tell_given,
)
from noisefix.training.diffusion.label_prior import draw_labels, label_means, reinforce
from noisefix.training.diffusion.sampling import (
    ReverseProcess,
    draw_noise,
    sample_labels,
)
from noisefix.training.diffusion.schedule import cosine_alphas_cumprod
from noisefix.training.diffusion.simplex import add_noise, simplex_logits
from noisefix.training.hidden_losses import prototype_contrast
from noisefix.training.interface import Checkpoint, State, TrainingStep
from noisefix.training.loop import Learner, single_thread, to_arrays, train_epochs
from noisefix.training.losses import branch_loss
from noisefix.training.stage_one import Branches, batches

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor

PHASE = "diffusion"
_BLOCK_VALUES = 1 << 24
_KEPT_VALUES = 1 << 26
"""Training dynamics kept for all rows, at most: 256 MB. Beyond, each batch computes its own."""


@dataclass(frozen=True)
class DenoiserParams:
    """Options of the second stage.

    Attributes:
        min_steps: steps of an epoch, at least: small data are passed over several times.
        batch_size: rows in a step.
        hidden: H.
        learning_rate: Adam's.
        ema_decay: of the running average, which draws the samples and is what is returned.
        agreement: weight lambda of the KL divergence between the mean and each branch.
        certain_epochs: share of the epochs that train on certain rows only.
        n_samples: labels drawn for an uncertain row in each epoch; 0: the prior stays.
        weighted: whether a drawn candidate's loss counts by its weight, as in the paper. The
            candidate is drawn by that weight already; once more makes the targets sharper.
        nearly_clean: expected share of wrong labels below which the denoiser begins at
            p(label | given label) instead of nothing: labels that are right should be kept, and of
            many classes it would take long to learn that. Noisier labels lead it away from what
            the text says.
        prototypes: weight of ``prototype_contrast`` of the hidden layer, beside each branch's loss.
    """

    min_steps: int = 60
    batch_size: int = 256
    hidden: int = 64
    learning_rate: float = 1e-3
    ema_decay: float = 0.99
    agreement: float = 2.0
    certain_epochs: float = 0.2
    n_samples: int = 4
    weighted: bool = False
    nearly_clean: float = 0.05
    prototypes: float = 0.0


class DenoiserRun:
    """The state of the second stage."""

    def __init__(
        self,
        branches: Branches,
        features: Tensor,
        given_labels: Tensor,
        start: np.ndarray,
        certain: np.ndarray,
        params: DenoiserParams,
        process: ReverseProcess,
        *,
        epochs: int,
        seed: int,
    ) -> None:
        """Set up.

        Args:
            branches: of stage one.
            features: (N, D) of the labelled rows, on the device.
            given_labels: (N,) int64.
            start: (N, K) label weights at the start.
            certain: (N,) bool, the rows to begin with.
            params: options.
            process: the diffusion.
            epochs: how often the prior is looked at anew.
            seed: seed of everything.
        """
        import torch

        self.branches, self.features, self.given = branches, features, given_labels
        self.start, self.certain = start, certain
        self._dynamics = _dynamics_of_all(branches, features)
        self.params, self.process = params, process
        self.epochs, self.seed = epochs, seed
        self.device = str(features.device)
        n_rows, n_classes = start.shape
        self.per_epoch: int = max(params.min_steps, math.ceil(n_rows / params.batch_size))
        self.n_branches = int(branches.weight.shape[0])
        self.alphas = torch.from_numpy(
            cosine_alphas_cumprod(process.n_timesteps).astype(np.float32)
        ).to(self.device)
        initial = init_denoiser(
            self.n_branches,
            n_classes,
            branches.n_dynamics,
            process.n_timesteps,
            hidden=params.hidden,
            seed=seed,
        )
        given = given_labels.cpu().numpy()
        if 1 - start[np.arange(n_rows), given].mean() < params.nearly_clean:
            initial = tell_given(initial, label_means(start, given))
        self.learner = Learner(
            initial,
            n_steps=epochs * self.per_epoch,
            learning_rate=params.learning_rate,
            ema_decay=params.ema_decay,
            device=self.device,
        )

    @property
    def epochs_done(self) -> int:
        """Epochs that have been trained."""
        return self.learner.step // self.per_epoch

    def train(
        self, checkpoint: Checkpoint | None = None, penalty: float = 0.0
    ) -> Generator[TrainingStep, None, State]:
        """Train the epochs that are left, and return the averaged parameters.

        Args:
            checkpoint: where to save it after each epoch, the branches with it.
            penalty: that the branches were trained with, to be told beside the rest.
        """

        def train_epoch(epoch: int) -> tuple[float, dict[str, float]]:
            with single_thread(self.device):
                loss, changed = self._epoch(epoch)
            return loss, {"penalty": penalty, "prior_changed": changed}

        kept = {f"branches.{name}": value for name, value in self.branches.state().items()}

        def state() -> tuple[State, dict[str, Any]]:
            return self.learner.saved() | kept, {"phase": PHASE, "steps": self.learner.step}

        epochs = range(self.epochs_done, self.epochs)
        yield from train_epochs(train_epoch, epochs, state, checkpoint, phase=PHASE)
        return to_arrays(self.learner.average)

    def _epoch(self, epoch: int) -> tuple[float, float]:
        import torch

        params = self.params
        begins = epoch < params.certain_epochs * self.epochs
        rows = np.flatnonzero(self.certain) if begins else np.arange(len(self.start))
        if len(rows) < params.batch_size // 4 or len(np.unique(self.start[rows].argmax(1))) < 2:
            rows = np.arange(len(self.start))  # too few to begin with
        weights = self.start if begins else self._moved(epoch)
        changed = float(np.abs(weights - self.start).sum(1).mean() / 2)
        seed = [self.seed, 2, epoch]
        uniforms = np.random.default_rng([*seed, 0])
        normals = torch.Generator().manual_seed(
            int(np.random.default_rng([*seed, 1]).integers(2**62))
        )
        total = torch.zeros((), device=self.device)  # read once an epoch
        for places in batches(len(rows), params.batch_size, self.per_epoch, [*seed, 2]):
            batch = rows[places]
            drawn = draw_labels(weights[batch], uniforms.random(len(batch)))
            # evenly spread over the steps, so that no batch sees only easy or only hard ones
            spread = (np.arange(len(batch)) + uniforms.random(len(batch))) / len(batch)
            timesteps = (spread * self.process.n_timesteps).astype(np.int64)
            timesteps = np.minimum(timesteps, self.process.n_timesteps - 1)
            counts = weights[batch, drawn] if params.weighted else np.ones(len(batch))
            loss = self._loss(batch, drawn, timesteps, counts, normals)
            self.learner.descend(loss)
            total += loss.detach()
        return float(total) / self.per_epoch / self.n_branches, changed

    def _loss(
        self,
        batch: np.ndarray,
        drawn: np.ndarray,
        timesteps: np.ndarray,
        counts: np.ndarray,
        normals: TorchGenerator,
    ) -> Tensor:
        import torch

        rows, labels, steps = (send(value, self.device) for value in (batch, drawn, timesteps))
        n_classes = self.start.shape[1]
        value = self.process.simplex_value
        clean = simplex_logits(labels, n_classes, value)[None, :, None, None]  # (1, B, 1, 1, K)
        eps = torch.randn(self.n_branches, len(batch), 1, 1, n_classes, generator=normals)
        noisy = add_noise(
            clean, send(eps, self.device), self.alphas[steps][:, None, None, None], value
        )
        logits, hidden = denoise_hidden(
            self.learner.weights,
            noisy,
            self.given[rows][None, :, None],
            steps,
            self.alphas,
            read_dynamics(self.learner.weights, self._look(rows)),
            value,
        )
        log_probs = logits[:, :, 0, 0].log_softmax(-1)  # (M, B, K)
        weight = send(counts.astype(np.float32), self.device)
        agreement = self.params.agreement if self.n_branches > 1 else 0.0
        loss = branch_loss(log_probs, labels, agreement, weight)
        if self.params.prototypes:
            certain = send(self.certain[batch], self.device)
            contrast = prototype_contrast(hidden[:, :, 0, 0], labels, certain, n_classes)
            loss = loss + self.params.prototypes * self.n_branches * contrast
        return loss

    def _look(self, rows: Tensor) -> Tensor:
        """Return the training dynamics (M, B, F) of some rows."""
        import torch

        if self._dynamics is not None:
            return self._dynamics[:, rows]
        with torch.no_grad():
            return self.branches.look(self.features[rows])[0]

    def _moved(self, epoch: int) -> np.ndarray:
        """Return the prior after the uncertain rows' labels were drawn by the averaged denoiser."""
        uncertain = np.flatnonzero(~self.certain)
        if self.params.n_samples < 1 or not len(uncertain):
            return self.start
        weights = self.start.copy()
        n_classes = weights.shape[1]
        per_chain = max(4 * self.params.hidden, 3 * self.process.n_steps * n_classes)
        per_row = self.n_branches * self.params.n_samples * per_chain
        block = max(1, _BLOCK_VALUES // per_row)
        for index, first in enumerate(range(0, len(uncertain), block)):
            rows = uncertain[first : first + block]
            drawn = self._drawn(rows, [self.seed, 3, epoch, index])
            weights[rows] = reinforce(self.start[rows], drawn, min_weight=0.5 / n_classes**2)
        return weights

    def _drawn(self, rows: np.ndarray, seed: list[int]) -> np.ndarray:
        """Return labels (R, M * S) that the chains of the rows' own given labels end at."""
        import torch

        places = torch.from_numpy(rows).to(self.device)
        shape = (self.n_branches, len(rows), 1)
        noise = draw_noise(
            seed,
            self.process.n_steps,
            self.params.n_samples,
            self.start.shape[1],
            self.device,
            shape=shape,
        )
        with torch.no_grad():
            chains = denoiser_chains(
                self.learner.average,
                self._look(places),
                self.given[places][None, :, None],  # (1, R, 1)
                noise,
                shape,
                self.process,
            )
            labels = sample_labels(chains)  # (M, R, 1, S)
        drawn: np.ndarray = labels[:, :, 0].permute(1, 0, 2).reshape(len(rows), -1).cpu().numpy()
        return drawn


def _dynamics_of_all(branches: Branches, features: Tensor) -> Tensor | None:
    """Return (M, N, F) where they are few enough to keep: every row comes up in many batches."""
    import torch

    n_branches = int(branches.weight.shape[0])
    if n_branches * len(features) * branches.n_dynamics > _KEPT_VALUES:
        return None
    with torch.no_grad(), single_thread(str(features.device)):
        return torch.cat([branches.look(part)[0] for part in torch.split(features, 4096)], dim=1)
