"""Terms on hidden features, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from noisefix.training import hidden_losses as losses
from noisefix.training.targets import one_hot

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(12, 6))
LABELS = np.arange(12) % 3


def tensor(values):
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def projection(hidden, labels, gamma=0.5):
    targets = tensor(one_hot(np.asarray(labels), 3))
    return float(losses.orthogonal_projection(tensor(hidden), targets, gamma))


def test_classes_at_right_angles_cost_nothing():
    assert projection(5 * np.eye(6)[LABELS], LABELS) == pytest.approx(0, abs=1e-6)


def test_projection_is_its_formula():
    unit = HIDDEN / np.linalg.norm(HIDDEN, axis=1, keepdims=True)
    cosines = unit @ unit.T
    pairs = ~np.eye(12, dtype=bool)
    alike = LABELS[:, None] == LABELS
    wanted = 1 - cosines[alike & pairs].mean() + 0.5 * np.abs(cosines[~alike]).mean()
    assert projection(HIDDEN, LABELS) == pytest.approx(wanted, abs=1e-5)


def test_one_class_in_a_batch_leaves_the_first_part_alone():
    unit = HIDDEN / np.linalg.norm(HIDDEN, axis=1, keepdims=True)
    wanted = 1 - (unit @ unit.T)[~np.eye(12, dtype=bool)].mean()
    assert projection(HIDDEN, np.zeros(12, int)) == pytest.approx(wanted, abs=1e-5)
    assert np.isfinite(projection(HIDDEN[:1], [0]))


def test_projection_does_not_see_a_rotation():
    turned = HIDDEN @ ortho_group.rvs(6, random_state=0)
    assert projection(turned, LABELS) == pytest.approx(projection(HIDDEN, LABELS), abs=1e-6)


def test_pairs_of_soft_targets_are_of_one_class_in_part():
    targets = RNG.dirichlet(np.ones(3), size=12)
    unit = HIDDEN / np.linalg.norm(HIDDEN, axis=1, keepdims=True)
    cosines, off = unit @ unit.T, ~np.eye(12, dtype=bool)
    alike = (targets @ targets.T)[off]
    wanted = 1 - (cosines[off] * alike).sum() / alike.sum()
    wanted += 0.5 * (np.abs(cosines[off]) * (1 - alike)).sum() / (1 - alike).sum()
    found = losses.orthogonal_projection(tensor(HIDDEN), tensor(targets), 0.5)
    assert float(found) == pytest.approx(wanted, abs=1e-5)


def test_features_that_are_kept_have_kept_their_shape():
    assert float(losses.kept_shape(tensor(3 * HIDDEN), tensor(HIDDEN))) == pytest.approx(0)
    assert float(losses.kept_shape(tensor(-HIDDEN), tensor(HIDDEN))) == pytest.approx(4 / 6)


def test_white_features_have_no_covariance():
    centred = HIDDEN - HIDDEN.mean(axis=0)
    white = centred @ np.linalg.inv(np.linalg.cholesky(np.cov(centred.T))).T
    assert float(losses.off_covariance(tensor(white))) == pytest.approx(0, abs=1e-9)
    covariance = np.cov(HIDDEN.T)
    wanted = (covariance**2).sum() - (np.diag(covariance) ** 2).sum()
    assert float(losses.off_covariance(tensor(HIDDEN))) == pytest.approx(wanted / 6)
    assert float(losses.off_covariance(tensor(HIDDEN[:1]))) == 0


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_the_share_of_the_largest_singular_values(shape):
    rows = RNG.normal(size=shape)
    values = np.linalg.svd(rows, compute_uv=False)
    wanted = values[:5].mean() / values.sum()
    assert float(losses.top_share(tensor(rows))) == pytest.approx(wanted, rel=1e-6)


def test_of_one_direction_the_largest_five_have_a_fifth_each():
    rows = np.outer(RNG.normal(size=12), RNG.normal(size=8))
    assert float(losses.top_share(tensor(rows))) == pytest.approx(1 / 5, rel=1e-4)


def contrast(hidden, labels, certain, **options):
    given = torch.as_tensor(labels), torch.as_tensor(certain)
    return losses.prototype_contrast(hidden, *given, 3, **options)


@pytest.mark.parametrize("n_heads", [0, 2])
def test_prototype_contrast_is_its_formula(n_heads):
    hidden = np.stack([HIDDEN, RNG.normal(size=(12, 6))]) if n_heads else HIDDEN
    certain = np.arange(12) % 2 == 0
    wanted = []
    for rows in np.atleast_3d(hidden.T).transpose(2, 1, 0):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        means = np.stack([unit[certain & (k == LABELS)].sum(0) for k in range(3)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        odds = np.exp(unit @ means.T / 0.1)
        wanted.append(-np.log(odds[np.arange(12), LABELS] / odds.sum(1)).mean())
    assert float(contrast(tensor(hidden), LABELS, certain)) == pytest.approx(np.mean(wanted))


def test_rows_of_classes_without_a_certain_row_do_not_count():
    certain = (LABELS == 0) & (np.arange(12) < 6)
    hidden = tensor(HIDDEN).requires_grad_()
    loss = contrast(hidden, LABELS, certain)
    assert float(loss.detach()) == 0  # one prototype: nothing to be told from
    loss = contrast(hidden, LABELS, certain | (LABELS == 1))
    loss.backward()
    touched = hidden.grad.abs().sum(1) > 0
    assert touched.tolist() == (LABELS != 2).tolist()
    nothing = contrast(hidden, LABELS, np.zeros(12, bool))
    assert float(nothing.detach()) == 0
    nothing.backward()


def test_prototypes_have_no_gradient():
    """The gradient is that of fixed class means: against finite differences with them held."""
    hidden = tensor(HIDDEN).requires_grad_()
    certain = np.ones(12, bool)
    contrast(hidden, LABELS, certain, temperature=0.5).backward()
    unit = HIDDEN / np.linalg.norm(HIDDEN, axis=1, keepdims=True)
    means = np.stack([unit[k == LABELS].sum(0) for k in range(3)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)

    def loss(row):
        odds = np.exp(row / np.linalg.norm(row) @ means.T / 0.5)
        return -np.log(odds[LABELS[0]] / odds.sum()) / 12

    step = 1e-6 * np.eye(6)
    numeric = [(loss(HIDDEN[0] + e) - loss(HIDDEN[0] - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(hidden.grad[0], numeric, atol=1e-7)
