"""Two views: which rows count, what each learns from the other, and which head is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import twoview
from noisefix.training.objective import Batch

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


@pytest.fixture
def problem(make_problem):
    made = make_problem(NOISE, n_rows=90)
    return made.with_data(word_features=np.abs(np.random.default_rng(0).normal(size=(90, 20))))


def test_the_surest_share_of_each_class_counts_in_full():
    confidence = np.array([0.9, 0.5, 0.5, 0.1, 0.2, 0.4, 0.8])
    labels = np.array([0, 0, 0, 0, 1, 1, -1])
    found = twoview.confidence_weights(confidence, labels, 0.5)
    np.testing.assert_allclose(found, [1, 1, 1, 0.2, 0.5, 1, 0])  # a tie: as sure is as good
    full = twoview.confidence_weights(confidence, labels, 1.0)
    np.testing.assert_allclose(full, [1, 1, 1, 1, 1, 1, 0])


def shown(probs):
    return torch.tensor(np.log(probs), dtype=torch.float32)


def test_equal_views_are_as_sure_as_one_and_its_square(problem, monkeypatch):
    kept = []
    monkeypatch.setattr(
        twoview, "confidence_weights", lambda c, g, s: kept.append(c) or np.ones(len(g))
    )
    objective = twoview.TwoViews(problem.data, twoview.Params(), "cpu")
    probs = np.random.default_rng(0).dirichlet(np.ones(K), size=90)
    objective.start_epoch(1, lambda: shown(np.stack([probs, probs])))
    own = probs[np.arange(90), problem.data.given_labels]
    for found in kept:
        np.testing.assert_allclose(found, (own + own**2) / 2, rtol=1e-4)


def test_the_share_falls_and_the_other_views_word_grows(problem, monkeypatch):
    shares = []
    monkeypatch.setattr(
        twoview, "confidence_weights", lambda c, g, s: shares.append(s) or np.ones(len(g))
    )
    objective = twoview.TwoViews(problem.data, twoview.Params(epochs=11), "cpu")
    sure = np.full((90, K), 1e-6)
    sure[:, 0] = 1 - 2e-6
    for epoch in (0, 5, 10):
        objective.start_epoch(epoch, lambda: shown(np.stack([sure, sure])))
    np.testing.assert_allclose(shares, [0.75, 0.75, 0.5, 0.5])
    np.testing.assert_allclose(objective.teaching, 0.5, atol=1e-3)


def test_each_view_is_taught_by_the_other(problem):
    objective = twoview.TwoViews(problem.data, twoview.Params(), "cpu")
    objective.trust.zero_()
    objective.teaching[0] = 1.0  # the first is sure, the second not
    objective.probs.fill_(1 / K)
    logits = torch.randn(2, 4, K, requires_grad=True)
    objective.loss(Batch(torch.arange(4), None, logits, 1.0, None, None)).backward()
    assert not logits.grad[0].any()
    assert logits.grad[1].any()


def test_the_head_on_embeddings_is_kept(problem):
    params = twoview.Params(epochs=5)
    head = finish(twoview.fit(problem.data, params, seed=0, device="cpu"))
    assert head.n_features == problem.data.features.shape[1]
    assert problem.accuracy(head) > 0.7


def test_what_cannot_be_is_said(problem):
    with pytest.raises(UsageError):
        twoview.Params(least_share=0.0)
    with pytest.raises(DataError, match="needs word_features"):
        finish(
            twoview.fit(
                replace(problem.data, word_features=None), twoview.Params(), seed=0, device="cpu"
            )
        )
