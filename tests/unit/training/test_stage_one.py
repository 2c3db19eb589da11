from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.training.heads import init_heads
from noisefix.training.interface import finish
from noisefix.training.losses import disagreement
from noisefix.training.stage_one import (
    BranchParams,
    batches,
    clean_pool,
    dynamics_score,
    train_branches,
)

PARAMS = BranchParams(min_steps=15, batch_size=64, hidden=8)


@pytest.fixture(scope="module")
def problem(make_problem):
    return make_problem([[0.8, 0.2, 0.0], [0.0, 0.7, 0.3], [0.2, 0.0, 0.8]], n_rows=300)


@pytest.fixture(scope="module")
def tensors(problem):
    return torch.from_numpy(problem.data.features), torch.from_numpy(problem.data.given_labels)


@pytest.fixture(scope="module")
def branches(tensors):
    return finish(train_branches(*tensors, 3, PARAMS, epochs=4, seed=0))


def test_dynamics_of_unseen_rows_are_those_of_training(branches, tensors):
    features, _ = tensors
    together, probs = branches.look(features)
    assert together.shape == (3, 300, branches.n_dynamics)
    assert branches.n_dynamics == 8 + 4 * 8
    for row in (0, 17, 299):
        alone, own_probs = branches.look(features[row : row + 1].clone())
        torch.testing.assert_close(alone[:, 0], together[:, row], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(own_probs[:, 0], probs[:, row], rtol=1e-5, atol=1e-6)


def test_dynamics_are_the_feature_and_then_each_epochs_hidden_layer(branches, tensors):
    features, _ = tensors
    dynamics, probs = branches.look(features[:5])
    points = (features[:5] - branches.center) / branches.scale
    for branch in range(3):
        torch.testing.assert_close(dynamics[branch, :, :8], points)
        for epoch in range(4):
            hidden = torch.tanh(
                points @ branches.hidden_weight[epoch, branch] + branches.hidden_bias[epoch, branch]
            )
            place = slice(8 + 8 * epoch, 16 + 8 * epoch)
            torch.testing.assert_close(dynamics[branch, :, place], hidden)
        logits = hidden @ branches.weight[branch] + branches.bias[branch]
        torch.testing.assert_close(probs[branch], logits.softmax(-1))


def test_epochs_and_branches_differ(branches):
    for epoch in range(3):
        assert not torch.equal(branches.hidden_weight[epoch], branches.hidden_weight[epoch + 1])
    assert not torch.equal(branches.weight[0], branches.weight[1])


def test_branches_learn_what_the_given_labels_are(make_problem):
    problem = make_problem([[0.8, 0.2, 0.0], [0.0, 0.7, 0.3], [0.2, 0.0, 0.8]], spread=0.2)
    features = torch.from_numpy(problem.data.features)
    given = torch.from_numpy(problem.data.given_labels)
    params = BranchParams(min_steps=100, batch_size=64, hidden=8)
    branches = finish(train_branches(features, given, 3, params, epochs=4, seed=0))
    _, probs = branches.look(torch.from_numpy(problem.test_features))
    found = probs.mean(0).numpy()
    one_hot = np.eye(3)[problem.test_labels]
    by_class = (one_hot.T @ found) / one_hot.sum(axis=0)[:, None]
    expected = [[0.8, 0.2, 0.0], [0.0, 0.7, 0.3], [0.2, 0.0, 0.8]]
    np.testing.assert_allclose(by_class, expected, atol=0.15)


def test_agreement_brings_the_branches_together(tensors):
    features, given = tensors

    def apart(agreement):
        params = BranchParams(min_steps=60, batch_size=64, hidden=8, agreement=agreement)
        trained = finish(train_branches(features, given, 3, params, epochs=4, seed=0))
        return float(disagreement(trained.look(features)[1].log()).mean())

    assert apart(20.0) < 0.5 * apart(0.0)


def test_disagreement_by_hand():
    probs = torch.tensor([[[0.9, 0.1]], [[0.5, 0.5]]])
    expected = [
        0.7 * np.log(0.7 / 0.9) + 0.3 * np.log(0.3 / 0.1),
        0.7 * np.log(0.7 / 0.5) + 0.3 * np.log(0.3 / 0.5),
    ]
    np.testing.assert_allclose(disagreement(probs.log())[:, 0], expected, rtol=1e-5)


def test_one_batched_branch_learns_as_if_it_were_alone(tensors, monkeypatch):
    """Without agreement, branch 2 of 3 takes the same steps as a single branch."""
    features, given = tensors
    params = BranchParams(n_branches=3, min_steps=5, batch_size=64, hidden=8, agreement=0.0)
    three = finish(train_branches(features, given, 3, params, epochs=2, seed=0))
    start = init_heads(3, 8, 3, kind="mlp", hidden=8, seed=0)
    monkeypatch.setattr(
        "noisefix.training.stage_one.init_heads",
        lambda *_, **__: {name: value[1:2] for name, value in start.items()},
    )
    params = BranchParams(n_branches=1, min_steps=5, batch_size=64, hidden=8, agreement=0.0)
    alone = finish(train_branches(features, given, 3, params, epochs=2, seed=0))
    torch.testing.assert_close(alone.weight[0], three.weight[1], rtol=1e-4, atol=1e-5)


def test_the_score_is_the_mean_and_spread_of_the_distance(branches, tensors):
    features, given = tensors
    found = dynamics_score(branches, features, given)
    dynamics, _ = branches.look(features)
    expected = np.zeros(300)
    for branch in range(3):
        distances = []
        for epoch in range(4):
            hidden = dynamics[branch, :, 8 + 8 * epoch : 16 + 8 * epoch].numpy()
            centroids = np.stack([hidden[given.numpy() == k].mean(axis=0) for k in range(3)])
            distances.append(np.linalg.norm(hidden - centroids[given.numpy()], axis=1))
        expected += (np.mean(distances, axis=0) + np.std(distances, axis=0)) / 3
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_the_pool_is_as_large_as_the_noise_leaves_it_and_cleaner(branches, problem, tensors):
    features, given = tensors
    p_error = np.where(problem.data.given_labels == 1, 0.5, 0.1)
    pool = clean_pool(branches, features, given, p_error)
    for label in range(3):
        members = problem.data.given_labels == label
        assert pool[members].sum() == round(float((1 - p_error[members]).sum()))
    right = problem.data.given_labels == problem.true_labels
    assert right[pool].mean() > right.mean() + 0.05


def test_a_class_without_a_clean_row_has_no_pool(branches, tensors):
    features, given = tensors
    p_error = np.where(given.numpy() == 2, 1.0, 0.0)
    pool = clean_pool(branches, features, given, p_error)
    assert not pool[given.numpy() == 2].any()
    assert pool[given.numpy() != 2].all()


@pytest.mark.parametrize(("n_classes", "units"), [(2, 32), (9, 32), (40, 80), (77, 128)])
def test_a_head_is_wide_enough_for_its_classes(n_classes, units):
    assert BranchParams().n_hidden(n_classes) == units
    assert BranchParams(hidden=8).n_hidden(n_classes) == 8


def test_batches_pass_over_all_rows_before_any_comes_again():
    parts = batches(10, 4, 5, [0])
    assert [len(part) for part in parts] == [4] * 5
    together = np.concatenate(parts)
    assert sorted(together[:10]) == list(range(10))
    assert sorted(together[10:]) == list(range(10))
    assert [len(part) for part in batches(3, 4, 2, [0])] == [3, 3]


def test_a_penalty_keeps_branches_from_learning_guesses_by_heart(make_problem):
    data = make_problem(np.full((3, 3), 1 / 3), n_rows=60, n_features=40).data
    features, given = torch.from_numpy(data.features), torch.from_numpy(data.given_labels)

    def share_learned(penalty: float | None) -> float:
        params = BranchParams(min_steps=40, batch_size=32, hidden=16, penalty=penalty)
        trained = finish(train_branches(features, given, 3, params, epochs=5, seed=0))
        return float((trained.look(features)[1].mean(0).argmax(-1) == given).float().mean())

    assert share_learned(None) > 0.9
    assert share_learned(30.0) < 0.75
