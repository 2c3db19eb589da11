"""The denoiser: from a noisy label, the given label, the step and the training dynamics to logits.

M branches are one batched tensor. What a Gaussian-noised coding says about its label is known in
closed form (``simplex.label_log_likelihood``) and is added to the logits, so that the network
learns only the rest, p(label | row, given label). Without that, a denoiser trained on few rows
mistakes the pure noise that chains start from for evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.training.diffusion.sampling import (
    ChainNoise,
    ReverseProcess,
    ReverseStep,
    reverse_chains,
)
from noisefix.training.diffusion.schedule import cosine_alphas_cumprod
from noisefix.training.diffusion.simplex import (
    SIMPLEX_VALUE,
    label_log_likelihood,
    simplex_logits,
)
from noisefix.training.interface import State

if TYPE_CHECKING:
    from torch import Tensor


def init_denoiser(
    n_branches: int,
    n_classes: int,
    n_dynamics: int,
    n_timesteps: int,
    *,
    hidden: int = 64,
    seed: int = 0,
) -> State:
    """Return the parameters of M untrained denoisers, float32.

    Weights are normal with variance 1 / fan in; those that reach the logits directly start at 0,
    so that an untrained denoiser knows the closed form and nothing else; gates start at 1.

    Args:
        n_branches: M.
        n_classes: K.
        n_dynamics: F, size of a row's training dynamics.
        n_timesteps: T; each has a gate of its own on both layers.
        hidden: H.
        seed: seed of the weights.
    """
    rng = np.random.default_rng(seed)

    def normal(fan_in: int, fan_out: int) -> np.ndarray:
        drawn = rng.standard_normal((n_branches, fan_in, fan_out)) / np.sqrt(fan_in)
        weights: np.ndarray = drawn.astype(np.float32)
        return weights

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros((n_branches, *shape), np.float32)

    return {
        "noisy_weight": normal(n_classes, hidden),
        "given_weight": normal(n_classes, hidden),
        "input_bias": zeros(1, hidden),
        "dynamics_weight": normal(n_dynamics, hidden),
        "dynamics_bias": zeros(1, hidden),
        "input_gate": np.ones((n_branches, n_timesteps, hidden), np.float32),
        "hidden_weight": normal(hidden, hidden),
        "hidden_bias": zeros(1, hidden),
        "hidden_gate": np.ones((n_branches, n_timesteps, hidden), np.float32),
        "output_weight": 0.1 * normal(hidden, n_classes),
        "output_bias": zeros(1, n_classes),
        "dynamics_to_output": zeros(n_dynamics, n_classes),
        "given_to_output": zeros(n_classes, n_classes),
    }


def tell_given(parameters: State, label_means: np.ndarray) -> State:
    """Return the parameters, so changed that the logits begin at log p(label | given label).

    With the noise's closed form that makes a denoiser that is right wherever the text tells
    nothing.

    Args:
        parameters: as ``init_denoiser`` gives them.
        label_means: (K, K) p(label | given label), [given, label]; rows sum to 1.
    """
    half = (np.log(np.maximum(label_means, 1e-4)) / 2).astype(np.float32)  # codes are +-1
    n_branches = len(parameters["given_to_output"])
    return parameters | {
        "given_to_output": np.tile(half, (n_branches, 1, 1)),
        "output_bias": np.tile(half.sum(axis=0), (n_branches, 1, 1)),
    }


@dataclass(frozen=True, eq=False)
class Context:
    """What the denoiser knows of the rows at every step, computed once.

    Attributes:
        factor: (M, N, H) the training dynamics, multiplied into the hidden layer.
        logits: (M, N, K) what they say directly.
    """

    factor: Tensor
    logits: Tensor


def read_dynamics(weights: dict[str, Tensor], dynamics: Tensor) -> Context:
    """Return the context of rows with training dynamics (M, N, F)."""
    import torch
    from torch.nn import functional

    factor = torch.baddbmm(weights["dynamics_bias"], dynamics, weights["dynamics_weight"])
    factor = functional.layer_norm(factor, factor.shape[-1:])
    return Context(factor, torch.bmm(dynamics, weights["dynamics_to_output"]))


def denoiser_chains(
    weights: dict[str, Tensor],
    dynamics: Tensor,
    given_labels: Tensor,
    noise: ChainNoise,
    shape: tuple[int, ...],
    process: ReverseProcess,
) -> Iterator[ReverseStep]:
    """Walk the chains of rows by a denoiser; see ``reverse_chains``.

    Args:
        weights: as ``init_denoiser`` gives them.
        dynamics: (M, N, F) training dynamics of the rows.
        given_labels: (M, N, G) int64; 1 in place of M or N where they are shared.
        noise: of the chains.
        shape: (M, N, G).
        process: how to walk.
    """
    import torch

    context = read_dynamics(weights, dynamics)
    schedule = cosine_alphas_cumprod(process.n_timesteps).astype(np.float32)
    alphas = torch.from_numpy(schedule).to(dynamics.device)

    def ask(noisy: Tensor, timestep: int) -> Tensor:
        step = torch.tensor(timestep, device=dynamics.device)
        return denoise(weights, noisy, given_labels, step, alphas, context, process.simplex_value)

    return reverse_chains(ask, noise, shape, process)


def denoise(
    weights: dict[str, Tensor],
    noisy: Tensor,
    given_labels: Tensor,
    timesteps: Tensor,
    alphas_cumprod: Tensor,
    context: Context,
    simplex_value: float = SIMPLEX_VALUE,
) -> Tensor:
    """Return logits over labels, (M, N, G, S, K); see ``denoise_hidden``."""
    given = (given_labels, timesteps, alphas_cumprod, context, simplex_value)
    return denoise_hidden(weights, noisy, *given)[0]


def denoise_hidden(
    weights: dict[str, Tensor],
    noisy: Tensor,
    given_labels: Tensor,
    timesteps: Tensor,
    alphas_cumprod: Tensor,
    context: Context,
    simplex_value: float = SIMPLEX_VALUE,
) -> tuple[Tensor, Tensor]:
    """Return logits over labels, (M, N, G, S, K), for G given labels and S samples a row.

    Beside them, what the last layer sees, (M, N, G, S, H).

    Args:
        weights: as ``init_denoiser`` gives them.
        noisy: (M, N, G, S, K) x_t.
        given_labels: (M, N, G) int64; 1 in place of M or N where they are shared.
        timesteps: () or (N,) int64 t.
        alphas_cumprod: (T,) abar.
        context: of the N rows.
        simplex_value: s.
    """
    import torch
    from torch.nn import functional

    n_branches, n_rows, n_given, n_samples, n_classes = noisy.shape

    def product(points: Tensor, weight: Tensor) -> Tensor:
        flat = torch.bmm(points.reshape(n_branches, -1, points.shape[-1]), weight)
        return flat.reshape(n_branches, n_rows, n_given, n_samples, -1)

    def by_given(table: Tensor) -> Tensor:  # (M, K, .) -> (M, N, G, 1, .)
        branches = torch.arange(n_branches, device=table.device)[:, None, None]
        return table[branches, given_labels][:, :, :, None]

    gates = [weights[name][:, timesteps.reshape(-1)] for name in ("input_gate", "hidden_gate")]
    codes = simplex_logits(torch.arange(n_classes, device=noisy.device), n_classes, 1.0)  # (K, K)
    given = codes @ weights["given_weight"] + weights["input_bias"]  # (M, K, H)
    layers = [weights["noisy_weight"], weights["hidden_weight"]]
    bias = weights["hidden_bias"]
    if timesteps.ndim == 0:  # one gate for all rows: into the weights, which are fewer
        layers = [layer * gate for layer, gate in zip(layers, gates, strict=True)]
        given, bias = given * gates[0], bias * gates[1]

    def gated(layer: Tensor, gate: Tensor) -> Tensor:
        return layer if timesteps.ndim == 0 else layer * gate[:, :, None, None]

    def activate(layer: Tensor) -> Tensor:
        return functional.silu(layer, inplace=not layer.requires_grad)

    layer = product(noisy, layers[0] / simplex_value)
    layer += by_given(given)  # in place, here and below: with so small a network, memory is time
    layer = activate(gated(layer, gates[0]))
    layer = product(layer * context.factor[:, :, None, None], layers[1])
    layer += bias[:, :, None, None]
    layer = activate(gated(layer, gates[1]))
    logits = product(layer, weights["output_weight"])
    direct = weights["output_bias"] + codes @ weights["given_to_output"]  # (M, K, K)
    logits += by_given(direct)
    logits += context.logits[:, :, None, None]
    alphas = alphas_cumprod[timesteps].reshape(-1, 1, 1, 1)  # (N or 1, 1, 1, 1)
    logits += label_log_likelihood(noisy, alphas, simplex_value)
    return logits, layer
