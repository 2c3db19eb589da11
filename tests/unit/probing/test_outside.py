"""Rows of no class are found where they are, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from noisefix.probability import softmax
from noisefix.probing.outside import OUTSIDE_FROM, find_outside

DIMENSION = 16


@dataclass(frozen=True, eq=False)
class Blobs:
    points: np.ndarray
    labels: np.ndarray
    probs: np.ndarray
    is_outsider: np.ndarray

    def found(self, **others):
        labels = others.pop("labels", self.labels)
        given = {
            "text_probs": self.probs,
            "p_error": 1 - self.probs[np.arange(len(labels)), np.maximum(labels, 0)],
            "groups": np.arange(len(labels)),
            "is_written": np.ones(len(labels), bool),
            "keys": np.random.default_rng(1).integers(0, 2**63, len(labels)).astype(np.uint64),
        }
        return find_outside(self.points, labels, **(given | others))


def blobs(n_rows=600, share=0.08, seed=0, spread=0.12, n_classes=2) -> Blobs:
    """Gaussian blobs on the sphere, and a third part of them that no class has."""
    rng = np.random.default_rng(seed)
    n_out = round(share * n_rows)
    true = np.r_[rng.integers(0, n_classes, n_rows - n_out), np.full(n_out, n_classes)]
    centres = np.eye(n_classes + 1, DIMENSION)
    centres[:n_classes] += centres[:n_classes].mean(axis=0)  # classes of one subject
    points = centres[true] + spread * rng.normal(size=(n_rows, DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    probs = softmax(6 * points @ centres[:n_classes].T)
    random = rng.integers(0, n_classes, n_rows)
    labels = np.where(true == n_classes, random, true)
    return Blobs(points.astype(np.float32), labels, probs, true == n_classes)


@pytest.mark.parametrize("seed", range(3))
def test_a_third_blob_is_found(seed):
    made = blobs(n_rows=1500, seed=seed)
    found = made.found()
    assert roc_auc_score(made.is_outsider, found.p_outside) > 0.99
    assert roc_auc_score(made.is_outsider, -found.tail) > 0.99
    assert made.is_outsider[found.rows].mean() > 0.7
    assert made.is_outsider[found.rows].sum() > 0.9 * made.is_outsider.sum()


def test_without_outsiders_the_list_is_mostly_empty():
    sizes = [len(blobs(share=0, seed=seed).found().rows) for seed in range(20)]
    assert sum(size > 0 for size in sizes) <= 2


def test_few_rows_say_nothing():
    found = blobs(n_rows=60).found()
    assert not found.p_outside.any()
    assert not len(found.rows)


def test_of_one_class_no_row_can_be_trusted_more_than_another():
    found = blobs(n_classes=1).found()
    assert not found.p_outside.any()


def test_a_probable_class_is_never_outside():
    made = blobs()
    probs = made.probs.copy()
    probs[made.is_outsider] = [0.999, 0.001]
    assert not made.found(text_probs=probs).p_outside[made.is_outsider].any()


def test_rows_without_a_text_are_not_judged():
    made = blobs()
    written = np.ones(600, bool)
    written[::10] = False
    found = made.found(is_written=written)
    assert (np.isnan(found.p_outside) == ~written).all()


def test_unlabelled_rows_are_judged_as_well():
    made = blobs(n_rows=1500)
    labels = made.labels.copy()
    labels[made.is_outsider] = -1
    assert made.is_outsider[made.found(labels=labels).rows].sum() > 100


def test_copies_of_one_text_count_once():
    """A hundred copies of one far text are one surprise, not a hundred."""
    made = blobs(share=0, n_rows=500)
    far = np.zeros((100, DIMENSION), np.float32)
    far[:, -1] = 1
    points = np.concatenate([made.points, far])
    labels = np.r_[made.labels, np.arange(100) % 2]
    probs = np.concatenate([made.probs, np.full((100, 2), 0.5)])
    copied = Blobs(points, labels, probs, np.arange(600) >= 500)
    groups = np.r_[np.arange(500), np.full(100, 500)]
    found = copied.found(groups=groups)
    assert len(np.unique(found.p_outside[500:])) == 1
    assert (found.p_outside[500:] < OUTSIDE_FROM).all()


def test_the_order_of_the_rows_does_not_show():
    made = blobs()
    keys = np.random.default_rng(2).integers(0, 2**63, 600).astype(np.uint64)
    order = np.random.default_rng(3).permutation(600)
    turned = Blobs(*(part[order] for part in vars(made).values()))
    one, two = made.found(keys=keys), turned.found(keys=keys[order])
    np.testing.assert_allclose(one.p_outside[order], two.p_outside, atol=1e-12)


def test_equal_embeddings_are_no_division_by_nothing():
    made = blobs()
    same = Blobs(np.ones_like(made.points) / 4, made.labels, made.probs, made.is_outsider)
    found = same.found()
    assert np.isfinite(found.p_outside).all()
    assert not len(found.rows)
