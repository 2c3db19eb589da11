"""STORM: the step that is tried, its gradient, and the traps of normalising."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import storm
from noisefix.training.objective import Batch

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def seen(problem, epoch=9, **options):
    """An objective that has looked at a model which mostly knows the truth."""
    objective = storm.Rescaled(problem.data, storm.Params(**options), "cpu")
    rng = np.random.default_rng(0)
    truth = 2.0 * np.eye(K)[problem.true_labels]
    logits = truth + 0.5 * rng.normal(size=truth.shape)
    shown = torch.tensor(logits, dtype=torch.float32)[None]
    objective.start_epoch(epoch, lambda: shown)
    return objective, shown


def batch_of(objective, shown, rows):
    rows = torch.as_tensor(rows)
    features = objective.features[rows]
    return Batch(rows, features, shown[:, rows], 0.5, None, np.random.default_rng(0))


@pytest.fixture
def problem(make_problem):
    return make_problem(NOISE, n_rows=120)


def test_the_tried_step_is_a_gradient_step_of_a_linear_head(problem):
    rng = np.random.default_rng(0)
    weight = torch.tensor(rng.normal(size=(8, K)), requires_grad=True)
    bias = torch.tensor(rng.normal(size=K), requires_grad=True)
    rows, others = (torch.tensor(rng.normal(size=(n, 8))) for n in (10, 6))
    targets = torch.tensor(rng.dirichlet(np.ones(K), size=10))
    w = torch.tensor(rng.random(10))
    logits = rows @ weight + bias
    (w * cross_entropy(logits, targets)).mean().backward()
    with torch.no_grad():
        wanted = others @ (weight - 0.7 * weight.grad) + (bias - 0.7 * bias.grad)
        before = others @ weight + bias
        found = storm.tried_logits(w, logits, targets, rows, before, others, 0.7)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("meta_weights", ["p_error", "self"])
def test_the_rescalers_gradient_is_that_of_finite_differences(problem, meta_weights):
    objective, shown = seen(problem, meta_weights=meta_weights)
    for name in ("inputs", "logits", "features", "targets", "trust"):
        setattr(objective, name, getattr(objective, name).double())
    batch = batch_of(objective, shown.double(), np.arange(40))
    batch = replace(batch, logits=batch.logits.double())
    others = torch.arange(40, 80)
    rescaler = 0.1 * torch.randn(K, storm.N_INPUTS + 1, dtype=torch.float64)
    if meta_weights == "self":  # they carry no gradient: hold them where they are
        held = objective.weights_of(rescaler, others)
        objective.params = replace(objective.params, meta_weights="p_error")
        objective.trust[others] = held
    leaf = rescaler.clone().requires_grad_()
    (slope,) = torch.autograd.grad(objective.meta_loss(leaf, batch, others), leaf)
    assert slope.abs().max() > 1e-4  # trap: normalised to keep the total loss, it is exactly 0
    for k, j in [(0, 0), (1, 4), (2, 9)]:
        step = torch.zeros_like(rescaler)
        step[k, j] = 1e-5
        ends = [float(objective.meta_loss(rescaler + s, batch, others)) for s in (step, -step)]
        assert float(slope[k, j]) == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5)


def test_meta_weights_of_its_own_carry_no_gradient(problem):
    objective, shown = seen(problem, meta_weights="self")
    batch = batch_of(objective, shown, np.arange(40))
    leaf = torch.zeros(K, storm.N_INPUTS + 1, requires_grad=True)
    loss = objective.meta_loss(leaf, batch, torch.arange(40, 80))
    own = objective.weights_of(leaf, torch.arange(40, 80)).detach()
    objective.params = replace(objective.params, meta_weights="p_error")
    objective.trust[40:80] = own
    held = objective.meta_loss(leaf, batch, torch.arange(40, 80))
    for one, other in zip(
        torch.autograd.grad(loss, leaf), torch.autograd.grad(held, leaf), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_weights_have_mean_one_in_each_given_class(problem):
    objective, _ = seen(problem)
    objective.rescaler.copy_(torch.randn(K, storm.N_INPUTS + 1))
    weights = objective.weights_of(objective.rescaler, torch.arange(120))
    for label in range(K):
        mean = weights[problem.data.given_labels == label].mean()
        assert float(mean) == pytest.approx(1, abs=1e-5)
    assert weights.std() > 0.1


def test_inputs_are_what_they_are_said_to_be(problem):
    logits = np.random.default_rng(0).normal(size=(120, K))
    targets = np.eye(K)[problem.data.given_labels]
    found = storm.row_inputs(torch.tensor(logits), torch.tensor(targets)).numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    own = p[np.arange(120), problem.data.given_labels]
    agrees = logits.argmax(axis=1) == problem.data.given_labels
    like = [
        (problem.data.given_labels == g) & (agrees == a)
        for g, a in zip(problem.data.given_labels, agrees, strict=True)
    ]
    columns = [-np.log(own), own, -(p * np.log(p)).sum(axis=1), p.max(axis=1), agrees]
    for values in (-np.log(own), own):
        columns += [[values[m].mean() for m in like], [values[m].std() for m in like]]
    wanted = np.stack(columns, axis=1).astype(float)
    wanted = (wanted - wanted.mean(axis=0)) / wanted.std(axis=0, ddof=1)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_it_learns_to_hold_wrong_rows_back(problem):
    wrong = problem.data.given_labels != problem.true_labels
    told = problem.with_data(p_error=wrong.astype(float))
    objective, shown = seen(told)
    rng = np.random.default_rng(1)
    for _ in range(150):
        rows = rng.choice(120, 60, replace=False)
        batch = replace(batch_of(objective, shown, rows), rng=rng)
        objective.loss(batch)
    weights = objective.weights_of(objective.rescaler, torch.arange(120)).numpy()
    assert weights[~wrong].mean() > weights[wrong].mean() + 0.3


def test_all_weights_growing_at_once_changes_nothing(problem):
    """Trap: else the step that is tried is better the heavier all rows are."""
    objective, shown = seen(problem)
    leaf = torch.zeros(K, storm.N_INPUTS + 1, requires_grad=True)
    batch = batch_of(objective, shown, np.arange(40))
    loss = objective.meta_loss(leaf, batch, torch.arange(40, 80))
    (slope,) = torch.autograd.grad(loss, leaf)
    assert float(slope[:, :-1].abs().max()) > 1e-5
    assert float(slope[:, -1].abs().max()) < 1e-7
    heavy = torch.zeros(K, storm.N_INPUTS + 1)
    heavy[:, -1] = 2.0
    found = objective.weights_of(heavy, torch.arange(120))
    torch.testing.assert_close(found, torch.ones(120))


def test_plain_training_before_the_warm_up_ends(problem):
    objective, shown = seen(problem, epoch=2)
    batch = batch_of(objective, shown, np.arange(40))
    wanted = cross_entropy(shown[0, :40], objective.targets[:40]).mean()
    torch.testing.assert_close(objective.loss(batch), wanted)
    assert not objective.rescaler.any()


@pytest.mark.parametrize("options", [{"meta_weights": "magic"}, {"meta_rate": 0.0}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        storm.Params(**options)


def test_steps_of_other_heads_cannot_be_tried(problem):
    with pytest.raises(UsageError, match="linear head only"):
        storm.Rescaled(problem.data, storm.Params(head="mlp"), "cpu")
