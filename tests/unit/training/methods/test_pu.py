"""A class that means that nobody looked: two losses, the share that was missed, who says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit

from noisefix.errors import DataError, UsageError
from noisefix.training import losses
from noisefix.training.interface import finish
from noisefix.training.methods import ce, pu

NAMES = ("other", "urgent")
MISSED = 0.4
ONE_WAY = np.array([[1.0, 0.0], [MISSED, 1 - MISSED]])
X = np.random.default_rng(0).normal(scale=2, size=30)
SEEN = (np.arange(30) % 3 == 0).astype(float)


def tensors(*values, grad=False):
    return [torch.tensor(v, dtype=torch.float64, requires_grad=grad) for v in values]


def test_one_sided_without_anything_missed_is_the_logistic_loss():
    x, seen, g = tensors(X, SEEN, 0.0)
    wanted = -(SEEN * log_expit(X) + (1 - SEEN) * log_expit(-X))
    np.testing.assert_allclose(losses.one_sided(x, seen, g), wanted, atol=1e-9)


def test_one_sided_is_the_likelihood_of_what_was_observed():
    x, seen, g = tensors(X, SEEN, MISSED)
    s = expit(X)
    wanted = -np.log(np.where(SEEN == 1, (1 - MISSED) * s, 1 - s + MISSED * s))
    np.testing.assert_allclose(losses.one_sided(x, seen, g), wanted)


def test_an_unseen_row_pulls_by_its_probability_of_being_of_the_class():
    """The gradient is s minus the posterior, as that of a soft label."""
    (x,) = tensors(X, grad=True)
    seen, g = tensors(np.zeros(30), MISSED)
    losses.one_sided(x, seen, g).sum().backward()
    s = expit(X)
    posterior = MISSED * s / (1 - s + MISSED * s)
    np.testing.assert_allclose(x.grad, s - posterior, atol=1e-9)


def test_non_negative_risk_is_its_formula_and_never_rewards_below_nothing():
    x, seen = tensors(X, SEEN)
    plus, minus = -log_expit(X), -log_expit(-X)
    away = minus.mean() - 0.2 * minus[SEEN == 1].mean()
    assert away > 0
    wanted = 0.2 * plus[SEEN == 1].mean() + away
    assert float(losses.non_negative_risk(x, seen, 0.2)) == pytest.approx(wanted)
    (high,) = tensors(np.where(SEEN == 1, 9.0, -9.0), grad=True)
    losses.non_negative_risk(high, seen, 0.9).backward()
    assert (high.grad.numpy()[SEEN == 0] == 0).all()


def two_classes(make_problem, n_rows=1500, **options):
    problem = make_problem(ONE_WAY, n_rows=n_rows, **options)
    return problem.with_data(class_names=NAMES)


def test_em_finds_the_share_that_nobody_saw(make_problem):
    """What the detect stage believes is left out: the data alone tell, where classes part."""
    rng = np.random.default_rng(0)
    true = rng.random(50_000) < 0.3
    given = (true & (rng.random(50_000) >= 0.25)).astype(np.int64)
    data = make_problem(np.eye(2), n_rows=50_000).data
    data = replace(data, given_labels=given, class_names=NAMES, true_label_probs=None)
    objective = pu.PositiveUnlabelled(data, pu.Params(unverified="other", warm_epochs=0), "cpu")
    objective.unseen.fill_(0.5)
    logits = torch.zeros(1, 50_000, 2)
    logits[0, :, 1] = torch.tensor(np.where(true, 5.0, -5.0))
    for epoch in range(30):
        objective.start_epoch(epoch, lambda: logits)
    assert float(objective.unseen) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("loss", pu.LOSSES)
def test_rows_that_nobody_looked_at_are_found(make_problem, loss):
    problem = two_classes(make_problem, n_rows=600, spread=0.5)
    params = pu.Params(unverified="other", loss=loss, epochs=10, penalty=0.1)
    ours = finish(pu.fit(problem.data, params, seed=0, device="cpu"))
    plain = finish(ce.fit(problem.data, ce.Params(epochs=10, penalty=0.1), seed=0, device="cpu"))
    urgent = problem.test_labels == 1
    hits = [
        (m.predict_probs(problem.test_features).argmax(axis=1) == 1)[urgent].mean()
        for m in (ours, plain)
    ]
    assert hits[0] > hits[1] + 0.03
    assert problem.accuracy(ours) > 0.75


def test_which_class_it_is_comes_from_the_user_or_from_detect(make_problem):
    data = two_classes(make_problem, n_rows=60).data
    assert pu.unverified_class(data, "urgent") == 1
    assert pu.unverified_class(replace(data, unverified_class="other"), "") == 0
    assert pu.unverified_class(replace(data, unverified_class="other"), "urgent") == 1
    with pytest.raises(UsageError, match="must know which class"):
        pu.unverified_class(data, "")
    with pytest.raises(UsageError, match="'nobody' is no class"):
        pu.unverified_class(data, "nobody")
    with pytest.raises(DataError, match="for two classes, and there are 3"):
        pu.unverified_class(make_problem(np.eye(3), n_rows=60).data, "other")
    with pytest.raises(UsageError, match="magic"):
        pu.Params(loss="magic")
