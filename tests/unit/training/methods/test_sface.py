"""SFace: its loss and gates, and the linear head that comes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.interface import finish
from noisefix.training.losses import constrained_angles
from noisefix.training.methods import sface

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def test_the_gradient_is_the_gated_cosines():
    """Of a class vector: - in(a) x of its own rows, out(a) x of others."""
    rng = np.random.default_rng(0)
    rows = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(20, 5))), dim=1)
    unit = torch.nn.functional.normalize(torch.tensor(rng.normal(size=(5, K))), dim=0)
    unit.requires_grad_()
    labels = np.arange(20) % K
    targets = torch.eye(K, dtype=torch.float64)[labels]
    constrained_angles(rows @ unit, targets, 0.8, 1.23, 80.0).sum().backward()
    angles = np.arccos((rows @ unit.detach()).numpy())
    pull, push = 1 / (1 + np.exp(-80 * (angles - 0.8))), 1 / (1 + np.exp(-80 * (1.23 - angles)))
    for k in range(K):
        own = (labels == k)[:, None]
        wanted = np.where(own, -pull[:, [k]], push[:, [k]]) * rows.numpy()
        np.testing.assert_allclose(unit.grad[:, k], wanted.sum(axis=0), atol=1e-9)


def test_a_steep_slope_is_a_gate():
    cosines = torch.cos(torch.tensor([[0.5, 1.0], [1.0, 2.0]], dtype=torch.float64))
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    found = constrained_angles(cosines, targets, 0.8, 1.5, 1e6)
    near, far = math.cos(1.0), -math.cos(1.0)
    np.testing.assert_allclose(found, [near, far], atol=1e-6)


def test_without_limits_it_is_the_difference_of_cosines():
    cosines = torch.cos(torch.tensor([[0.5, 1.0, 2.0]], dtype=torch.float64))
    targets = torch.tensor([[0.2, 0.8, 0.0]], dtype=torch.float64)
    found = constrained_angles(cosines, targets, 0.0, math.pi, 1e6)
    wanted = ((1 - 2 * targets) * cosines).sum()
    assert float(found) == pytest.approx(float(wanted), abs=1e-6)


def test_a_row_that_is_its_class_has_a_gradient():
    cosines = torch.tensor([[1.0, -1.0]], requires_grad=True)
    constrained_angles(cosines, torch.tensor([[1.0, 0.0]]), 0.8, 1.2, 80.0).sum().backward()
    assert torch.isfinite(cosines.grad).all()


def test_the_head_is_linear_and_as_sure_as_it_is_right(make_problem):
    problem = make_problem(np.eye(K), n_rows=600)
    head = finish(sface.fit(problem.data, sface.Params(epochs=8), seed=0, device="cpu"))
    probs = head.predict_probs(problem.test_features)
    right = (probs.argmax(axis=1) == problem.test_labels).mean()
    assert right > 0.8
    assert abs(probs.max(axis=1).mean() - right) < 0.08
    assert not head.parameters["bias"].any()
    lengths = np.linalg.norm(head.parameters["weight"][0], axis=0)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-5)
    once = finish(sface.fit(problem.data, sface.Params(epochs=8), seed=0, device="cpu"))
    assert (once.predict_probs(problem.test_features) == probs).all()


def test_the_usual_angles_are_medians():
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=float)
    targets = np.eye(2)[[0, 0, 1]]
    means = np.array([[2.0, 0.0], [0.0, 0.5]])
    inner, outer = sface.usual_angles(rows, targets, means)
    assert inner == pytest.approx(np.median([0, math.acos(0.6), 0]))
    assert outer == pytest.approx(np.median([math.pi / 2, math.acos(0.8), math.pi / 2]))


def test_a_killed_training_goes_on_to_the_same_result(make_problem):
    data = make_problem(NOISE, n_rows=100).data
    params = sface.Params(epochs=4)
    whole = finish(sface.fit(data, params, seed=0, device="cpu"))

    class Kept:
        saved = None

        def load(self):
            return self.saved

        def save(self, tensors, facts):
            self.saved = (tensors, facts)

    kept = Kept()
    training = sface.fit(data, params, seed=0, device="cpu", checkpoint=kept)
    next(training)
    next(training)
    again = finish(sface.fit(data, params, seed=0, device="cpu", checkpoint=kept))
    assert (again.parameters["weight"] == whole.parameters["weight"]).all()


def test_what_cannot_be_is_said(make_problem):
    with pytest.raises(UsageError):
        sface.Params(slope=0.0)
    data = replace(make_problem(NOISE).data, tuning=object())
    with pytest.raises(UsageError, match="--method sface"):
        finish(sface.fit(data, sface.Params(), seed=0, device="cpu"))
