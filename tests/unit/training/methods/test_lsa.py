"""The cut through the features, the mixtures, and what becomes of noisy rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from noisefix.errors import UsageError
from noisefix.probing.folds import make_folds
from noisefix.training import losses
from noisefix.training.methods import ce, lsa

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def blobs(n_rows=600, share=0.08, seed=0):
    """Two classes, and rows of neither."""
    rng = np.random.default_rng(seed)
    outside = rng.random(n_rows) < share
    centres = np.zeros((n_rows, 6))
    centres[np.arange(n_rows), rng.integers(2, size=n_rows)] = 4.0
    centres[outside] = [0, 0, 4, 4, 0, 0]
    rows = centres + rng.normal(size=(n_rows, 6))
    loss = np.where(outside, rng.uniform(1.0, 3.0, n_rows), rng.uniform(0, 0.8, n_rows))
    return (rows - rows.mean(axis=0)) / rows.std(axis=0), outside, loss


def test_rows_of_neither_class_are_told_apart():
    rows, outside, loss = blobs()
    seeds = lsa.high_losses(loss) > 0.95
    folds = make_folds(seeds.astype(np.int64))
    found = lsa.separated(rows, seeds, folds)
    assert roc_auc_score(outside, found) > 0.99


def test_the_cut_is_scikit_learns_out_of_fold():
    rows, outside, _ = blobs()
    folds = make_folds(outside.astype(np.int64))
    found = lsa.separated(rows, outside, folds)
    for fold in range(5):
        model = LogisticRegression(C=0.01, class_weight="balanced", tol=1e-8, max_iter=1000)
        model.fit(rows[folds != fold], outside[folds != fold])
        wanted = model.predict_proba(rows[folds == fold])[:, 1]
        np.testing.assert_allclose(found[folds == fold], wanted, atol=2e-3)


def test_the_mixture_is_scikit_learns():
    _, _, loss = blobs()
    scaled = ((loss - loss.min()) / np.ptp(loss))[:, None]
    start = np.quantile(scaled, [0.1, 0.9])[:, None]
    mixture = GaussianMixture(2, max_iter=10, reg_covar=5e-4, tol=1e-2, means_init=start)
    mixture.set_params(random_state=0)
    high = int(lsa._fitted(mixture, scaled).means_.argmax())
    wanted = mixture.predict_proba(scaled)
    np.testing.assert_allclose(lsa.high_losses(loss), wanted[:, high], atol=1e-9)
    np.testing.assert_allclose(lsa.high_losses(loss, is_low=True), wanted[:, 1 - high], atol=1e-9)


def test_one_mode_says_that_nothing_is_noisy():
    assert not lsa.high_losses(np.full(50, 0.3)).any()
    assert (lsa.high_losses(np.full(50, 0.3), is_low=True) == 1).all()


def test_too_few_seeds_on_a_side_have_no_say():
    rows, _, _ = blobs(100)
    seeds = np.arange(100) < 9
    folds = make_folds(seeds.astype(np.int64))
    assert lsa.separated(rows, seeds, folds) is None
    assert lsa.separated(rows, ~seeds, folds) is None
    seeds[9] = True
    assert lsa.separated(rows, seeds, folds) is not None


def look_at(logits):
    return lambda: torch.tensor(logits, dtype=torch.float32)[None]


@pytest.fixture
def told(make_problem):
    """An objective that was shown a model which knows the truth."""
    problem = make_problem(NOISE, n_rows=400)
    objective = lsa.LinearSeparation(problem.data, lsa.Params(warm_epochs=0), "cpu")
    logits = 3.0 * np.eye(K)[problem.true_labels]
    objective.start_epoch(1, look_at(logits))  # the mixture's turn
    return problem, objective, logits


def test_noisy_rows_get_the_models_sharpened_guess(told):
    problem, objective, logits = told
    wrong = problem.data.given_labels != problem.true_labels
    sharp = np.exp(2 * logits)
    sharp /= sharp.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(objective.targets[wrong], sharp[wrong], rtol=1e-5)
    np.testing.assert_array_equal(
        objective.targets.numpy()[~wrong], np.eye(K)[problem.data.given_labels[~wrong]]
    )
    assert objective.share_noisy == pytest.approx(wrong.mean())
    assert (objective.certainty.numpy()[~wrong] == 1).all()


def test_labels_come_back_when_the_noise_is_no_longer_seen(told):
    problem, objective, _ = told
    objective.start_epoch(3, look_at(np.zeros((400, K))))
    np.testing.assert_array_equal(objective.targets, np.eye(K)[problem.data.given_labels])


def test_nothing_before_the_warm_up_ends(make_problem):
    problem = make_problem(NOISE, n_rows=400)
    objective = lsa.LinearSeparation(problem.data, lsa.Params(warm_epochs=4), "cpu")
    objective.start_epoch(3, look_at(3.0 * np.eye(K)[problem.true_labels]))
    plain = ce.GivenLabels(problem.data, ce.Params(), "cpu")
    assert (objective.targets == plain.targets).all()


def test_the_divergence_is_from_the_estimated_shares():
    logits = torch.randn(1, 8, K, dtype=torch.float64)
    mean = logits.softmax(-1)[0].mean(0)
    shares = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    wanted = (shares * (shares / mean).log()).sum()
    torch.testing.assert_close(losses.share_divergence(logits, shares), wanted)
    none = losses.share_divergence(mean.log().expand(1, 8, K), mean)
    assert float(none) == pytest.approx(0, abs=1e-9)


def test_options_out_of_range():
    with pytest.raises(UsageError):
        lsa.Params(sharpening=0)
