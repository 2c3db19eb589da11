"""Losses for noisy labels, by their formulas: logits and targets in, one loss a row out.

Everywhere logits are (.., B, K) and targets (B, K) distributions or (B,) class ids; the result is
(.., B). What is summed over classes broadcasts over leading dimensions (heads).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return - sum_k t_k log p_k; targets (B, K)."""
    return -(targets * logits.log_softmax(-1)).sum(-1)


def generalised_cross_entropy(logits: Tensor, labels: Tensor, q: float = 0.7) -> Tensor:
    """Return (1 - p_y^q) / q: cross-entropy for q = 0, half the mean absolute error for q = 1.

    Source: Zhang & Sabuncu, Generalized Cross Entropy Loss, NeurIPS 2018, arXiv:1805.07836, the L_q
    loss with their q; agrees with the public code of ``AlanChou/Truncated-Loss``.
    """
    own = pick(logits.log_softmax(-1), labels)
    return -(own * q).expm1() / q if q else -own


def reverse_cross_entropy(logits: Tensor, targets: Tensor, log_zero: float = -4.0) -> Tensor:
    """Return - sum_k p_k log t_k, where log 0 counts as ``log_zero``.

    Towards a certain label that is -log_zero (1 - p_y), which summed over all labels is the same
    for every p: what makes it robust to noise that is alike for all classes.

    Source: Wang et al., Symmetric Cross Entropy, ICCV 2019, arXiv:1908.06112, the reverse
    cross-entropy with their constant A; the authors' code puts 1e-4 for 0, that is A = -9.2.
    """
    logs = targets.clamp_min(math.exp(log_zero)).log()
    return -(logits.softmax(-1) * logs).sum(-1)


def early_learning(logits: Tensor, averages: Tensor) -> Tensor:
    """Return log(1 - <p, t>) with t the running average of the row's own predictions.

    Source: Liu et al., Early-Learning Regularization, NeurIPS 2020, arXiv:2007.00151, the
    regulariser of section 4.2; agrees with the authors' code, which bounds p where this bounds the
    inner product, by 1e-4 from 1.
    """
    inner = (logits.softmax(-1) * averages).sum(-1)
    return (1.0 - inner).clamp_min(1e-4).log()


def adaptive_ldr(
    logits: Tensor,
    labels: Tensor,
    alpha: float,
    temperature: float = 1.0,
    margin: float = 0.0,
    steps: int = 2,
) -> Tensor:
    """Return the ALDR-KL loss: the worst distribution over labels, at the row's own temperature.

    max over p in the simplex and l >= 0 of
    ``sum_k p_k d_k - l KL(p, 1/K) - alpha / 2 (l - temperature)^2``, where
    ``d_k = f_k - f_y + margin`` for k other than y, and 0 for y. For a fixed l the best p is
    softmax(d / l), and the maximum over p is ``l log mean_k exp(d_k / l)``; for a fixed p,
    l = temperature - KL / alpha. The two steps are taken in turn; by the envelope theorem the
    gradient goes through d alone.

    Args:
        logits: (.., B, K).
        labels: (B,).
        alpha: how dear it is to leave ``temperature``; above log(K) / temperature keeps l > 0.
        temperature: l to begin with.
        margin: by which the label's logit should lead.
        steps: times that both steps are taken.

    Source: Zhu, Ying, Yang, Label Distributionally Robust Losses, ICML 2023, PMLR 202:43289,
    arXiv:2112.14869, the ALDR-KL loss. Agrees with the authors' code
    (``Optimization-AI/ICML2023_LDR``) but for three things: there a row's l is kept from visit to
    visit and takes one step at each (here it starts anew, and needs no memory); there the KL
    leaves the margin out (here both steps are of one maximum); and there the logits are normalised
    inside (here: ``bounded_logits``).
    """
    import torch

    log_k = math.log(logits.shape[-1])
    others = torch.ones_like(logits).scatter(-1, _index(logits, labels), 0.0)
    lead = logits - pick(logits, labels).unsqueeze(-1) + margin * others
    with torch.no_grad():
        scale = torch.full_like(logits[..., :1], temperature)
        for _ in range(steps):
            log_p = (lead / scale).log_softmax(-1)
            divergence = (log_p.exp() * log_p).sum(-1, keepdim=True) + log_k  # KL(p, 1/K)
            scale = (temperature - divergence / alpha).clamp_min(1e-2)
    inner = scale * ((lead / scale).logsumexp(-1, keepdim=True) - log_k)
    return (inner - alpha / 2 * (scale - temperature) ** 2).squeeze(-1)


def bounded_logits(logits: Tensor) -> Tensor:
    """Return the logits, a row's divided by the mean of their sizes where that is above 1.

    Without a bound a temperature means nothing: a head that doubles its weights has halved it.

    Source: the authors' code of Zhu et al., ICML 2023, which divides every row's logits by the mean
    of their sizes. Heads start at zero, where that has no gradient; so small logits are left alone.
    """
    return logits / logits.abs().mean(-1, keepdim=True).clamp_min(1.0)


def branch_loss(
    log_probs: Tensor, labels: Tensor, agreement: float, weights: Tensor | None = None
) -> Tensor:
    """Return the sum of M branches' losses, so that each learns as if alone but for agreement.

    Args:
        log_probs: (M, B, K).
        labels: (B,).
        agreement: weight of the branches' ``disagreement`` with their mean.
        weights: (B,) how much each row counts; None: all alike.
    """
    own = pick(log_probs, labels)  # (M, B)
    loss = -(own if weights is None else weights * own).mean(1).sum()
    if agreement > 0:
        loss = loss + agreement * disagreement(log_probs).mean(1).sum()
    return loss


def disagreement(log_probs: Tensor) -> Tensor:
    """Return KL(mean || branch) of (M, B, K) log-probabilities, (M, B)."""
    mean = log_probs.exp().mean(0)
    return (mean * (mean.clamp_min(1e-12).log() - log_probs)).sum(-1)


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Return KL(softmax(logits) || softmax(others)), (.., B); both sides have gradients."""
    own = logits.log_softmax(-1)
    return (own.exp() * (own - others.log_softmax(-1))).sum(-1)


def complementary(logits: Tensor, likelihood: Tensor) -> Tensor:
    """Return - log sum_k p_k P(what was said | k): the forward loss of labels that were ruled out.

    For one label ruled out with certainty, by somebody who names any wrong one as readily, it is
    - log(1 - p) + log(K - 1), p being that label's probability.

    Args:
        logits: (.., B, K).
        likelihood: (B, K) of all that was said of a row; a constant factor of a row only shifts its
            loss.

    Source: Yu et al., Learning with Biased Complementary Labels, ECCV 2018, the loss corrected by
    the matrix of P(ruled out | true). An unbiased estimate of the risk, which inverts that matrix,
    goes below 0 and is not used.
    """
    return -(logits.log_softmax(-1) + likelihood.log()).logsumexp(-1)


def share_divergence(logits: Tensor, shares: Tensor) -> Tensor:
    """Return KL(shares || mean prediction of the batch), a scalar; shares (K,) sum to 1."""
    mean = logits.softmax(-1).flatten(0, -2).mean(0).clamp_min(1e-8)
    return (shares * (shares.clamp_min(1e-8).log() - mean.log())).sum()


def one_sided(scores: Tensor, is_seen: Tensor, unseen: Tensor) -> Tensor:
    """Return - log P(observed) where a share of the seen class was never looked at, (.., B).

    P(seen) = (1 - g) s, P(not seen) = 1 - s + g s with s = sigmoid(score): for g = 0 the logistic
    loss. A row that is not seen pulls towards the seen class by its probability of being of it.

    Args:
        scores: (.., B) log-odds of the seen class.
        is_seen: (B,) 1 = labelled so.
        unseen: g, P(not labelled so | of the seen class), a scalar in [0, 1).
    """
    from torch.nn.functional import logsigmoid, softplus

    found = logsigmoid(scores) + (-unseen).log1p()
    never = softplus(scores + unseen.clamp_min(1e-12).log()) - softplus(scores)  # log(1 - s + g s)
    return -(is_seen * found + (1 - is_seen) * never)


def non_negative_risk(scores: Tensor, is_seen: Tensor, share: float) -> Tensor:
    """Return the positive-unlabelled risk under the logistic loss, a scalar.

    share * mean over seen rows of loss(+) + max(0, mean over all rows of loss(-) minus share * mean
    over seen rows of loss(-)).

    Args:
        scores: (.., B) log-odds of the seen class.
        is_seen: (B,) 1 = labelled so.
        share: of the seen class among all rows, in truth.

    Source: Kiryo et al., Positive-Unlabeled Learning with Non-Negative Risk Estimator, NeurIPS
    2017; where the second part is negative it has no gradient here.
    """
    from torch.nn.functional import softplus

    n_seen = is_seen.sum().clamp_min(1)
    towards = (softplus(-scores) * is_seen).sum(-1) / n_seen
    away = softplus(scores).mean(-1) - share * (softplus(scores) * is_seen).sum(-1) / n_seen
    return (share * towards + away.clamp_min(0)).mean()


def smooth_average_precision(scores: Tensor, targets: Tensor, width: float = 0.01) -> Tensor:
    """Return the average precision of ranking rows by their scores, smoothed; (..), in [0, 1].

    sum_i t_i (1 + sum_j t_j g_ij) / (1 + sum_j g_ij) / sum_i t_i over the other rows j, with g_ij =
    sigmoid((s_j - s_i) / width): the precision among the rows that are not below row i. For targets
    0 and 1, no ties and width towards 0 it is the average precision itself. A target between them
    is the probability that a row is positive: the sum over i is then the expected one, if rows err
    independently. 0 where no row can be positive.

    Args:
        scores: (.., B).
        targets: (B,) in [0, 1].
        width: above 0; differences of scores far below it count as ties.

    Source: Brown et al., Smooth-AP, ECCV 2020, arXiv:2007.12163, section 3, with their width.
    Continuous targets: CoTAP, 2025 (known from its abstract); the form is derived here.
    """
    import torch

    above = ((scores.unsqueeze(-2) - scores.unsqueeze(-1)) / width).sigmoid()  # [i, j]: j over i
    above = above * (1 - torch.eye(scores.shape[-1], dtype=above.dtype, device=above.device))
    precision = (1 + above @ targets) / (1 + above.sum(-1))
    return (precision * targets).sum(-1) / targets.sum().clamp_min(1e-6)


def constrained_angles(
    cosines: Tensor, targets: Tensor, inner: float, outer: float, slope: float
) -> Tensor:
    """Return - in(a_g) cos a_g + sum over other classes of out(a_k) cos a_k, (.., B).

    in(a) = sigmoid(slope (a - inner)) and out(a) = sigmoid(slope (outer - a)), both without
    gradient, of the angle a in radians: rows nearer than ``inner`` are no longer pulled, classes
    further than ``outer`` no longer pushed. A soft target has a share in both.

    Args:
        cosines: (.., B, K).
        targets: (B, K) distributions.
        inner: angle at which pulling stops.
        outer: angle at which pushing stops.
        slope: how abruptly.

    Source: Zhong et al., SFace, IEEE TIP 2021, without its scale, which an optimiser like Adam does
    not see.
    """
    angles = cosines.detach().clamp(-1 + 1e-6, 1 - 1e-6).acos()  # at 1 it has no slope
    pull = (slope * (angles - inner)).sigmoid()
    push = (slope * (outer - angles)).sigmoid()
    return ((1 - targets) * push * cosines - targets * pull * cosines).sum(-1)


def pick(values: Tensor, labels: Tensor) -> Tensor:
    """Return (.., B): of every row of (.., B, K) the entry of its label."""
    return values.gather(-1, _index(values, labels)).squeeze(-1)


def _index(values: Tensor, labels: Tensor) -> Tensor:
    return labels.expand(values.shape[:-1]).unsqueeze(-1)
