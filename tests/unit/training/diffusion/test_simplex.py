from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.diffusion.simplex import (
    add_noise,
    label_log_likelihood,
    project,
    simplex_logits,
)


def test_a_label_is_plus_s_at_its_class_and_minus_s_elsewhere():
    codes = simplex_logits(torch.tensor([[2], [0]]), 3, 5.0)
    assert codes.tolist() == [[[-5.0, -5.0, 5.0]], [[5.0, -5.0, -5.0]]]


def test_noising_has_the_mean_and_variance_of_the_forward_process():
    abar = torch.tensor(0.3)
    clean = simplex_logits(torch.zeros(200_000, dtype=torch.int64), 2, 4.0)
    normals = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = add_noise(clean, normals, abar, 4.0)
    np.testing.assert_allclose(noisy.mean(0), 4 * 0.3**0.5 * np.array([1, -1]), atol=0.03)
    np.testing.assert_allclose(noisy.var(0), [0.7 * 16] * 2, rtol=0.01)


def test_nothing_and_everything_of_the_label_left():
    clean, normals = torch.tensor([5.0, -5.0]), torch.tensor([0.1, 0.2])
    assert torch.equal(add_noise(clean, normals, torch.tensor(1.0)), clean)
    assert torch.equal(add_noise(clean, normals, torch.tensor(0.0)), 5 * normals)


def test_likelihood_is_that_of_the_normal_density():
    abar, value = torch.tensor(0.4), 5.0
    noisy = torch.tensor([1.3, -2.0, 0.7])
    density = [
        torch.distributions.Normal(
            abar.sqrt() * simplex_logits(torch.tensor(label), 3, value),
            (1 - abar).sqrt() * value,
        )
        .log_prob(noisy)
        .sum()
        for label in range(3)
    ]
    expected = torch.stack(density).log_softmax(0)
    found = label_log_likelihood(noisy, abar, value).log_softmax(0)
    torch.testing.assert_close(found, expected)


def test_projection_to_the_nearest_corner():
    probs = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    assert project(probs, torch.zeros(2), "nearest").tolist() == [1, 0]


def test_drawn_corners_have_the_probabilities():
    probs = torch.tensor([0.2, 0.5, 0.3])
    uniforms = (torch.arange(1000) + 0.5) / 1000
    drawn = project(probs.expand(1000, 3), uniforms, "sample")
    assert np.bincount(drawn.numpy()).tolist() == pytest.approx([200, 500, 300], abs=1)


def test_corners_without_probability_are_not_drawn():
    probs = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    assert project(probs, torch.tensor([0.0, 0.0]), "sample").tolist() == [1, 1]
    almost_one = torch.full((2,), 1 - 2**-24)
    assert project(probs, almost_one, "sample").tolist()[1] == 2


def test_unknown_projection():
    with pytest.raises(UsageError, match="projection 'best'"):
        project(torch.ones(1, 1), torch.zeros(1), "best")
