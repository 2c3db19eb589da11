"""Noise in the weights: what it adds to the loss, and that no trace of it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.heads import head_logits, init_heads, shaken
from noisefix.training.interface import finish
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import ce, elr, repair

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def test_it_is_a_ridge_by_the_losss_curvature():
    torch.manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(40, 5), dim=1)
    targets = torch.eye(K)[torch.arange(40) % K]
    heads = {
        name: torch.tensor(value)
        for name, value in init_heads(1, 5, K, kind="linear", hidden=1, seed=0).items()
    }
    heads["weight"] = torch.randn(1, 5, K)
    size = 0.1

    def loss(parameters):
        return float(cross_entropy(head_logits(parameters, rows), targets).mean())

    found = np.mean([loss(shaken(heads, size)) for _ in range(20_000)]) - loss(heads)
    p = head_logits(heads, rows)[0].softmax(-1)
    wanted = size**2 / 2 * float((p * (1 - p)).sum(1).mean())  # rows of unit length
    assert found == pytest.approx(wanted, rel=0.1)


def test_the_last_layer_alone_is_shaken_and_the_heads_are_not_touched():
    heads = {
        name: torch.tensor(value)
        for name, value in init_heads(2, 4, K, kind="mlp", hidden=5, seed=0).items()
    }
    before = {name: value.clone() for name, value in heads.items()}
    noisy = shaken(heads, 1.0)
    assert all((heads[name] == before[name]).all() for name in heads)
    changed = [name for name in heads if (noisy[name] != heads[name]).any()]
    assert changed == ["weight"]


@pytest.mark.parametrize("method", [ce, repair, elr])
def test_every_method_with_a_head_can_have_it(make_problem, method):
    problem = make_problem(NOISE, n_rows=120)
    plain, noisy, again, none = (
        finish(
            method.fit(
                problem.data,
                method.Params(epochs=3, penalty=0.1, weight_noise=size),
                seed=1,
                device="cpu",
            )
        ).predict_probs(problem.test_features)
        for size in (0.0, 1.0, 1.0, 1e-9)
    )
    assert (noisy == again).all()
    assert np.abs(noisy - plain).max() > 1e-3
    np.testing.assert_allclose(none, plain, atol=1e-4)


def test_a_size_below_nothing_is_refused():
    with pytest.raises(UsageError, match="weight_noise"):
        ce.Params(weight_noise=-1.0)
