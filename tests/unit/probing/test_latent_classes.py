"""The latent classes: what they find where the truth is known."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from noisefix.probing.latent_classes import fit_latent_classes


def clusters(true, n_features=16, spread=0.5, seed=0):
    """Unit vectors around one random centre a class."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(true.max() + 1, n_features))
    rows = centres[true] + spread * rng.normal(size=(len(true), n_features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_right_labels_are_found_right():
    true = np.repeat([0, 1, 2], [300, 150, 50])
    fit = fit_latent_classes(clusters(true), true, 3)
    np.testing.assert_allclose(fit.shares, [0.6, 0.3, 0.1], atol=0.01)
    assert (np.diag(fit.transition_matrix) > 0.97).all()


def test_labels_that_collapse_into_a_class_are_told_from_a_common_class():
    true = np.repeat([0, 1, 2], 400)
    given = true.copy()
    given[400:560] = 0  # 40 % of class 1
    given[800:960] = 0  # 40 % of class 2
    fit = fit_latent_classes(clusters(true), given, 3)
    np.testing.assert_allclose(fit.shares, 1 / 3, atol=0.02)  # not .6, .2, .2 as given
    np.testing.assert_allclose(fit.transition_matrix[1], [0.4, 0.6, 0], atol=0.03)
    np.testing.assert_allclose(fit.transition_matrix[2], [0.4, 0, 0.6], atol=0.03)
    assert fit.transition_matrix[0, 0] > 0.97
    assert fit.shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(fit.transition_matrix.sum(axis=1), 1)


def test_clusters_that_overlap_are_told_apart_by_labels_and_sizes():
    rng = np.random.default_rng(1)
    true = np.repeat([0, 1], [2550, 450])
    rows = rng.normal(size=(3000, 3)).astype(np.float32)
    rows[:, 0] += 1.2 * true
    given = np.where((true == 1) & (rng.random(3000) < 0.3), 0, true)
    fit = fit_latent_classes(rows, given, 2)
    np.testing.assert_allclose(fit.shares, [0.85, 0.15], atol=0.05)
    np.testing.assert_allclose(fit.transition_matrix[0], [1, 0], atol=0.03)
    # Labels alone would have said .895, and clusters alone .5.
    assert fit.shares[0] < 0.895


def test_the_directions_of_the_largest_variance_are_kept():
    rng = np.random.default_rng(2)
    true = np.repeat([0, 1, 2], 200)
    given = np.where(rng.random(600) < 0.4, 0, true)
    rows = 0.05 * rng.normal(size=(600, 64))
    rows[:, :2] += np.array([[0, 0], [1, 0], [0, 1]])[true]
    fit = fit_latent_classes(rows.astype(np.float32), given, 3, n_components=2)
    np.testing.assert_allclose(fit.shares, 1 / 3, atol=0.02)


def test_unlabelled_rows_have_no_part():
    true = np.repeat([0, 1], 100)
    rows = clusters(true)
    alone = fit_latent_classes(rows, true, 2)
    strangers = np.tile(np.eye(16, dtype=np.float32)[:1], (70, 1))
    labels = np.concatenate([true, np.full(70, -1)])
    together = fit_latent_classes(np.concatenate([rows, strangers]), labels, 2)
    np.testing.assert_array_equal(together.shares, alone.shares)
    np.testing.assert_array_equal(together.transition_matrix, alone.transition_matrix)


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_equal_texts_leave_the_given_shares(value):
    given = np.array([0, 0, 0, 1] * 5)
    fit = fit_latent_classes(np.full((20, 8), value, np.float32), given, 2)
    np.testing.assert_allclose(fit.shares, [0.75, 0.25], atol=0.2)
    assert np.isfinite(fit.transition_matrix).all()


@pytest.mark.parametrize(("n_rows", "n_classes"), [(10, 5), (10, 2), (3, 3), (150, 100)])
def test_fewer_rows_than_dimensions_or_hardly_more_than_classes(n_rows, n_classes):
    given = np.arange(n_rows) % n_classes
    fit = fit_latent_classes(clusters(given, n_features=64), given, n_classes)
    assert fit.shares.sum() == pytest.approx(1)
    assert (fit.shares > 0).all()
    assert (fit.transition_matrix > 0).all()


def test_a_class_with_one_row_keeps_a_small_share():
    given = np.repeat([0, 1, 2], [60, 60, 1])
    fit = fit_latent_classes(clusters(given), given, 3)
    assert 0 < fit.shares[2] < 0.05


def test_a_part_of_the_rows_is_enough_and_sees_every_class():
    true = np.arange(4000) % 4  # in turn: every fourth row would be of one class
    fit = fit_latent_classes(clusters(true), true, 4, max_rows=1000)
    np.testing.assert_allclose(fit.shares, 0.25, atol=0.03)


def test_the_steps_end_when_nothing_moves():
    true = np.repeat([0, 1], 200)
    rows = clusters(true)
    assert fit_latent_classes(rows, true, 2, max_steps=30).n_steps < 30
    assert fit_latent_classes(rows, true, 2, max_steps=2, tol=0).n_steps == 2


def test_the_number_of_threads_does_not_show(monkeypatch):
    true = np.repeat([0, 1, 2], 300)
    rows = clusters(true, n_features=128, spread=1.5)
    found, seen, solve = [], set(), np.linalg.solve

    def watched(*arguments):
        seen.update(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        return solve(*arguments)

    monkeypatch.setattr(np.linalg, "solve", watched)
    for n_threads in (1, 4):
        with threadpool_limits(n_threads):
            found.append(fit_latent_classes(rows, true, 3))
    np.testing.assert_array_equal(found[0].shares, found[1].shares)
    np.testing.assert_array_equal(found[0].transition_matrix, found[1].transition_matrix)
    assert seen == {1}
