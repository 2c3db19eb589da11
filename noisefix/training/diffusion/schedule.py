"""How much of a label is left at each step of the forward process: the improved cosine schedule."""

from __future__ import annotations

import math

import numpy as np

from noisefix.errors import UsageError

_OFFSET = 0.008
_MAX_BETA = 0.999


def cosine_alphas_cumprod(n_timesteps: int) -> np.ndarray:
    """Return abar, the share of the signal's variance that is left after each step.

    Args:
        n_timesteps: T, at least 2.

    Returns:
        (T,) float64, falling, in (0, 1).

    Raises:
        UsageError: fewer than 2 steps.

    Source: Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, ICML 2021,
    arXiv:2102.09672, equation 17; no step takes more than 0.999 of what is left.
    """
    if n_timesteps < 2:
        raise UsageError(f"{n_timesteps} diffusion steps", "at least 2 are needed")
    share = np.arange(n_timesteps + 1) / n_timesteps
    left = np.cos((share + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2
    betas = np.minimum(1 - left[1:] / left[:-1], _MAX_BETA)
    alphas_cumprod: np.ndarray = np.cumprod(1 - betas)
    return alphas_cumprod


def inference_timesteps(n_timesteps: int, n_steps: int) -> np.ndarray:
    """Return the timesteps that the reverse process visits: evenly spaced, from the noisiest.

    The first must be T - 1, for only there is nothing left of the label, so that chains may start
    from pure noise (Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, WACV
    2024, arXiv:2305.08891: "trailing" spacing).

    Args:
        n_timesteps: T of training.
        n_steps: steps to visit, 1 to T.

    Returns:
        (n_steps,) int64, falling.

    Raises:
        UsageError: there are not so many steps.
    """
    if not 1 <= n_steps <= n_timesteps:
        raise UsageError(f"{n_steps} steps of {n_timesteps}", f"choose 1 to {n_timesteps}")
    stride = n_timesteps / n_steps
    steps: np.ndarray = np.round(n_timesteps - stride * np.arange(n_steps)).astype(np.int64) - 1
    return steps
