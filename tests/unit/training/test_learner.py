from __future__ import annotations

import numpy as np
import torch

from noisefix.training.loop import Learner, to_arrays

START = {"a": np.array([3.0, -2.0], np.float32), "b": np.ones((2, 2), np.float32)}


def learner(**options):
    return Learner(START, n_steps=20, learning_rate=0.1, **options)


def loss(weights):
    return (weights["a"] - 1).square().sum() + weights["b"].square().sum()


def test_steps_are_adams_with_warm_up_and_cosine():
    ours = learner(warmup=0.2)
    weights = torch.tensor(START["a"], requires_grad=True)
    theirs = torch.optim.Adam([weights], lr=0.1)
    for step in range(20):
        ours.descend(loss(ours.weights))
        factor = (step + 1) / 5 if step < 4 else 0.5 * (1 + np.cos(np.pi * (step - 4) / 16))
        theirs.param_groups[0]["lr"] = 0.1 * factor
        theirs.zero_grad()
        (weights - 1).square().sum().backward()
        theirs.step()
    torch.testing.assert_close(ours.weights["a"], weights)


def test_the_average_follows_the_weights():
    ours = learner(ema_decay=0.5)
    expected = START["a"].astype(np.float64)
    for step in range(6):
        ours.descend(loss(ours.weights))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * ours.weights["a"].detach().numpy()
    np.testing.assert_allclose(to_arrays(ours.average)["a"], expected, rtol=1e-5)


def test_without_decay_the_average_is_the_newest_and_is_no_reference():
    ours = learner()
    ours.descend(loss(ours.weights))
    kept = ours.average["a"].clone()
    assert torch.equal(kept, ours.weights["a"])
    with torch.no_grad():
        ours.weights["a"] += 1
    assert torch.equal(ours.average["a"], kept)


def test_going_on_takes_the_same_steps_as_never_breaking_off():
    whole, first, second = learner(ema_decay=0.9), learner(ema_decay=0.9), learner(ema_decay=0.9)
    for _ in range(12):
        whole.descend(loss(whole.weights))
    for _ in range(7):
        first.descend(loss(first.weights))
    second.resume(first.saved(), 7)
    for _ in range(5):
        second.descend(loss(second.weights))
    assert all(np.array_equal(whole.saved()[name], second.saved()[name]) for name in whole.saved())
    assert second.step == 12


def test_what_is_returned_stays_as_it_was():
    ours = learner(ema_decay=0.5)
    ours.descend(loss(ours.weights))
    best = to_arrays(ours.average)
    before = best["a"].copy()
    ours.descend(loss(ours.weights))
    assert np.array_equal(best["a"], before)
    assert not np.array_equal(to_arrays(ours.average)["a"], before)
