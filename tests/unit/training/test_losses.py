"""Every loss against its formula, worked out independently in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, rel_entr, softmax

from noisefix.probing.complementary import complementary_matrix
from noisefix.training import losses

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(scale=2, size=(6, 4))
LABELS = np.array([0, 1, 2, 3, 0, 2])
TARGETS = RNG.dirichlet(np.ones(4), size=6)


def tensor(values):
    return torch.from_numpy(np.asarray(values))


def test_cross_entropy_is_the_expected_negative_log_probability():
    wanted = [-sum(t * lp) for t, lp in zip(TARGETS, log_softmax(LOGITS, axis=1), strict=True)]
    np.testing.assert_allclose(losses.cross_entropy(tensor(LOGITS), tensor(TARGETS)), wanted)


def test_losses_take_several_heads_at_once():
    both = tensor(np.stack([LOGITS, -LOGITS]))
    found = losses.generalised_cross_entropy(both, tensor(LABELS))
    alone = losses.generalised_cross_entropy(both[1], tensor(LABELS))
    assert found.shape == (2, 6)
    torch.testing.assert_close(found[1], alone)


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_generalised_cross_entropy(q):
    own = softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    found = losses.generalised_cross_entropy(tensor(LOGITS), tensor(LABELS), q)
    np.testing.assert_allclose(found, (1 - own**q) / q)


def test_generalised_cross_entropy_with_q_near_zero_is_cross_entropy():
    own = softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    found = losses.generalised_cross_entropy(tensor(LOGITS), tensor(LABELS), 1e-7)
    np.testing.assert_allclose(found, -np.log(own), rtol=1e-5)


def test_reverse_cross_entropy_of_one_hot_labels_is_four_times_the_absolute_error():
    one_hot = np.eye(4)[LABELS]
    own = softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    found = losses.reverse_cross_entropy(tensor(LOGITS), tensor(one_hot))
    np.testing.assert_allclose(found, 4 * (1 - own))


def test_reverse_cross_entropy_of_distributions_takes_a_for_the_log_of_zero():
    targets = np.array([[0.7, 0.3, 0.0, 0.0]] * 6)
    log_targets = np.array([math.log(0.7), math.log(0.3), -6.0, -6.0])
    found = losses.reverse_cross_entropy(tensor(LOGITS), tensor(targets), -6.0)
    np.testing.assert_allclose(found, -(softmax(LOGITS, axis=1) * log_targets).sum(axis=1))


def test_reverse_cross_entropy_over_all_labels_is_the_same_for_every_prediction():
    every = [
        losses.reverse_cross_entropy(tensor(LOGITS), tensor(np.eye(4)[[k] * 6])).numpy()
        for k in range(4)
    ]
    np.testing.assert_allclose(np.sum(every, axis=0), 4 * 3)


def test_early_learning_and_its_gradient():
    averages = TARGETS * 0.9
    logits = tensor(LOGITS).requires_grad_()
    found = losses.early_learning(logits, tensor(averages))
    p = softmax(LOGITS, axis=1)
    inner = (p * averages).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.detach(), np.log(1 - inner[:, 0]))
    found.sum().backward()
    # d log(1 - <p, t>) / d f_k = p_k (<p, t> - t_k) / (1 - <p, t>): the paper's equation 8.
    np.testing.assert_allclose(logits.grad, p * (inner - averages) / (1 - inner), atol=1e-12)


def ldr_by_search(logits, label, alpha, temperature, margin):
    """The same maximum, found by search over the temperature with the best p for each."""
    lead = logits - logits[label] + margin * (np.arange(len(logits)) != label)

    def negative(scale):
        p = softmax(lead / scale)
        divergence = rel_entr(p, np.full(len(p), 1 / len(p))).sum()
        return -(p @ lead - scale * divergence - alpha / 2 * (scale - temperature) ** 2)

    found = minimize_scalar(negative, bounds=(1e-3, 30), method="bounded", options={"xatol": 1e-9})
    return -found.fun


@pytest.mark.parametrize(("temperature", "margin"), [(1.0, 0.0), (1.0, 0.1), (10.0, 0.5)])
def test_adaptive_ldr_is_the_maximum_over_p_and_temperature(temperature, margin):
    alpha = 2 * math.log(4) / temperature
    logits = tensor(LOGITS / 4).requires_grad_()
    found = losses.adaptive_ldr(logits, tensor(LABELS), alpha, temperature, margin, steps=200)
    problem = (alpha, temperature, margin)
    wanted = [ldr_by_search(f, y, *problem) for f, y in zip(LOGITS / 4, LABELS, strict=True)]
    np.testing.assert_allclose(found.detach(), wanted, atol=1e-6)
    # The gradient of the maximum is that of its terms at the best p and temperature.
    found[0].backward()
    step = 1e-5 * np.eye(4)
    slopes = [
        (
            ldr_by_search(LOGITS[0] / 4 + e, LABELS[0], *problem)
            - ldr_by_search(LOGITS[0] / 4 - e, LABELS[0], *problem)
        )
        / 2e-5
        for e in step
    ]
    np.testing.assert_allclose(logits.grad[0], slopes, atol=1e-4)


def test_two_steps_are_close_to_the_maximum():
    alpha = 2 * math.log(4)
    found = losses.adaptive_ldr(tensor(LOGITS / 4), tensor(LABELS), alpha)
    wanted = [ldr_by_search(f, y, alpha, 1.0, 0.0) for f, y in zip(LOGITS / 4, LABELS, strict=True)]
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_adaptive_ldr_with_a_fixed_temperature_is_cross_entropy_up_to_a_constant():
    own = log_softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    found = losses.adaptive_ldr(tensor(LOGITS), tensor(LABELS), alpha=1e12)
    np.testing.assert_allclose(found, -own - math.log(4), atol=1e-6)


def test_bounded_logits_have_a_mean_size_of_one_at_most():
    small = np.array([[0.1, -0.2, 0.3, 0.0]])
    found = losses.bounded_logits(tensor(np.concatenate([LOGITS * 3, small]))).numpy()
    np.testing.assert_allclose(np.abs(found[:6]).mean(axis=1), 1)
    np.testing.assert_allclose(found[6:], small)
    np.testing.assert_allclose(found[:6] / found[:6, :1], LOGITS / LOGITS[:, :1])


def test_a_label_ruled_out_for_certain_in_closed_form():
    own = softmax(LOGITS, axis=1)[np.arange(6), LABELS]
    likelihood = complementary_matrix(4, 0.0)[:, LABELS].T
    found = losses.complementary(tensor(LOGITS), tensor(likelihood))
    np.testing.assert_allclose(found, -np.log(1 - own) + math.log(3))


def test_ruled_out_labels_are_the_forward_loss_of_their_matrix():
    matrix = complementary_matrix(4, 0.1)
    p = softmax(LOGITS, axis=1)
    wanted = [-math.log(p[i] @ (matrix[:, k] * matrix[:, 3])) for i, k in enumerate(LABELS)]
    likelihood = matrix[:, LABELS].T * matrix[:, 3]
    both = tensor(np.stack([LOGITS, LOGITS]))
    np.testing.assert_allclose(losses.complementary(both, tensor(likelihood))[1], wanted)


def test_all_but_one_label_ruled_out_is_cross_entropy():
    likelihood = np.eye(4)[LABELS]
    found = losses.complementary(tensor(LOGITS), tensor(likelihood))
    np.testing.assert_allclose(found, losses.cross_entropy(tensor(LOGITS), tensor(likelihood)))


def test_the_gradient_is_that_of_cross_entropy_towards_the_posterior():
    logits = tensor(LOGITS).requires_grad_()
    likelihood = tensor(RNG.random((6, 4)))
    losses.complementary(logits, likelihood).sum().backward()
    joint = logits.detach().softmax(-1) * likelihood
    again = tensor(LOGITS).requires_grad_()
    losses.cross_entropy(again, joint / joint.sum(-1, keepdim=True)).sum().backward()
    torch.testing.assert_close(logits.grad, again.grad)
