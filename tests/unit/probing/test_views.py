"""The three views: out of sample, duplicates kept apart, unlabelled rows judged."""

import numpy as np
import pytest

from noisefix.probing.pooling import pool_views
from noisefix.probing.views import look, look_around

WORDS = [
    ["refund", "money", "charged"],
    ["parcel", "courier", "late"],
    ["login", "password", "app"],
]


def rows(true, seed=0, n_features=16):
    """Embeddings around one centre a class, and texts with words of the class."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(WORDS), n_features))
    vectors = centres[true] + 0.6 * rng.normal(size=(len(true), n_features))
    texts = [
        f"{WORDS[k][rng.integers(3)]} {WORDS[k][rng.integers(3)]} number {i} {rng.integers(10**6)}"
        for i, k in enumerate(true)
    ]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), texts


@pytest.fixture
def data():
    true = np.arange(150) % 3
    return *rows(true), true


def look_at(embeddings, texts, given, n_classes, seed=0):
    """The surroundings and the views."""
    around = look_around(embeddings, texts, given, device="cpu")
    return around, look(embeddings, texts, given, n_classes, around, seed=seed)


def all_of(views):
    return {"probe": views.probe, "words": views.words, "neighbors": views.neighbors}


def test_every_view_sees_planted_errors(data):
    embeddings, texts, true = data
    given = true.copy()
    given[:12] = (given[:12] + 1) % 3
    _, views = look_at(embeddings, texts, given, 3)
    for name, probs in (all_of(views) | {"pooled": views.pooled}).items():
        assert probs.shape == (150, 3), name
        assert probs.dtype == np.float32, name
        np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
        assert (probs.argmax(axis=1) == true).mean() > 0.9, name
        assert (probs.argmax(axis=1) == true)[:12].mean() > 0.8, name


def test_the_pool_is_made_of_the_three(data):
    _, views = look_at(*data, 3)
    np.testing.assert_array_equal(
        views.pooled, pool_views([views.probe, views.words, views.neighbors])
    )


def test_copies_do_not_vouch_for_each_other(data):
    embeddings, texts, true = data
    copies = np.r_[np.arange(150), np.full(40, 7)]  # row 7 forty times more
    given = true[copies]
    given[150:] = given[7] = (true[7] + 1) % 3  # all with the same wrong label
    around, views = look_at(embeddings[copies], [texts[i] for i in copies], given, 3)
    same = np.r_[7, 150:190]
    assert len(set(around.duplicate_groups[same])) == 1
    assert not np.isin(around.nearest.indices[same], same).any()
    for name, probs in all_of(views).items():
        assert (probs[same].argmax(axis=1) == true[7]).all(), name


def test_unlabelled_rows_are_judged_but_do_not_vote(data):
    embeddings, texts, true = data
    given = np.where(np.arange(150) % 5 == 0, -1, true)
    around, views = look_at(embeddings, texts, given, 3)
    for name, probs in all_of(views).items():
        assert (probs.argmax(axis=1) == true)[given == -1].mean() > 0.9, name
    assert (given[around.nearest.indices] >= 0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_other_folds(data):
    first, again, other = (look_at(*data, 3, seed=seed)[1] for seed in (0, 0, 1))
    assert first.pooled.tobytes() == again.pooled.tobytes()
    assert first.probe.tobytes() != other.probe.tobytes()
    assert first.neighbors.tobytes() == other.neighbors.tobytes()


@pytest.mark.parametrize("given", [[0, 1, 2, 3, 4] * 2, [0] * 9 + [1], [0, 1] + [-1] * 8])
def test_ten_rows(given):
    embeddings, texts = rows(np.arange(10) % 3)
    labels = np.array(given)
    n_classes = int(labels.max()) + 1
    around, views = look_at(embeddings, texts, labels, n_classes)
    for name, probs in (all_of(views) | {"pooled": views.pooled}).items():
        assert np.isfinite(probs).all(), name
        np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)
    assert around.nearest.indices.shape == (10, 30)


@pytest.mark.parametrize(("text", "n_groups"), [("same", 1), ("", 8), ("...", 8)])
def test_equal_and_empty_texts(text, n_groups):
    embeddings = np.zeros((8, 4), np.float32)
    around, views = look_at(embeddings, [text] * 8, np.arange(8) % 2, 2)
    assert len(set(around.duplicate_groups)) == n_groups
    assert (around.nearest.indices < 0).all()  # copies say nothing new, empty texts nothing at all
    if n_groups == 1:
        np.testing.assert_allclose(views.pooled, 0.5, atol=0.01)
