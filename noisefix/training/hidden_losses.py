"""What may be asked of the features that a head's last layer sees, beside being told apart.

Everywhere ``hidden`` is (.., B, H), and the result a scalar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_TINY = 1e-6


def orthogonal_projection(hidden: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Return 1 - mean cosine within classes + gamma * mean size of the cosine between classes.

    A pair of rows is within a class as far as their targets agree, and between classes for the
    rest; a row is no pair with itself.

    Args:
        hidden: (.., B, H).
        targets: (B, K) distributions.
        gamma: weight of the second part.

    Source: Ranasinghe et al., Orthogonal Projection Loss, ICCV 2021, arXiv:2103.14021; the mean of
    sizes as in the authors' code (``kahnchana/opl``). Soft targets are a decision.
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(hidden, dim=-1)
    cosines = unit @ unit.transpose(-1, -2)  # (.., B, B)
    pairs = 1 - torch.eye(hidden.shape[-2], device=hidden.device)
    alike = (targets @ targets.T) * pairs
    other = pairs - alike
    within = (cosines * alike).sum((-1, -2)) / (alike.sum() + _TINY)
    between = (cosines.abs() * other).sum((-1, -2)) / (other.sum() + _TINY)
    return (1 - within + gamma * between).mean()


def kept_shape(hidden: Tensor, features: Tensor) -> Tensor:
    """Return the mean square of (h / |h| - z / |z|): how far hidden features h left features z."""
    from torch.nn.functional import normalize

    return (normalize(hidden, dim=-1) - normalize(features, dim=-1)).square().mean()


def off_covariance(hidden: Tensor) -> Tensor:
    """Return the sum of squared covariances between different hidden features, divided by H.

    A single row has none: 0.
    """
    n_rows, width = hidden.shape[-2:]
    if n_rows < 2:
        return 0.0 * hidden.sum()
    centred = hidden - hidden.mean(-2, keepdim=True)
    covariance = centred.transpose(-1, -2) @ centred / (n_rows - 1)
    own = covariance.diagonal(dim1=-1, dim2=-2)
    return ((covariance.square().sum((-1, -2)) - own.square().sum(-1)) / width).mean()


def top_share(hidden: Tensor, n_top: int = 5) -> Tensor:
    """Return the mean share of the largest singular values in the sum of all.

    The values are square roots of the eigenvalues of the rows' products with each other, or of the
    features', whichever are fewer: a decomposition of the features themselves takes many times as
    long.

    Args:
        hidden: (.., B, H).
        n_top: how many of them.
    """
    import torch

    n_rows, width = hidden.shape[-2:]
    turned = hidden if n_rows <= width else hidden.transpose(-1, -2)
    gram = turned @ turned.transpose(-1, -2)
    values = torch.linalg.eigvalsh(gram).clamp_min(_TINY**2).sqrt()  # ascending
    share: Tensor = (values[..., -n_top:].mean(-1) / values.sum(-1)).mean()
    return share
