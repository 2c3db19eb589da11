from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.training.checkpoints import FileCheckpoint
from noisefix.training.interface import finish
from noisefix.training.loop import Batch
from noisefix.training.methods import ce, noiseal
from noisefix.training.weak_features import paired_features, reduce_words

K = 4
COLLAPSE = 0.5 * np.eye(K)
COLLAPSE[:, 0] += 0.5
QUICK = {"epochs": 15}


@pytest.fixture(scope="module")
def problem(make_problem):
    """Labels that collapse into one class, nothing known from a detect stage, words as text."""
    made = make_problem(COLLAPSE, n_rows=400, spread=0.3)
    rng = np.random.default_rng(0)
    words = np.eye(K)[made.true_labels] + 0.5 * np.abs(rng.normal(size=(400, K)))
    return made.with_data(
        word_features=words, true_label_probs=None, p_error=None, candidate_weights=None
    )


def test_an_annotator_repairs_what_the_models_cannot_know(problem):
    plain = finish(ce.fit(problem.data, ce.Params(**QUICK), seed=0, device="cpu"))
    calls, divisions = [], []

    def annotate(rows, demonstrations):
        calls.append((rows, demonstrations))
        return problem.true_labels[rows]

    taught = finish(
        noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=0,
            device="cpu",
            annotate=annotate,
            on_division=divisions.append,
        )
    )
    assert problem.accuracy(taught) > problem.accuracy(plain) + 0.05
    asked = np.concatenate([rows for rows, _ in calls])
    assert len(set(asked.tolist())) == len(asked) <= 0.3 * 400  # once each, within the budget
    assert len(divisions) == 14
    assert taught.n_features == problem.data.features.shape[1]
    by_epoch = {d.epoch: d for d in divisions}
    for epoch, (rows, shown) in enumerate(calls, noiseal.Params().warm_epochs):
        if epoch in by_epoch and len(calls) == 1:
            assert set(rows) <= set(by_epoch[epoch].rows("P"))
            assert set(shown[shown >= 0]) <= set(by_epoch[epoch].rows("R"))


def test_only_rows_to_be_purified_are_asked_about(problem):
    seen = []

    def annotate(rows, demonstrations):
        seen.append((rows, seen_divisions[-1]))
        return np.full(len(rows), -1)

    seen_divisions = []
    finish(
        noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=0,
            device="cpu",
            annotate=annotate,
            on_division=seen_divisions.append,
        )
    )
    assert seen
    for rows, division in seen:
        assert set(rows.tolist()) <= set(division.rows("P").tolist())


def test_it_works_without_an_annotator(make_problem, problem):
    made = make_problem(COLLAPSE, n_rows=400, spread=0.3)
    made = made.with_data(word_features=problem.data.word_features)  # same seed, same rows
    plain = finish(ce.fit(made.data, ce.Params(**QUICK), seed=0, device="cpu"))
    found = finish(noiseal.fit(made.data, noiseal.Params(**QUICK), seed=0, device="cpu"))
    assert made.accuracy(found) > made.accuracy(plain) + 0.05


def test_a_killed_training_asks_nothing_twice_and_ends_the_same(problem, tmp_path):
    asked = []

    def annotate(rows, demonstrations):
        asked.extend(rows.tolist())
        return problem.true_labels[rows]

    def start(checkpoint=None):
        return noiseal.fit(
            problem.data,
            noiseal.Params(**QUICK),
            seed=1,
            device="cpu",
            annotate=annotate,
            checkpoint=checkpoint,
        )

    whole = finish(start())
    once = list(asked)
    asked.clear()
    broken = start(FileCheckpoint(tmp_path / "s", "k", every_s=0))
    for _ in range(8):
        next(broken)
    broken.close()
    resumed = finish(start(FileCheckpoint(tmp_path / "s", "k", every_s=0)))
    assert asked == once
    for name, value in whole.state()[0].items():
        assert (resumed.state()[0][name] == value).all()


def test_an_annotator_that_is_worse_than_the_labels_does_little_harm(make_problem):
    made = make_problem(0.9 * np.eye(K) + 0.025, n_rows=400, spread=0.3)
    probs = 0.85 * np.eye(K)[made.data.given_labels] + 0.15 / K
    words = np.eye(K)[made.true_labels]
    made = made.with_data(word_features=words, true_label_probs=probs)
    rng = np.random.default_rng(0)
    results = [
        made.accuracy(
            finish(
                noiseal.fit(
                    made.data, noiseal.Params(**QUICK), seed=0, device="cpu", annotate=annotate
                )
            )
        )
        for annotate in (None, lambda rows, shown: rng.integers(K, size=len(rows)))
    ]
    assert results[1] > results[0] - 0.02


def test_answers_are_weighed_by_bayes_rule():
    believed = np.array([[0.6, 0.3, 0.1]])
    found = noiseal.weigh_answers(believed, np.array([2]), 0.8)
    wanted = np.array([0.6 * 0.1, 0.3 * 0.1, 0.1 * 0.8])
    np.testing.assert_allclose(found[0], wanted / wanted.sum())


def test_the_three_losses(problem):
    objective = noiseal.NoiseAL(problem.data, noiseal.Params(), "cpu")
    objective.subsets[:3] = torch.tensor([0, 1, 2])
    objective.targets[:3] = torch.eye(K)[[0, 1, 2]]
    logits = torch.randn(2, 3, K, generator=torch.Generator().manual_seed(0))
    features = torch.zeros(2, 3, 5)

    class Unmixed:  # beta 1, identity permutation: mixing changes nothing
        def beta(self, a, b, count):
            return np.ones(count)

        def permutation(self, count):
            return np.arange(count)

    batch = Batch(torch.arange(3), features, logits, 0.5, lambda x: logits, Unmixed())
    p = logits.softmax(-1)
    ce_rows = -torch.stack([p[:, 0, 0], p[:, 1, 1], p[:, 2, 2]], 1).log()
    wanted = (ce_rows.sum() + 4 * (1 - p[:, 2, 2]).sum()) / 3
    torch.testing.assert_close(objective.loss(batch), wanted)


def test_demonstrations_are_near_and_of_several_classes(problem):
    clean = np.arange(0, 200)
    found = noiseal.nearest_clean(problem.data, np.array([250, 251]), clean, 4)
    labels = problem.data.given_labels[found[0]]
    assert len(set(labels.tolist())) == 4
    same = clean[problem.data.given_labels[clean] == labels[0]]
    similar = problem.data.features[same] @ problem.data.features[250]
    assert found[0, 0] == same[similar.argmax()]
    few = noiseal.nearest_clean(problem.data, np.array([250]), clean[:2], 4)
    assert sorted(few[0].tolist())[:2] == [-1, -1]
    assert (noiseal.nearest_clean(problem.data, np.array([250]), clean[:0], 2) == -1).all()


def test_weak_features_are_reduced_and_beside_the_embeddings():
    rng = np.random.default_rng(0)
    words = rng.random((30, 50))
    embeddings = rng.random((30, 8)).astype(np.float32)
    both = paired_features(embeddings, words, 12, 0)
    assert both.shape == (2, 30, 12)
    assert (both[0, :, :8] == embeddings).all()
    assert (both[0, :, 8:] == 0).all()
    full = reduce_words(words, 30, 0)
    cosines = words @ words.T / np.outer(*[np.linalg.norm(words, axis=1)] * 2)
    np.testing.assert_allclose(full @ full.T, cosines, atol=1e-4)


def test_needs_words(problem):
    from noisefix.errors import DataError

    data = replace(problem.data, word_features=None)
    with pytest.raises(DataError, match="needs word_features"):
        finish(noiseal.fit(data, noiseal.Params(), seed=0, device="cpu"))
