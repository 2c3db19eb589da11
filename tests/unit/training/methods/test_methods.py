"""Each method does what it is for, on a small case where plain cross-entropy fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisefix.classifiers.fitting import fit_method
from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import (
    ce,
    coteaching,
    cpc,
    elr,
    gce,
    ill,
    ldr,
    prune,
    repair,
    sce,
)
from noisefix.training.objective import Batch
from noisefix.training.registry import METHODS, find_method

K = 4
SYMMETRIC = 0.45 * np.eye(K) + 0.55 / K * (np.ones((K, K)))
PAIR = 0.62 * np.eye(K) + 0.38 * np.roll(np.eye(K), 1, axis=1)
# An mlp without penalty learns wrong labels by heart: what robust methods are made against.
MEMORISING = {"head": "mlp", "hidden": 128, "penalty": 0.0, "epochs": 60, "learning_rate": 0.01}


def batch(logits: torch.Tensor, rows: list[int]) -> Batch:
    features = torch.zeros(len(rows), 1)
    return Batch(torch.tensor(rows), features, logits, 1.0, lambda x: x, np.random.default_rng(0))


def train(method, problem, seed=0, **options):
    return finish(method.fit(problem.data, method.Params(**options), seed=seed, device="cpu"))


@pytest.fixture(scope="module")
def noisy(make_problem):
    return make_problem(SYMMETRIC, n_rows=800, n_features=20, spread=0.3)


@pytest.fixture(scope="module")
def plain_accuracy(noisy):
    return noisy.accuracy(train(ce, noisy, **MEMORISING))


TWO_CLASSES = ("pu", "smoothap")
SLOW = pytest.param("sidyp", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [SLOW if name == "sidyp" else name for name in METHODS])
def test_every_method_trains_predicts_and_is_deterministic(make_problem, name):
    problem = make_problem(PAIR[:2, :2] if name in TWO_CLASSES else PAIR, n_rows=120)
    words = np.abs(np.random.default_rng(0).normal(size=(120, 30)))
    data = replace(problem.data, word_features=words, class_names=("a", "b"), unverified_class="a")
    spec = find_method(name)
    fit, kind = spec.load()
    params = kind(epochs=3) if hasattr(kind, "epochs") else kind()
    first, again = (finish(fit(data, params, seed=3, device="cpu")) for _ in range(2))
    probs = first.predict_probs(problem.test_features)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert (probs == again.predict_probs(problem.test_features)).all()
    longer = replace(params, epochs=12) if hasattr(kind, "epochs") else params
    assert (
        finish(fit(data, longer, seed=3, device="cpu"))
        .predict_probs(problem.test_features)
        .argmax(1)
        == problem.test_labels
    ).mean() > 0.3


@pytest.mark.parametrize("name", [n for n, spec in METHODS.items() if spec.needs])
def test_what_a_method_cannot_do_without_is_said(make_problem, name):
    spec = find_method(name)
    data = replace(make_problem(PAIR).data, **dict.fromkeys(spec.needs))
    with pytest.raises(DataError, match=f"--method {name} needs {spec.needs[0]}"):
        fit_method(name, data, spec.load()[1](), 0, "cpu")


def test_unknown_method():
    with pytest.raises(UsageError, match="magic"):
        find_method("magic")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "options"),
    [
        (gce, {}),
        (sce, {}),
        (elr, {"strength": 3.0, "ramp": 0.2}),
        (prune, {}),
        (repair, {}),
        (ill, {}),
        (cpc, {}),
        (ldr, {"temperature": 10.0}),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "__name__") else "",
)
def test_robust_methods_do_not_learn_the_noise_by_heart(noisy, plain_accuracy, method, options):
    found = noisy.accuracy(train(method, noisy, **MEMORISING, **options))
    assert found > plain_accuracy + 0.05


def test_coteaching_leaves_out_what_the_other_head_finds_hard(noisy, plain_accuracy):
    found = noisy.accuracy(train(coteaching, noisy, **MEMORISING, ramp=5))
    assert found > plain_accuracy + 0.04


@pytest.mark.slow
def test_class_weights_undo_labels_that_collapse_into_one_class(make_problem):
    collapse = 0.6 * np.eye(K)
    collapse[:, 0] += 0.4
    problem = make_problem(collapse, spread=0.6)
    plain = problem.accuracy(train(ce, problem))
    corrected = problem.accuracy(train(ce, problem, share_strength=1.0))
    assert corrected > plain + 0.02


def test_coteaching_chooses_crosswise(make_problem):
    problem = make_problem(np.eye(3), n_rows=4)
    data = replace(problem.data, given_labels=np.array([0, 1, 2, 0]))
    objective = coteaching.CoTeaching(data, coteaching.Params(ramp=1, forget_rate=0.5), "cpu")
    objective.start_epoch(0, lambda: None)
    logits = torch.zeros(2, 4, 3)
    logits[0, 0, 0] = logits[0, 1, 1] = 5  # the first head finds rows 0 and 1 easy
    logits[1, 2, 2] = logits[1, 3, 0] = 5  # the second one rows 2 and 3
    logits.requires_grad_()
    objective.loss(batch(logits, [0, 1, 2, 3])).backward()
    touched = logits.grad.abs().sum(-1) > 1e-8
    assert touched.tolist() == [[False, False, True, True], [True, True, False, False]]


def test_elr_keeps_a_running_average(make_problem):
    data = make_problem(np.eye(3), n_rows=5).data
    objective = elr.EarlyLearning(data, elr.Params(beta=0.7), "cpu")
    logits = torch.tensor([[[2.0, 0.0, 0.0]]])
    p = torch.softmax(logits[0, 0], 0)
    objective.loss(batch(logits, [1]))
    objective.loss(batch(logits, [1]))
    torch.testing.assert_close(objective.averages[1], 0.3 * p * (1 + 0.7), atol=1e-5, rtol=0)
    assert (objective.averages[[0, 2, 3, 4]] == 0).all()


def test_prune_drops_flags_but_no_class_vanishes(make_problem):
    data = make_problem(np.eye(3), n_rows=90).data
    p_error = np.where(data.given_labels == 2, 0.9, 0.1)
    p_error[np.flatnonzero(data.given_labels == 2)[3]] = 0.6
    data = replace(data, p_error=p_error, is_issue=p_error >= 0.5)
    kept = prune.kept_rows(data, 0.01)
    assert kept[data.given_labels != 2].all()
    assert np.flatnonzero(kept & (data.given_labels == 2)).tolist() == [
        np.flatnonzero(data.given_labels == 2)[3]
    ]


def test_flagged_rows_count_by_their_probability_of_being_right(make_problem):
    data = make_problem(np.eye(3), n_rows=90).data
    p_error = np.random.default_rng(0).random(90)
    given = data.given_labels.copy()
    given[5] = -1
    p_error[5] = np.nan
    data = replace(data, given_labels=given, p_error=p_error, is_issue=p_error >= 0.5)
    soft = prune.row_weights(data, is_soft=True, least_share=0.0)
    np.testing.assert_array_equal(soft[data.is_issue], 1 - p_error[data.is_issue])
    assert soft[5] == 0
    assert (soft[~data.is_issue & (given >= 0)] == 1).all()
    hard = prune.row_weights(data, is_soft=False, least_share=0.0)
    np.testing.assert_array_equal(hard > 0, ~data.is_issue & (given >= 0))


def test_repair_follows_decisions_before_estimates(make_problem):
    data = make_problem(PAIR, n_rows=50).data
    repaired = data.given_labels.copy()
    repaired[0], repaired[1] = (data.given_labels[0] + 1) % K, -1
    targets = repair.repaired_targets(replace(data, repaired_labels=repaired))
    assert targets[0].tolist() == np.eye(K)[repaired[0]].tolist()
    assert targets[1].tolist() == [0.0] * K
    flagged = np.flatnonzero(data.is_issue[2:]) + 2
    others = np.flatnonzero(~data.is_issue[2:]) + 2
    np.testing.assert_allclose(targets[flagged], data.true_label_probs[flagged], atol=1e-6)
    assert (targets[others].argmax(axis=1) == data.given_labels[others]).all()
    assert (targets[others].max(axis=1) == 1).all()


def test_ill_considers_candidates_of_flagged_rows_only(make_problem):
    data = make_problem(PAIR, n_rows=50).data
    objective = ill.Imprecise(data, ill.Params(), "cpu")
    kept = ~data.is_issue
    assert kept.any()
    assert data.is_issue.any()
    given = np.eye(K)[data.given_labels]
    np.testing.assert_allclose(objective.targets.numpy()[kept], given[kept], atol=1e-6)
    assert (objective.targets.numpy()[data.is_issue].max(axis=1) < 1).all()


def test_ill_posterior_is_bayes_rule(make_problem):
    data = make_problem(PAIR, n_rows=50).data
    objective = ill.Imprecise(data, ill.Params(given_weight=0.0), "cpu")
    matrix = np.random.default_rng(0).dirichlet(np.ones(K), size=K)  # [true, given]
    objective.transition.copy_(torch.tensor(matrix))
    evidence = np.random.default_rng(1).dirichlet(np.ones(K), size=50)
    found = objective.posterior(torch.tensor(evidence, dtype=torch.float32))
    wanted = [
        [evidence[i, k] * matrix[k, data.given_labels[i]] for k in range(K)] for i in range(50)
    ]
    wanted = np.array(wanted) / np.sum(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_cpc_takes_the_mixture_apart_by_class(make_problem):
    problem = make_problem(np.eye(3), n_rows=200)
    given = problem.true_labels.copy()
    given[:20] = (given[:20] + 1) % 3
    data = replace(problem.data, given_labels=given)
    objective = cpc.Cleaner(data, cpc.Params(warm_epochs=0), "cpu")
    logits = torch.tensor(6 * np.eye(3)[problem.true_labels], dtype=torch.float32)[None]
    objective.start_epoch(0, lambda: logits)
    found = objective.targets.numpy()
    assert (found.argmax(axis=1) == problem.true_labels).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
