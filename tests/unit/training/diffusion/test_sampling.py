"""With an ideal denoiser in closed form, sampling must recover a known posterior, untrained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.diffusion.sampling import (
    ReverseProcess,
    draw_noise,
    label_probs,
    read_posterior,
    reverse_chains,
    sample_labels,
)
from noisefix.training.diffusion.schedule import cosine_alphas_cumprod
from noisefix.training.diffusion.simplex import simplex_logits

POSTERIOR = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.05, 0.05, 0.45, 0.45]])  # two rows


def ideal_denoiser(posterior, process, shape):
    """Bayes with the full normal densities, written without the project's own likelihood."""
    alphas = torch.from_numpy(cosine_alphas_cumprod(process.n_timesteps)).float()
    n_classes = posterior.shape[-1]
    corners = simplex_logits(torch.arange(n_classes), n_classes, process.simplex_value)

    def denoise(noisy, timestep):
        abar = alphas[timestep]
        apart = noisy[..., None, :] - abar.sqrt() * corners  # (.., S, K labels, K)
        density = -apart.square().sum(-1) / (2 * (1 - abar) * process.simplex_value**2)
        return posterior.log().reshape(*shape, 1, n_classes) + density

    return denoise


def chains(process, n_samples, seed=0, posterior=POSTERIOR):
    shape = (1, len(posterior), 1)
    noise = draw_noise([seed], process.n_steps, n_samples, posterior.shape[-1], "cpu")
    denoise = ideal_denoiser(posterior, process, shape)
    return reverse_chains(denoise, noise, shape, process)


@pytest.mark.parametrize("n_steps", [1, 2, 10, 40])
def test_drawn_labels_have_the_posterior_whatever_the_number_of_steps(n_steps):
    n_samples = 20_000
    drawn = sample_labels(chains(ReverseProcess(n_steps=n_steps), n_samples))[0, :, 0]
    shares = np.stack([np.bincount(row, minlength=4) / n_samples for row in drawn.numpy()])
    np.testing.assert_allclose(shares, POSTERIOR, atol=0.015)


def test_the_posterior_is_read_off_with_two_samples():
    found = read_posterior(chains(ReverseProcess(), 2))[0, :, 0]
    np.testing.assert_allclose(found, POSTERIOR, atol=2e-4)


def test_every_step_knows_the_posterior():
    for step in chains(ReverseProcess(n_steps=5), 3):
        expected = POSTERIOR[None, :, None, None].expand(1, 2, 1, 3, 4)
        np.testing.assert_allclose(label_probs(step), expected, atol=1e-3)


def test_nearest_corners_lean_towards_the_mode():
    process = ReverseProcess(projection="nearest")
    posterior = torch.tensor([[0.4, 0.3, 0.3]])
    drawn = sample_labels(chains(process, 2000, posterior=posterior)).flatten()
    assert (drawn == 0).float().mean() > 0.45  # drawing gives 0.4


def test_samples_are_truly_different():
    noise = draw_noise([0], 10, 6, 3, "cpu")
    flat = noise.normals.reshape(10, 6, 3)
    for i in range(6):
        for j in range(i):
            assert not torch.equal(flat[:, i], flat[:, j])
            assert not torch.equal(noise.uniforms[:, i], noise.uniforms[:, j])
    posterior = torch.full((1, 8), 1 / 8)
    drawn = sample_labels(chains(ReverseProcess(), 6, posterior=posterior))
    assert len(drawn.unique()) > 2


def test_every_second_sample_mirrors_the_one_before():
    noise = draw_noise([3], 4, 5, 2, "cpu", shape=(7, 1))
    assert noise.normals.shape == (4, 7, 1, 5, 2)
    assert torch.equal(noise.normals[..., 1, :], -noise.normals[..., 0, :])
    torch.testing.assert_close(noise.uniforms[..., 1], 1 - noise.uniforms[..., 0])
    assert noise.uniforms.max() < 1
    rows = noise.normals[0, :, 0, 0]
    assert len(rows.unique(dim=0)) == 7  # each row has its own


def test_the_same_seed_draws_the_same():
    first, again, other = (draw_noise([seed], 3, 4, 2, "cpu") for seed in (1, 1, 2))
    assert torch.equal(first.normals, again.normals)
    assert not torch.equal(first.normals, other.normals)


def test_steps_are_visited_from_the_noisiest_and_start_at_pure_noise():
    process = ReverseProcess(n_timesteps=100, n_steps=4, simplex_value=3.0)
    steps = list(chains(process, 5000))
    assert [step.timestep for step in steps] == [99, 74, 49, 24]
    assert float(steps[0].noisy.std()) == pytest.approx(3.0, rel=0.03)


def test_chains_step_together_as_if_each_stepped_alone():
    process = ReverseProcess(n_steps=6)
    together = list(chains(process, 3))
    for row in range(2):
        alone = list(chains(process, 3, posterior=POSTERIOR[row : row + 1]))
        for step, own in zip(together, alone, strict=True):
            assert torch.equal(step.labels[:, row], own.labels[:, 0])


def test_more_steps_than_timesteps():
    with pytest.raises(UsageError):
        ReverseProcess(n_timesteps=5, n_steps=6)
