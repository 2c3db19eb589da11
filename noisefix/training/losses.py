"""Losses for noisy labels, by their formulas: logits and targets in, one loss a row out.

Everywhere logits are (.., B, K) and targets (B, K) distributions or (B,) class ids; the result is
(.., B). What is summed over classes broadcasts over leading dimensions (heads).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_TINY = 1e-7


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return - sum_k t_k log p_k; targets (B, K)."""
    return -(targets * logits.log_softmax(-1)).sum(-1)


def generalised_cross_entropy(logits: Tensor, labels: Tensor, q: float = 0.7) -> Tensor:
    """Return (1 - p_y^q) / q: cross-entropy for q -> 0, mean absolute error for q = 1.

    Source: Zhang & Sabuncu, NeurIPS 2018, equation 6; q = 0.7 in all of their experiments.
    """
    own = pick(logits.log_softmax(-1), labels)
    return -(own * q).expm1() / q


def reverse_cross_entropy(logits: Tensor, targets: Tensor, log_zero: float = -4.0) -> Tensor:
    """Return - sum_k p_k log t_k, where log 0 counts as ``log_zero``.

    Source: Wang et al., Symmetric Cross Entropy, ICCV 2019, equation 6 and A = -4.
    """
    logs = targets.clamp_min(math.exp(log_zero)).log()
    return -(logits.softmax(-1) * logs).sum(-1)


def early_learning(logits: Tensor, averages: Tensor) -> Tensor:
    """Return log(1 - <p, t>) with t the running average of the row's own predictions.

    Source: Liu et al., Early-Learning Regularization, NeurIPS 2020, equation 6.
    """
    inner = (logits.softmax(-1) * averages).sum(-1)
    return (1.0 - inner).clamp_min(1e-4).log()


def adaptive_ldr(
    logits: Tensor, labels: Tensor, alpha: float, temperature: float = 1.0, steps: int = 2
) -> Tensor:
    """Return the ALDR-KL loss: the worst distribution over labels, at the row's own temperature.

    max over p in the simplex and l >= 0 of
    ``sum_k p_k (f_k - f_y) - l KL(p, 1/K) - alpha / 2 (l - temperature)^2``.
    For a fixed l the best p is softmax(f / l); for a fixed p, l = temperature - KL / alpha. The two
    steps are taken in turn; by the envelope theorem the gradient goes through f alone. With p of a
    fixed l the inner maximum is ``l log mean_k exp((f_k - f_y) / l)``.

    Args:
        logits: (.., B, K).
        labels: (B,).
        alpha: how dear it is to leave ``temperature``; above log(K) / temperature keeps l > 0.
        temperature: l to begin with.
        steps: times that both steps are taken.

    Source: Zhu, Ying, Yang, ICML 2023 (PMLR 202), the ALDR-KL loss and its alternating updates.
    """
    import torch

    log_k = math.log(logits.shape[-1])
    with torch.no_grad():
        scale = torch.full_like(logits[..., :1], temperature)
        for _ in range(steps):
            log_p = (logits / scale).log_softmax(-1)
            divergence = (log_p.exp() * log_p).sum(-1, keepdim=True) + log_k  # KL(p, 1/K)
            scale = (temperature - divergence / alpha).clamp_min(1e-2)
    scale = scale.squeeze(-1)
    inner = scale * ((logits / scale.unsqueeze(-1)).logsumexp(-1) - log_k) - pick(logits, labels)
    return inner - alpha / 2 * (scale - temperature) ** 2


def pick(values: Tensor, labels: Tensor) -> Tensor:
    """Return (.., B): of every row of (.., B, K) the entry of its label."""
    index = labels.expand(values.shape[:-1]).unsqueeze(-1)
    return values.gather(-1, index).squeeze(-1)
