"""opl, nmtune, selfdistil and absorb: their parts, and the limits in which they are plain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.heads import last_features
from noisefix.training.hidden_losses import orthogonal_projection
from noisefix.training.interface import finish
from noisefix.training.losses import cross_entropy
from noisefix.training.methods import absorb, ce, nmtune, opl, selfdistil
from noisefix.training.objective import Batch

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def probs(method, problem, seed=1, **options):
    params = method.Params(epochs=4, penalty=0.1, **options)
    head = finish(method.fit(problem.data, params, seed=seed, device="cpu"))
    return head.predict_probs(problem.test_features)


@pytest.fixture
def problem(make_problem):
    return make_problem(NOISE, n_rows=120)


def test_without_strength_opl_is_the_same_mlp(problem):
    plain = probs(ce, problem, head="mlp")
    np.testing.assert_allclose(probs(opl, problem, strength=0.0), plain, atol=1e-6)
    assert np.abs(probs(opl, problem) - plain).max() > 1e-3


def test_opl_shapes_the_hidden_features(make_problem):
    problem = make_problem(np.eye(K), n_rows=300)
    found = []
    for strength in (0.0, 3.0):
        params = opl.Params(epochs=8, strength=strength, hidden=32)
        head = finish(opl.fit(problem.data, params, seed=0, device="cpu"))
        weights = {name: torch.tensor(value) for name, value in head.parameters.items()}
        hidden = last_features(weights, torch.tensor(problem.data.features))
        targets = torch.eye(K)[problem.true_labels]
        found.append(float(orthogonal_projection(hidden, targets, 0.5)))
    assert found[1] < found[0] - 0.05


def test_opl_has_nothing_to_shape_below_a_linear_head(problem):
    with pytest.raises(UsageError, match="head=mlp"):
        probs(opl, problem, head="linear")


def test_without_its_terms_nmtune_is_a_wide_mlp(problem):
    none = {"consistency": 0.0, "covariance": 0.0, "dominance": 0.0}
    plain = probs(ce, problem, head="mlp", hidden=8)
    np.testing.assert_allclose(probs(nmtune, problem, **none), plain, atol=1e-6)
    for name in none:
        alone = probs(nmtune, problem, **(none | {name: 5.0}))
        assert np.abs(alone - plain).max() > 1e-3


def test_a_teacher_without_a_share_is_plain_training(problem):
    assert (probs(selfdistil, problem, teacher_share=0.0) == probs(ce, problem)).all()


def test_the_teacher_comes_in_over_half_of_the_epochs(problem):
    objective = selfdistil.Student(problem.data, selfdistil.Params(epochs=8), "cpu")
    given, teacher = objective.own, objective.teacher
    for epoch, share in [(0, 0.125), (1, 0.25), (3, 0.5), (7, 0.5)]:
        objective.start_epoch(epoch, lambda: None)
        torch.testing.assert_close(objective.targets, (1 - share) * given + share * teacher)
    with pytest.raises(UsageError):
        selfdistil.Params(teacher_share=2.0)


def test_rows_that_are_all_sure_are_plain_training(problem):
    sure = problem.with_data(p_error=np.zeros(120))
    params = {"epochs": 40, "penalty": 1.0}
    found, plain = (
        finish(m.fit(sure.data, m.Params(**params), seed=0, device="cpu")).predict_probs(
            problem.test_features
        )
        for m in (absorb, ce)
    )
    np.testing.assert_allclose(found, plain, atol=0.02)  # both are convex


def test_suspicious_rows_do_not_move_the_head_that_is_kept(problem):
    kinds = np.arange(120) % 3
    p_error = np.choose(kinds, [0.0, 0.3, 0.9])
    data = replace(problem.data, p_error=p_error)
    objective = absorb.Absorbing(data, absorb.Params(least_sure=0.0), "cpu")
    logits = torch.randn(2, 120, K, requires_grad=True)
    batch = Batch(torch.arange(120), None, logits, 1.0, None, None)
    losses = objective.row_losses(batch)
    losses.sum().backward()
    moved = logits.grad.abs().sum(-1).numpy() > 1e-9
    assert moved[0].tolist() == (kinds != 2).tolist()
    assert moved[1].tolist() == (kinds != 0).tolist()
    kept, thrown = logits.detach()
    targets = objective.targets
    torch.testing.assert_close(
        losses[kinds == 2], cross_entropy(kept + thrown, targets)[kinds == 2]
    )
    torch.testing.assert_close(losses[kinds == 0], cross_entropy(kept, targets)[kinds == 0])


def test_the_best_of_each_class_are_sure_in_any_case(problem):
    p_error = np.linspace(0.6, 0.99, 120)
    data = replace(problem.data, p_error=p_error)
    kinds = absorb.row_kinds(data, absorb.Params(least_sure=0.1))
    for label in range(K):
        members = np.flatnonzero(data.given_labels == label)
        least = int(np.ceil(0.1 * len(members)))
        assert (kinds[members[:least]] == absorb.SURE).all()
        assert (kinds[members[least:]] == absorb.SUSPICIOUS).all()
    with pytest.raises(UsageError):
        absorb.Params(sure=0.6, suspicious=0.5)
