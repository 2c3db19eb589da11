"""What reads vectors and texts block by block: the same bytes from memory and from a file."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.labels import UNLABELLED
from noisefix.probing import class_distances, ngrams
from noisefix.probing.class_distances import fold_distances
from noisefix.probing.folds import make_folds, row_keys
from noisefix.probing.label_names import name_view
from noisefix.probing.latent_classes import fit_latent_classes
from noisefix.probing.linear_probe import fit_probe, out_of_fold_probs
from noisefix.probing.ngrams import Ngrams, ngram_features
from noisefix.probing.outside import find_outside
from noisefix.probing.views import look, look_around
from noisefix.probing.word_features import ngram_probs, word_probs
from noisefix.vectors import InFile, InMemory, mean_of, write_vectors

K, D = 5, 6


@pytest.fixture
def problem():
    """9,300 rows in five classes, 15 % of the labels wrong, every eleventh row unlabelled."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, K, 9300)
    vectors = rng.normal(size=(len(true), D)) + 1.5 * np.eye(K, D)[true]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.where(rng.random(len(true)) < 0.15, rng.integers(0, K, len(true)), true)
    labels[::11] = UNLABELLED
    return vectors.astype(np.float32), labels


@pytest.fixture
def in_file(problem, tmp_path) -> InFile:
    return write_vectors(tmp_path / "vectors", [problem[0]], D)


def same_bytes(one, other) -> None:
    if is_dataclass(one):
        for field in fields(one):
            same_bytes(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        for left, right in zip(one, other, strict=True):
            same_bytes(left, right)
    else:
        np.testing.assert_array_equal(one, other)


def texts_of(labels: np.ndarray) -> list[str]:
    rng = np.random.default_rng(1)
    return [f"topic{k if k >= 0 else ''} {' '.join(rng.choice(list('abcdef'), 3))}" for k in labels]


def test_the_probe(problem, in_file):
    vectors, labels = problem
    folds = make_folds(labels)
    same_bytes(
        out_of_fold_probs(in_file, labels, folds, K), out_of_fold_probs(vectors, labels, folds, K)
    )
    same_bytes(fit_probe(in_file, labels, K), fit_probe(vectors, labels, K))


def test_names_latent_classes_and_the_mean(problem, in_file):
    vectors, labels = problem
    names = np.eye(K, D, dtype=np.float32)
    same_bytes(name_view(in_file, names, labels), name_view(vectors, names, labels))
    several = [np.stack([each, np.roll(each, 1)]) for each in names]
    same_bytes(name_view(in_file, several, labels), name_view(vectors, several, labels))
    one, other = (fit_latent_classes(some, labels, K) for some in (in_file, vectors))
    same_bytes((one.shares, one.transition_matrix), (other.shares, other.transition_matrix))
    same_bytes(mean_of(in_file), mean_of(InMemory(vectors)))
    np.testing.assert_allclose(mean_of(in_file), vectors.mean(axis=0, dtype=np.float64), rtol=1e-9)


def test_rows_that_belong_to_no_class(problem, in_file):
    vectors, labels = problem
    rng = np.random.default_rng(2)
    probs = rng.dirichlet(np.ones(K), len(labels))
    probs[np.arange(len(labels)), np.maximum(labels, 0)] += 1
    probs /= probs.sum(axis=1, keepdims=True)
    rest = (
        probs,
        rng.random(len(labels)),
        np.arange(len(labels)),
        labels > -2,
        row_keys(list(map(str, labels))),
    )
    same_bytes(find_outside(in_file, labels, *rest), find_outside(vectors, labels, *rest))


def test_distances_are_those_of_all_rows_at_once(problem, monkeypatch):
    vectors, labels = problem
    folds, fitted = np.arange(len(labels)) % 3, labels >= 0
    central = np.arange(len(labels)) % 5 > 0
    found = fold_distances(InMemory(vectors), labels, folds, fitted, central)
    monkeypatch.setattr(class_distances, "_TASKS", 1)
    same_bytes(found, fold_distances(InMemory(vectors), labels, folds, fitted, central))
    wide = vectors.astype(np.float64)
    others = folds != 1
    middle = wide[others & central].mean(axis=0)
    cosine = wide @ middle / np.linalg.norm(middle)
    np.testing.assert_allclose(found[0][folds == 1], 1 - cosine[folds == 1], atol=1e-12)
    chosen, of = wide[others & fitted], labels[others & fitted]
    means = np.stack([chosen[of == k].mean(axis=0) for k in range(K)])
    within = chosen - means[of]
    covariance = within.T @ within / (len(chosen) - K) / 2
    covariance += np.eye(D) * np.trace(covariance) / D
    away = wide[folds == 1][:, None] - means
    expected = np.einsum("nkd,de,nke->nk", away, np.linalg.inv(covariance), away).min(axis=1)
    np.testing.assert_allclose(found[1][folds == 1], expected, rtol=1e-8)


def test_all_views(problem, in_file):
    vectors, labels = problem
    texts = texts_of(labels)
    around = look_around(vectors[:3000], texts[:3000], labels[:3000], device="cpu")
    part = write_vectors(in_file.path.with_name("part"), [vectors[:3000]], D)
    one, other = (
        look(some, texts[:3000], labels[:3000], K, around, second=some)
        for some in (part, vectors[:3000])
    )
    same_bytes(one, other)
    assert sorted(path.name for path in part.path.parent.iterdir()) == ["part", "vectors"]


def test_words_in_a_file_and_in_memory(problem, tmp_path):
    _, labels = problem
    texts, folds = texts_of(labels), make_folds(labels)
    same_bytes(word_probs(texts, labels, folds, K, tmp_path), word_probs(texts, labels, folds, K))
    assert not list(tmp_path.iterdir())


def test_words_whose_counts_cannot_be_written(problem, tmp_path):
    from noisefix.errors import DataError

    _, labels = problem
    with pytest.raises(DataError, match="nowhere"):
        word_probs(texts_of(labels), labels, make_folds(labels), K, tmp_path / "nowhere")


@pytest.mark.parametrize("many", [2, 256])
def test_counted_words_give_what_held_features_give(problem, monkeypatch, many):
    from noisefix.probing import word_features

    monkeypatch.setattr(word_features, "_MANY_CLASSES", many)
    _, labels = problem
    texts, folds = texts_of(labels), make_folds(labels)
    held = ngram_features(texts)
    same_bytes(ngram_probs(held, labels, folds, K), ngram_probs(Ngrams(texts), labels, folds, K))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.text(alphabet="ab é\n", max_size=12), max_size=40),
    st.integers(1, 60),
)
def test_features_do_not_depend_on_how_many_characters_are_hashed_at_once(texts, chunk):
    whole = ngram_features(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_CHUNK", chunk)
        again = ngram_features(texts)
    assert (whole != again).nnz == 0


@pytest.mark.slow
def test_vectors_in_a_file_are_never_held(tmp_path):
    """60,000 x 400 vectors are 96 MB; the views of them make do with far less."""
    n_rows, width = 60_000, 400
    rng = np.random.default_rng(0)
    labels = rng.integers(0, K, n_rows)

    def parts():
        for first in range(0, n_rows, 5000):
            rows = rng.standard_normal((5000, width), dtype=np.float32)
            yield rows + 3 * np.eye(K, width, dtype=np.float32)[labels[first : first + 5000]]

    vectors = write_vectors(tmp_path / "vectors", parts(), width)
    names, folds = np.eye(K, width, dtype=np.float32), make_folds(labels)
    probs = np.full((n_rows, K), 1 / K)
    probs[np.arange(n_rows), labels] += 1
    keys = row_keys([str(row) for row in range(n_rows)])
    rest = (probs / 2, rng.random(n_rows), np.arange(n_rows), labels >= 0, keys)
    views = {
        "probe": lambda: out_of_fold_probs(vectors, labels, folds, K),
        "names": lambda: name_view(vectors, names, labels),
        "outside": lambda: find_outside(vectors, labels, *rest),
    }
    for name, look_at in views.items():
        tracemalloc.start()
        look_at()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert peak < 60, (name, peak)
