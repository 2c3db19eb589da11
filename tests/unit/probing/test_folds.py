"""Folds: stratified, groups whole, every class seen in training, the same on every run."""

import numpy as np
import pytest

from noisefix.errors import DataError
from noisefix.probing.folds import NO_FOLD, make_folds, row_keys


def fold_counts(folds, labels, n_folds):
    table = np.zeros((n_folds, labels.max() + 1), dtype=int)
    np.add.at(table, (folds, labels), 1)
    return table


def test_singles_are_dealt_evenly_within_each_class_and_overall():
    rng = np.random.default_rng(0)
    labels = rng.choice(7, size=1003, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02])
    folds = make_folds(labels, n_folds=5)
    counts = fold_counts(folds, labels, 5)
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_groups_stay_whole_and_classes_still_level():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, size=600)
    groups = rng.integers(0, 350, size=600)  # most groups have mixed labels
    folds = make_folds(labels, groups, n_folds=5)
    for g in np.unique(groups):
        assert len(np.unique(folds[groups == g])) == 1
    counts = fold_counts(folds, labels, 5)
    assert counts.min() >= 0.7 * 600 / 20


def test_group_ids_may_be_any_numbers():
    labels = np.array([0, 0, 1, 1, 0, 1])
    a = make_folds(labels, np.array([5, 5, -3, -3, 10**15, 7]), n_folds=2)
    b = make_folds(labels, np.array([0, 0, 1, 1, 2, 3]), n_folds=2)
    np.testing.assert_array_equal(a, b)


def test_every_class_with_two_groups_is_in_two_folds():
    # class 2 has two rows, each inside a mixed group dominated by class 0
    labels = np.array([0, 0, 0, 2, 0, 0, 0, 2, 1, 1, 3])
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4])
    for seed in range(10):
        folds = make_folds(labels, groups, n_folds=3, seed=seed)
        for k in (0, 1, 2):
            assert len(np.unique(folds[labels == k])) >= 2
        assert len(np.unique(folds[labels == 3])) == 1  # a single row: cannot be helped


def test_a_pair_of_rows_parts_even_when_folds_are_many():
    labels = np.array([0] * 50 + [1] * 2)
    folds = make_folds(labels, n_folds=10)
    assert folds[50] != folds[51]


def test_unlabelled_rows_have_no_fold_and_do_not_move_the_others():
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    with_gaps = np.insert(labels, [2, 5], -1)
    folds = make_folds(with_gaps, n_folds=2, seed=3)
    assert (folds[with_gaps == -1] == NO_FOLD).all()
    np.testing.assert_array_equal(folds[with_gaps != -1], make_folds(labels, n_folds=2, seed=3))


def test_same_seed_same_folds_other_seed_other_folds():
    labels = np.arange(200) % 4
    np.testing.assert_array_equal(make_folds(labels, seed=5), make_folds(labels, seed=5))
    assert (make_folds(labels, seed=5) != make_folds(labels, seed=6)).any()


def test_with_keys_the_row_order_does_not_matter():
    rng = np.random.default_rng(2)
    texts = [f"text {i % 260}" for i in range(300)]
    groups = np.arange(300) % 260
    labels = rng.integers(0, 3, size=300)
    labels[groups < 40] = groups[groups < 40] % 3
    labels[7] = -1
    shuffle = rng.permutation(300)
    keys = row_keys(texts, seed=1)
    folds = make_folds(labels, groups, keys=keys)
    shuffled = make_folds(labels[shuffle], groups[shuffle], keys=keys[shuffle])
    np.testing.assert_array_equal(shuffled, folds[shuffle])


def test_row_keys_follow_text_and_seed_and_take_anything():
    keys = row_keys(["a", "b", "a", None, "", "\ud800"])
    assert keys.dtype == np.uint64
    assert keys[0] == keys[2] != keys[1]
    assert keys[3] == keys[4]
    assert (row_keys(["a"], seed=1) != keys[:1]).all()


def test_no_labels_one_label_and_bad_arguments():
    assert (make_folds(np.array([-1, -1])) == NO_FOLD).all()
    assert len(make_folds(np.array([], dtype=np.int64))) == 0
    assert make_folds(np.array([-1, 0])).tolist()[0] == NO_FOLD
    with pytest.raises(DataError, match="1 folds"):
        make_folds(np.array([0, 1]), n_folds=1)
    with pytest.raises(DataError, match="one entry a row"):
        make_folds(np.array([0, 1]), np.array([0]))
