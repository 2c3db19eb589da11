from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.training.diffusion.fitting import DenoiserParams, DenoiserRun
from noisefix.training.diffusion.sampling import ReverseProcess
from noisefix.training.interface import finish
from noisefix.training.loop import to_arrays
from noisefix.training.stage_one import BranchParams, train_branches

N, K = 40, 4


def a_run(certain=None, start=None, **options):
    """All rows are the same but for two given labels; any label is as plausible as another."""
    features = torch.ones(N, 3)
    features[0, 0] = 0.5
    given = torch.arange(N) % 2
    params = BranchParams(min_steps=2, hidden=4)
    branches = finish(train_branches(features, given, K, params, epochs=2, seed=0))
    return DenoiserRun(
        branches,
        features,
        given,
        np.full((N, K), 1 / K) if start is None else start,
        np.zeros(N, bool) if certain is None else certain,
        DenoiserParams(min_steps=3, hidden=8, **options),
        ReverseProcess(n_timesteps=20, n_steps=4),
        epochs=5,
        seed=0,
    )


def test_drawn_labels_differ_from_row_to_row_and_from_epoch_to_epoch():
    run = a_run(n_samples=4)
    third, again, fourth = run._moved(3), run._moved(3), run._moved(4)
    assert np.array_equal(third, again)
    assert not np.array_equal(third, fourth)
    assert len(np.unique(third[2::2], axis=0)) > 5  # rows that are the same


def test_branches_and_samples_draw_labels_of_their_own():
    drawn = a_run(n_samples=4)._drawn(np.arange(N), [0])
    assert drawn.shape == (N, 3 * 4)
    for one in range(12):
        for other in range(one):
            assert not np.array_equal(drawn[:, one], drawn[:, other])
    shares = np.bincount(drawn.ravel(), minlength=K) / drawn.size
    np.testing.assert_allclose(shares, 1 / K, atol=0.15)


@pytest.mark.parametrize("is_clean", [True, False])
def test_it_begins_with_what_the_given_label_means_if_labels_are_nearly_clean(is_clean):
    right = 0.97 if is_clean else 0.9
    start = np.full((N, K), (1 - right) / (K - 1))
    start[np.arange(N), np.arange(N) % 2] = right
    begun = to_arrays(a_run(start=start).learner.average)
    logits = (2 * np.eye(K) - 1) @ begun["given_to_output"] + begun["output_bias"]  # (M, K, K)
    if is_clean:
        np.testing.assert_allclose(np.exp(logits[:, :2]).argmax(-1), [[0, 1]] * 3)
        np.testing.assert_allclose(np.exp(logits[0, 1, 1]), right, atol=0.03)
    else:
        assert not logits.any()


def test_only_uncertain_rows_move():
    certain = np.arange(N) % 4 == 0
    moved = a_run(certain, n_samples=2)._moved(1)
    assert (moved[certain] == 1 / K).all()
    assert (moved[~certain] != 1 / K).any(axis=1).all()


def test_the_first_epochs_see_certain_rows_only(monkeypatch):
    certain = np.arange(N) % 3 == 0
    run = a_run(certain, batch_size=16, certain_epochs=0.4)
    run.start = np.eye(K)[np.arange(N) % K]
    seen: list[np.ndarray] = []
    whole = run._loss

    def spy(batch, *rest):
        seen.append(batch)
        return whole(batch, *rest)

    monkeypatch.setattr(run, "_loss", spy)
    finish(run.train())
    by_epoch = [np.concatenate(seen[3 * epoch : 3 * epoch + 3]) for epoch in range(5)]
    assert certain[by_epoch[0]].all()
    assert certain[by_epoch[1]].all()
    assert not certain[by_epoch[2]].all()


@pytest.mark.parametrize("changes", [{"n_samples": 0}, {"certain": np.ones(N, bool)}])
def test_a_prior_that_stays(changes):
    run = a_run(**changes)
    assert run._moved(3) is run.start


def test_labels_are_drawn_by_the_averaged_denoiser():
    run = a_run(n_samples=2)
    before = run._moved(2)
    with torch.no_grad():
        for name, value in run.learner.weights.items():
            value += 5.0 * torch.randn(
                value.shape, generator=torch.Generator().manual_seed(len(name))
            )
    assert np.array_equal(run._moved(2), before)


def one_loss(run):
    rows = np.arange(N)
    drawn, steps = rows % 2, np.full(N, 3)
    noise = torch.Generator().manual_seed(0)
    return float(run._loss(rows, drawn, steps, np.ones(N), noise).detach())


def test_the_contrast_with_prototypes_is_added_by_its_weight():
    certain = np.arange(N) % 3 == 0
    plain, once, twice = (one_loss(a_run(certain, prototypes=w)) for w in (0.0, 0.1, 0.2))
    assert once > plain
    assert twice - plain == pytest.approx(2 * (once - plain), rel=1e-4)
    assert one_loss(a_run(prototypes=0.1)) == pytest.approx(plain)  # no certain row
