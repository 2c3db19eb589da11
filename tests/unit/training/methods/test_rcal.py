"""Drawn rows: their shape, their number, and what many of them come to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage

from noisefix.errors import UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import gaussian, rcal
from noisefix.training.targets import one_hot

K = 3
NOISE = 0.7 * np.eye(K) + 0.1
RARE = [0.6, 0.35, 0.05]


def known(problem, labels=None):
    labels = problem.true_labels if labels is None else labels
    return problem.with_data(true_label_probs=one_hot(labels, K).astype(np.float64))


def test_how_far_to_shrink_is_ledoit_and_wolfs_answer():
    rows = np.random.default_rng(0).normal(size=(40, 6)) * np.arange(1, 7)
    wanted = ledoit_wolf_shrinkage(rows, assume_centered=True)
    found, size = rcal.ledoit_wolf_share(rows, np.full(40, 1 / 40))
    assert found == pytest.approx(wanted, rel=1e-6)
    assert size == pytest.approx((rows**2).mean())


def test_a_row_that_counts_twice_is_two_rows_to_the_covariance():
    rows = np.random.default_rng(0).normal(size=(30, 4)) * np.arange(1, 5)
    twice = np.concatenate([rows, rows[:10]])
    weights = np.repeat([2.0, 1.0], [10, 20]) / 40
    share, size = rcal.ledoit_wolf_share(rows, weights)
    wanted, as_large = rcal.ledoit_wolf_share(twice, np.full(40, 1 / 40))
    assert size == pytest.approx(as_large)
    # The same covariance, but of fewer rows: 1 / sum of squared weights of them.
    assert share == pytest.approx(wanted * 40 * (weights**2).sum())


def test_classes_are_filled_up_to_the_largest():
    counts = np.array([50.0, 20.0, 0.0, 5.4])
    assert rcal.rows_to_draw(counts, 1.0, 1e9).tolist() == [0, 30, 0, 45]
    assert rcal.rows_to_draw(counts, 0.5, 1e9).tolist() == [0, 15, 0, 22]
    assert rcal.rows_to_draw(counts, 1.0, 30.0).sum() in (29, 30, 31)
    assert not rcal.rows_to_draw(counts, 0.0, 1e9).any()


def test_drawn_rows_have_their_classes_mean_and_spread(make_problem):
    problem = known(make_problem(np.eye(K), n_rows=2000, n_features=4, shares=RARE))
    data = problem.data
    stretched = replace(data, features=data.features * np.array([3, 1, 1, 0.5], np.float32))
    labels = stretched.true_label_probs
    params = rcal.Params(most_drawn=1e9)
    drawn = list(rcal.drawn_rows(stretched, labels, params, seed=0))
    for k in (1, 2):
        real = stretched.features[problem.true_labels == k]
        np.testing.assert_allclose(drawn[k].mean(axis=0), real.mean(axis=0), atol=0.12)
        np.testing.assert_allclose(np.cov(drawn[k].T), np.cov(real.T), atol=0.25)
    assert not len(drawn[0])


def test_drawn_rows_are_of_unit_length_where_the_real_ones_are(make_problem):
    data = known(make_problem(np.eye(K), n_rows=200, shares=RARE)).data
    rows = np.concatenate(list(rcal.drawn_rows(data, data.true_label_probs, rcal.Params(), 0)))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    again = np.concatenate(list(rcal.drawn_rows(data, data.true_label_probs, rcal.Params(), 0)))
    other = np.concatenate(list(rcal.drawn_rows(data, data.true_label_probs, rcal.Params(), 1)))
    assert (rows == again).all()
    assert (rows != other).any()


def test_many_draws_with_one_covariance_point_where_the_closed_form_does():
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(5, 5))
    factor = np.linalg.cholesky(shape @ shape.T / 5 + 0.2 * np.eye(5))
    means = rng.normal(size=(2, 5))
    rows = np.concatenate([m + rng.normal(size=(40_000, 5)) @ factor.T for m in means])
    labels = one_hot(np.repeat([0, 1], 40_000), 2).astype(np.float64)
    weight = gaussian.fit_head(rows.astype(np.float32), labels, 0.0).parameters["weight"][0]
    wanted = np.linalg.solve(factor @ factor.T, means[1] - means[0])
    found = weight[:, 1] - weight[:, 0]
    assert found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted) > 0.99


def test_a_rare_class_is_found_more_often(make_problem):
    problem = known(make_problem(np.eye(K), n_rows=400, spread=0.5, shares=RARE))
    found = {
        balance: finish(
            rcal.fit(problem.data, rcal.Params(epochs=8, balance=balance), seed=0, device="cpu")
        ).predict_probs(problem.test_features)
        for balance in (0.0, 1.0)
    }
    rare = problem.test_labels == 2
    hits = {b: (p.argmax(axis=1) == 2)[rare].mean() for b, p in found.items()}
    assert hits[1.0] > hits[0.0] + 0.05


def test_a_class_of_one_row_borrows_its_mean_and_spread(make_problem):
    problem = make_problem(np.eye(K), n_rows=100)
    labels = problem.true_labels % 2
    labels[7] = 2
    data = known(problem, labels).data
    counts, means = gaussian.class_means(data.features, data.true_label_probs)
    lent = rcal.borrowed_means(data, counts, means)
    np.testing.assert_allclose(lent[2], means[2] / 6 + means[:2].mean(axis=0) * 5 / 6, rtol=1e-6)
    drawn = list(rcal.drawn_rows(data, data.true_label_probs, rcal.Params(), 0))
    assert len(drawn[2]) > 30
    assert np.isfinite(drawn[2]).all()


def test_names_that_explain_the_labels_help_a_rare_class(make_problem):
    problem = make_problem(np.eye(K), n_rows=100)
    labels = problem.true_labels % 2
    labels[7] = 2
    data = known(problem, labels).data
    named = replace(data, label_embeddings=np.eye(K, 8, dtype=np.float32), name_gain=0.3)
    counts, means = gaussian.class_means(data.features, data.true_label_probs)
    without, with_names = (rcal.borrowed_means(d, counts, means)[2] for d in (data, named))
    assert with_names[2] > without[2] + 0.1


@pytest.mark.parametrize("options", [{"balance": 2.0}, {"most_drawn": -1.0}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        rcal.Params(**options)


def test_an_encoder_cannot_learn_along(make_problem):
    data = replace(make_problem(NOISE).data, tuning=object())
    with pytest.raises(UsageError, match="--method rcal"):
        finish(rcal.fit(data, rcal.Params(), seed=0, device="cpu"))
