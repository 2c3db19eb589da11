"""What may be asked of the features that a head's last layer sees, beside being told apart.

Everywhere ``hidden`` is (.., B, H), and the result a scalar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.training.losses import pick

if TYPE_CHECKING:
    from torch import Tensor

_TINY = 1e-6
_FAR = -1e4  # the cosine to a class that is not there


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


def prototype_contrast(
    hidden: Tensor, labels: Tensor, is_certain: Tensor, n_classes: int, temperature: float = 0.1
) -> Tensor:
    """Return the mean of - log softmax_k(cos(h, c_k) / temperature) at each row's label.

    c_k is the mean direction of the certain rows of class k among these, without gradient. A row
    whose class has no certain row does not count; where none counts, the loss is 0.

    Args:
        hidden: (.., B, H).
        labels: (B,) int64.
        is_certain: (B,) bool.
        n_classes: K.
        temperature: above 0; how sharply classes are told apart.

    Source: InfoNCE (van den Oord et al., 2018, arXiv:1807.03748) towards class means, as MOSXAV,
    2025 (known from its abstract), has between a diffusion's latent and class prototypes.
    Decisions: the means are of the rows at hand.
    """
    from torch.nn.functional import normalize, one_hot

    unit = normalize(hidden, dim=-1)
    counted = one_hot(labels, n_classes).to(hidden.dtype) * is_certain[:, None]  # (B, K)
    prototypes = normalize(counted.T @ unit.detach(), dim=-1)  # (.., K, H)
    exists = counted.sum(0) > 0
    cosines = (unit @ prototypes.transpose(-1, -2)).masked_fill(~exists, _FAR)
    losses = -pick((cosines / temperature).log_softmax(-1), labels)  # (.., B)
    counts = exists[labels]
    return (losses * counts).sum(-1).mean() / counts.sum().clamp_min(1)


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
