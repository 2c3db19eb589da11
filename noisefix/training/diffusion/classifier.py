"""SiDyP's classifier: p(y | x) = sum over given labels g of p(y | x, g) p(g | x).

All chains of a block of rows, of every given label, branch and sample, are one tensor: one
denoiser call a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import ModelError, NoisefixError
from noisefix.training.diffusion.denoiser import denoiser_chains
from noisefix.training.diffusion.sampling import (
    ReverseProcess,
    ReverseStep,
    draw_noise,
    read_posterior,
)
from noisefix.training.interface import State
from noisefix.training.stage_one import Branches
from noisefix.training.targets import to_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

_BLOCK_VALUES = 1 << 20
"""Hidden values of a block's chains: 4 MB, what stays near the processor."""

_BRANCH_ARRAYS = ("center", "scale", "hidden_weight", "hidden_bias", "weight", "bias")


class SidypClassifier:
    """Branches and denoiser.

    Attributes:
        branches: heads of every epoch.
        denoiser: its parameters.
        process: how labels are drawn.
        n_samples: chains for each row, branch and given label.
        n_given: given labels that are summed over, the most probable; with no more classes than
            that the sum is whole, with more the rest of p(g | x) is shared out.
        seed: of the chains' noise, which all rows share.
        device: where it computes.
    """

    kind = "sidyp"

    def __init__(
        self,
        branches: Branches,
        denoiser: State,
        process: ReverseProcess,
        *,
        n_samples: int = 2,
        n_given: int = 20,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        import torch

        self.branches, self.process = branches, process
        self.n_samples, self.n_given, self.seed = n_samples, n_given, seed
        self.device = device
        self._arrays = denoiser
        self._weights = {k: torch.from_numpy(v).to(device) for k, v in denoiser.items()}

    @property
    def n_classes(self) -> int:
        """K."""
        return int(self.branches.weight.shape[2])

    def predict_probs(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of (N, D) float32 features; rows sum to 1."""
        probs = np.empty((len(features), self.n_classes), np.float32)
        for first, chains, given in self._blocks(features):
            posterior = read_posterior(chains, self.process.simplex_value)  # (M, B, G, K)
            block = (posterior * given[..., None]).sum(2).mean(0)
            probs[first : first + len(block)] = block.cpu().numpy()
        probs /= probs.sum(axis=1, keepdims=True)
        return probs

    def predict_given_probs(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) p(given label | row), the mean of the branches: the plain classifier."""
        import torch

        points = to_device(np.ascontiguousarray(features, np.float32), self.device)
        parts = [self.branches.look(part)[1].mean(0) for part in torch.split(points, 4096)]
        stacked: np.ndarray = torch.cat(parts).cpu().numpy()
        return stacked

    def denoising_path(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return timesteps (T,) and what each chain holds likely at each of them, (T, S, N, K).

        For looking at rows: each of the S chains goes from not knowing to one label. Its branch and
        given label are drawn as the prediction weighs them, so that the chains together end at
        p(label | row).
        """
        import torch

        n_steps, n_samples, n_rows = self.process.n_steps, self.n_samples, len(features)
        paths = np.empty((n_steps, n_samples, n_rows, self.n_classes), np.float32)
        timesteps = np.zeros(n_steps, np.int64)
        for first, chains, given in self._blocks(features):
            n_branches, n_block, n_given = given.shape
            place = torch.arange(n_samples, device=self.device)[:, None]  # (S, 1)
            branch, row = place % n_branches, torch.arange(n_block, device=self.device)  # (B,)
            share = (place // n_branches + 0.5) / -(-n_samples // n_branches)  # evenly in (0, 1)
            label = (given[branch, row].cumsum(-1) < share[..., None]).sum(-1)  # (S, B)
            label = label.clamp(max=n_given - 1)
            for index, step in enumerate(chains):
                timesteps[index] = step.timestep
                probs = step.logits[branch, row, label, place].softmax(-1)  # (S, B, K)
                paths[index, :, first : first + n_block] = probs.cpu().numpy()
        return timesteps, paths

    def _blocks(self, features: np.ndarray) -> Iterator[tuple[int, Iterator[ReverseStep], Tensor]]:
        """Yield place, chains of (M, B, G, S) and weights p(g | x) (M, B, G) of blocks of rows."""
        import torch

        n_branches = self.branches.weight.shape[0]
        n_given = min(self.n_given, self.n_classes)
        noise = draw_noise(
            [self.seed, 4], self.process.n_steps, self.n_samples, self.n_classes, self.device
        )
        n_hidden = self._weights["hidden_weight"].shape[-1]
        block = max(1, _BLOCK_VALUES // (n_branches * n_given * self.n_samples * n_hidden))
        points = to_device(np.ascontiguousarray(features, np.float32), self.device)
        with torch.inference_mode():
            for first in range(0, len(points), block):
                dynamics, probs = self.branches.look(points[first : first + block])
                given = torch.arange(self.n_classes, device=self.device)[None, None]  # for all rows
                if n_given < self.n_classes:
                    probs, given = probs.topk(n_given)
                    probs = probs / probs.sum(-1, keepdim=True)
                chains = denoiser_chains(
                    self._weights, dynamics, given, noise, tuple(probs.shape), self.process
                )
                yield first, chains, probs

    def state(self) -> tuple[State, dict[str, Any]]:
        """Return named arrays and what else there is to know."""
        arrays = {f"branches.{k}": v for k, v in self.branches.state().items()}
        arrays |= {f"denoiser.{k}": v for k, v in self._arrays.items()}
        config = {
            "n_timesteps": self.process.n_timesteps,
            "n_steps": self.process.n_steps,
            "simplex_value": self.process.simplex_value,
            "projection": self.process.projection,
            "n_samples": self.n_samples,
            "n_given": self.n_given,
            "seed": self.seed,
        }
        return arrays, config

    @classmethod
    def from_state(cls, tensors: State, config: dict[str, Any]) -> SidypClassifier:
        """Make the classifier again.

        Raises:
            ModelError: arrays or settings are missing or do not fit together.
        """
        import torch

        try:
            branches = Branches(
                **{
                    name: torch.from_numpy(np.array(tensors[f"branches.{name}"]))
                    for name in _BRANCH_ARRAYS
                }
            )
            denoiser = {
                name.removeprefix("denoiser."): np.array(value)
                for name, value in tensors.items()
                if name.startswith("denoiser.")
            }
            process = ReverseProcess(
                int(config["n_timesteps"]),
                int(config["n_steps"]),
                float(config["simplex_value"]),
                str(config["projection"]),
            )
            made = cls(
                branches,
                denoiser,
                process,
                n_samples=int(config["n_samples"]),
                n_given=int(config["n_given"]),
                seed=int(config["seed"]),
            )
            made.predict_probs(np.zeros((1, len(branches.center)), np.float32))
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError, NoisefixError) as error:
            raise ModelError(f"the model's arrays do not fit together: {error}") from error
        return made
