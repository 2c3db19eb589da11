"""ERASE: smoothing over a graph, on graphs whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from noisefix.errors import UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import ce, erase

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def test_without_steps_it_is_plain_training(make_problem):
    problem = make_problem(NOISE, n_rows=120)
    found = [
        finish(m.fit(problem.data, m.Params(epochs=4, **o), seed=0, device="cpu")).predict_probs(
            problem.test_features
        )
        for m, o in ((erase, {"steps": 0}), (ce, {}))
    ]
    assert (found[0] == found[1]).all()


def test_two_cliques_come_to_their_majorities():
    block = (np.ones((5, 5)) - np.eye(5)) / 4
    graph = csr_array(np.kron(np.eye(2), block))
    labels = np.eye(2)[[0, 0, 0, 0, 1, 1, 1, 1, 0, 1]]
    found = erase.smoothed(labels, graph, 0.6, 50)
    np.testing.assert_allclose(found[:5], [[0.8, 0.2]] * 5, atol=1e-6)
    np.testing.assert_allclose(found[5:], [[0.2, 0.8]] * 5, atol=1e-6)
    np.testing.assert_array_equal(erase.smoothed(labels, graph, 1.0, 9), labels)


def test_the_graph_has_no_copies_and_goes_both_ways(make_problem):
    data = make_problem(NOISE, n_rows=60).data
    groups = np.arange(60)
    groups[1] = 0
    given = data.given_labels.copy()
    given[5] = -1
    graph = erase.neighbour_graph(replace(data, groups=groups, given_labels=given)).toarray()
    np.testing.assert_allclose(graph.sum(axis=1), 1)
    assert graph[0, 1] == graph[1, 0] == 0
    assert ((graph > 0) == (graph > 0).T).all()
    assert graph[5, 5] == 1
    assert not np.delete(np.diag(graph), 5).any()


def test_likeness_keeps_its_sign_and_bears_a_class_without_rows():
    rows = np.array([[1, 0], [-1, 0], [0.8, 0.6]], np.float32)
    found = erase.class_likeness(rows, np.array([0, 1, -1]), 3)
    cosines = np.array([[1, -1, -1], [-1, 1, -1], [0.8, -0.8, -1]])
    wanted = np.exp(cosines / 0.1)
    np.testing.assert_allclose(found, wanted / wanted.sum(axis=1, keepdims=True), rtol=1e-4)


def test_targets_come_nearer_to_the_truth(make_problem):
    problem = make_problem(NOISE, n_rows=400, spread=0.3)
    objective = erase.Smoothed(problem.data, erase.Params(), "cpu")

    def right():
        return (objective.targets.argmax(1).numpy() == problem.true_labels).mean()

    first = right()
    assert first > (problem.data.given_labels == problem.true_labels).mean() + 0.1
    before = objective.targets.clone()
    shown = torch.tensor(4.0 * np.eye(K)[problem.true_labels], dtype=torch.float32)[None]
    objective.start_epoch(2, lambda: shown)
    assert (objective.targets == before).all()
    objective.start_epoch(3, lambda: shown)
    assert right() >= first
    torch.testing.assert_close(objective.targets.sum(1), torch.ones(400))


@pytest.mark.parametrize("options", [{"keep": 2.0}, {"label_share": -1.0}, {"steps": -1}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        erase.Params(**options)
