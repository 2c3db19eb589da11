"""Symmetric cross-entropy: cross-entropy plus the same with the two sides exchanged.

Source: Wang, Ma, Chen, Luo, Yi, Bailey, Symmetric Cross Entropy for Robust Learning with Noisy
Labels, ICCV 2019, arXiv:1908.06112: alpha * CE + beta * RCE. The weights are those of the authors'
code (``YisenWang/symmetric_cross_entropy_for_noisy_labels``) for ten classes of pictures; it has
0.01 and 1 for digits, and 6 and 0.1 for a hundred classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.training.head_training import head_method
from noisefix.training.losses import cross_entropy, reverse_cross_entropy
from noisefix.training.methods import ce
from noisefix.training.objective import Batch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Params(ce.Params):
    """Options; the weights are the paper's for ten classes.

    Attributes:
        alpha: weight of the cross-entropy.
        beta: weight of the reversed cross-entropy.
        log_zero: what log 0 counts as, the paper's A. It is one knob with beta: for a label that is
            certain the reversed term is -A beta (1 - p). The authors' code takes 1e-4 for 0, which
            is A = -9.2; a head on frozen features is left with more of the cross-entropy.
    """

    alpha: float = 0.1
    beta: float = 1.0
    log_zero: float = -4.0


class Symmetric(ce.GivenLabels):
    """alpha * CE + beta * RCE."""

    params: Params

    def row_losses(self, batch: Batch) -> Tensor:
        """Return both terms' sum, (1, B)."""
        wanted = self.targets[batch.rows]
        forward = cross_entropy(batch.logits, wanted)
        backward = reverse_cross_entropy(batch.logits, wanted, self.params.log_zero)
        return self.params.alpha * forward + self.params.beta * backward


fit = head_method(Symmetric)
