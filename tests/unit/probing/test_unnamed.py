"""Groups that may be a class of their own are found where one is missing, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.neighbors.search import nearest
from noisefix.probing.unnamed import LEAST_ROWS, find_unnamed

N_CLASSES, PER_CLASS, DIMENSION = 8, 60, 16


def points_and_truth(seed, n_classes=N_CLASSES, per_class=PER_CLASS):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_classes + 1), per_class)
    points = np.eye(n_classes + 1, DIMENSION)[truth] + 0.12 * rng.normal(
        size=(len(truth), DIMENSION)
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), truth


def found(points, labels, groups=None, is_settled=None):
    groups = np.arange(len(labels)) if groups is None else groups
    near = nearest(points, points, 30, query_groups=groups, base_groups=groups, device="cpu")
    return find_unnamed(labels, near, groups, is_settled)


def missing(seed, n_classes=N_CLASSES, noise=0.0):
    """The rows of the last class get labels of the others at random, others' too by the noise."""
    points, truth = points_and_truth(seed, n_classes)
    rng = np.random.default_rng(100 + seed)
    drawn = rng.integers(0, n_classes, len(truth))
    lacks = (truth == n_classes) | (rng.random(len(truth)) < noise)
    return points, truth, np.where(lacks, drawn, truth)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_class_that_is_missing_is_found(seed, noise):
    points, truth, labels = missing(seed, noise=noise)
    (rows,) = found(points, labels)
    assert (truth[rows] == N_CLASSES).all()
    assert len(rows) > 0.7 * PER_CLASS


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_without_one_nothing_is_found(seed, noise):
    points, truth = points_and_truth(seed, N_CLASSES - 1)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, N_CLASSES, len(truth))
    assert found(points, np.where(rng.random(len(truth)) < noise, drawn, truth)) == ()


def test_a_missing_class_that_got_one_label_is_not_told_from_a_wide_class():
    points, truth = points_and_truth(0)
    assert found(points, np.where(truth == N_CLASSES, 3, truth)) == ()


def test_few_classes_tell_nothing():
    points, _, labels = missing(0, n_classes=2)
    assert found(points, labels) == ()


def test_labels_that_are_all_at_random_tell_nothing():
    points, truth, _ = missing(0)
    drawn = np.random.default_rng(0).integers(0, N_CLASSES, len(truth))
    assert found(points, drawn) == ()


def test_hard_rows_between_the_classes_are_no_group():
    points, truth = points_and_truth(0, N_CLASSES - 1)
    rng = np.random.default_rng(1)
    between = rng.normal(size=(40, DIMENSION)).astype(np.float32)
    between /= np.linalg.norm(between, axis=1, keepdims=True)
    labels = np.r_[truth, rng.integers(0, N_CLASSES, 40)]
    assert found(np.concatenate([points, between]), labels) == ()


def test_a_few_rows_are_no_group():
    points, truth, labels = missing(0)
    kept = (truth < N_CLASSES) | (np.cumsum(truth == N_CLASSES) < LEAST_ROWS)
    assert found(points[kept], labels[kept]) == ()


def test_copies_of_one_text_are_one_witness():
    points, truth = points_and_truth(0, N_CLASSES - 1)
    rng = np.random.default_rng(0)
    labels = np.r_[truth, rng.integers(0, N_CLASSES, 40)]
    copies = np.repeat(points[:1], 40, axis=0)
    groups = np.r_[np.arange(len(truth)), np.zeros(40, int)]
    assert found(np.concatenate([points, copies]), labels, groups) == ()


def test_rows_that_a_person_has_verified_and_unlabelled_rows_are_in_no_group():
    points, _, labels = missing(0)
    (rows,) = found(points, labels)
    is_settled = np.zeros(len(labels), bool)
    is_settled[rows[:5]] = True
    hidden = labels.copy()
    hidden[rows[5:10]] = -1
    (left,) = found(points, hidden, is_settled=is_settled)
    assert len(left) > 20
    assert not np.isin(rows[:10], left).any()


def test_names_of_classes_and_order_of_rows_do_not_matter():
    points, _, labels = missing(0, noise=0.1)
    (rows,) = found(points, labels)
    (renamed,) = found(points, (labels + 3) % N_CLASSES)
    assert renamed.tolist() == rows.tolist()
    order = np.random.default_rng(0).permutation(len(labels))
    (moved,) = found(points[order], labels[order])
    assert sorted(order[moved].tolist()) == rows.tolist()


def test_the_largest_group_comes_first_and_nothing_is_said_of_no_labels():
    points, truth = points_and_truth(0)
    rng = np.random.default_rng(0)
    lacks = (truth == N_CLASSES) | ((truth == 0) & (np.arange(len(truth)) < 40))
    labels = np.where(lacks, rng.integers(0, N_CLASSES, len(truth)), truth)
    kept = (truth != 0) | (np.arange(len(truth)) < 40)
    groups = found(points[kept], labels[kept])
    assert [len(rows) for rows in groups] == sorted(map(len, groups), reverse=True)
    assert len(groups) == 2
    assert found(points, np.full(len(labels), -1)) == ()
