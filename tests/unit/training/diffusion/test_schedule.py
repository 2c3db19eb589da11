from __future__ import annotations

import math

import numpy as np
import pytest

from noisefix.errors import UsageError
from noisefix.training.diffusion.schedule import cosine_alphas_cumprod, inference_timesteps


@pytest.mark.parametrize("n_timesteps", [2, 50, 500, 1000])
def test_the_share_left_follows_the_cosine_until_betas_are_capped(n_timesteps):
    alphas = cosine_alphas_cumprod(n_timesteps)

    def left(share):
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    expected = [left((i + 1) / n_timesteps) / left(0) for i in range(n_timesteps - 1)]
    np.testing.assert_allclose(alphas[:-1], expected, rtol=1e-9)
    assert alphas[-1] == pytest.approx(alphas[-2] * 0.001)
    assert (np.diff(alphas) < 0).all()


def test_schedule_by_hand():
    # beta_0 = 1 - cos^2(0.508 / 1.008 * pi / 2) / cos^2(0.008 / 1.008 * pi / 2); beta_1 is capped
    first = math.cos(0.508 / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    np.testing.assert_allclose(cosine_alphas_cumprod(2), [first, first * 0.001])


def test_one_step_is_no_schedule():
    with pytest.raises(UsageError):
        cosine_alphas_cumprod(1)


@pytest.mark.parametrize(
    ("n_timesteps", "n_steps", "expected"),
    [
        (500, 10, [499, 449, 399, 349, 299, 249, 199, 149, 99, 49]),
        (10, 3, [9, 6, 2]),
        (4, 4, [3, 2, 1, 0]),
        (500, 1, [499]),
    ],
)
def test_steps_start_at_the_noisiest_and_are_evenly_spaced(n_timesteps, n_steps, expected):
    assert inference_timesteps(n_timesteps, n_steps).tolist() == expected


@pytest.mark.parametrize("n_steps", [0, 11])
def test_as_many_steps_as_there_are(n_steps):
    with pytest.raises(UsageError):
        inference_timesteps(10, n_steps)
