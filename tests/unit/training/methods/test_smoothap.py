"""Smooth average precision: its limit, its expectation, its gradient; the method that uses it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.losses import smooth_average_precision
from noisefix.training.methods import ce, smoothap

NAMES = ("other", "urgent")


def smooth(scores, targets, width):
    tensors = (torch.tensor(np.asarray(v), dtype=torch.float64) for v in (scores, targets))
    return float(smooth_average_precision(*tensors, width))


@given(
    st.lists(st.booleans(), min_size=2, max_size=30).filter(any),
    st.randoms(use_true_random=False),
)
def test_in_the_limit_it_is_the_average_precision(labels, random):
    scores = np.arange(len(labels)) / 10
    random.shuffle(scores)
    wanted = average_precision_score(labels, scores)
    assert smooth(scores, np.array(labels, float), 1e-3) == pytest.approx(wanted)


def test_a_continuous_target_is_an_expectation():
    """Over all ways in which the rows can turn out, weighted by how probable they are."""
    rng = np.random.default_rng(0)
    probs, scores = rng.random(6), rng.random(6)
    total = 0.0
    for turned_out in product((0, 1), repeat=6):
        labels = np.array(turned_out)
        chance = np.prod(np.where(labels == 1, probs, 1 - probs))
        if labels.any():  # sums, not means: the number of positives varies
            total += chance * labels.sum() * average_precision_score(labels, scores)
    assert smooth(scores, probs, 1e-6) == pytest.approx(total / probs.sum())


def test_it_is_its_formula_and_its_gradient_is_right():
    rng = np.random.default_rng(1)
    scores, targets = rng.random(8), rng.random(8)
    above = 1 / (1 + np.exp(-(scores[None] - scores[:, None]) / 0.2)) * (1 - np.eye(8))
    precision = (1 + above @ targets) / (1 + above.sum(1))
    wanted = (precision * targets).sum() / targets.sum()
    assert smooth(scores, targets, 0.2) == pytest.approx(wanted)
    leaf = torch.tensor(np.stack([scores, scores[::-1]]), requires_grad=True)
    towards = torch.tensor(targets)
    assert torch.autograd.gradcheck(lambda s: smooth_average_precision(s, towards, 0.2), leaf)


def test_without_a_positive_row_it_is_nothing():
    assert smooth([0.1, 0.2], [0.0, 0.0], 0.01) == 0


@pytest.fixture(scope="module")
def rare(make_problem):
    """A rare class, labels of which are wrong in a way that ``p_error`` knows."""
    problem = make_problem([[0.85, 0.15], [0.15, 0.85]], n_rows=600, spread=0.8)
    keep = np.flatnonzero((problem.data.given_labels == 0) | (np.arange(600) % 4 == 0))
    fields = ("features", "given_labels", "p_error", "true_label_probs", "is_issue")
    few = {name: getattr(problem.data, name)[keep] for name in fields}
    bare = dict.fromkeys(("candidate_weights", "is_certain", "pred_probs"))
    return problem, replace(problem.data, **few, **bare, class_names=NAMES)


def precision_of(problem, model):
    probs = model.predict_probs(problem.test_features)[:, 1]
    return average_precision_score(problem.test_labels == 1, probs)


def test_it_ranks_and_its_probabilities_are_probabilities(rare):
    problem, data = rare
    model = finish(smoothap.fit(data, smoothap.Params(), seed=0, device="cpu"))
    plain = finish(ce.fit(data, ce.Params(), seed=0, device="cpu"))
    assert precision_of(problem, model) > precision_of(problem, plain)
    assert problem.accuracy(model) > problem.accuracy(plain) - 0.02


def test_targets_are_how_probable_it_is_that_a_row_is_positive(rare):
    data = replace(rare[1], p_error=np.full(len(rare[1].given_labels), 0.2))
    for positive in (0, 1):
        params = smoothap.Params(positive=NAMES[positive])
        objective = smoothap.Ranked(data, params, "cpu")
        wanted = np.where(data.given_labels == positive, 0.8, 0.2)
        np.testing.assert_allclose(objective.targets[:, positive], wanted, rtol=1e-6)
        np.testing.assert_allclose(objective.targets.sum(1), 1, rtol=1e-6)


def test_the_rarer_class_is_looked_for_unless_another_is_named(rare):
    assert smoothap.positive_class(rare[1], "") == 1
    assert smoothap.positive_class(rare[1], "other") == 0
    with pytest.raises(UsageError, match=r"'x' is no class"):
        smoothap.positive_class(rare[1], "x")


def test_two_classes_only(make_problem):
    with pytest.raises(DataError, match="two classes, and there are 3"):
        smoothap.positive_class(make_problem(np.eye(3)).data, "")


@pytest.mark.parametrize(("name", "value"), [("width", 0.0), ("strength", -1.0)])
def test_options_out_of_range(name, value):
    with pytest.raises(UsageError, match=name):
        smoothap.Params(**{name: value})
