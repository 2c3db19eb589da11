"""OLR: which labels give way, by made histories."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import UsageError
from noisefix.training.methods import olr

K = 3
NOISE = 0.7 * np.eye(K) + 0.1


def chosen(**changes):
    rows = {
        "labels": np.array([0, 0, 0, 0, 1, -1]),
        "majority": np.array([1, 1, 0, 1, 0, 1]),
        "rise": np.array([0.1, 0.2, 0.3, -0.1, 0.2, 0.5]),
        "steady": np.array([1.0, 0.95, 1.0, 1.0, 0.5, 1.0]),
        "expected": np.array([5.0, 5.0, 5.0]),
        "consistency": 0.9,
    }
    return np.flatnonzero(olr.rows_to_refine(**(rows | changes))).tolist()


def test_a_label_gives_way_to_a_majority_that_rises_and_is_steady():
    assert chosen() == [0, 1]  # not: the same label, a falling one, an unsteady one, no label
    assert chosen(consistency=0.5) == [0, 1, 4]
    assert chosen(rise=-np.ones(6)) == []


def test_no_more_give_way_than_are_expected_to_be_wrong_the_steepest_first():
    assert chosen(expected=np.array([1.9, 5, 5])) == [1]
    assert chosen(expected=np.zeros(3)) == []


def test_slopes_are_least_squares():
    shares = np.random.default_rng(0).random((5, 7))
    wanted = [np.polyfit(np.arange(5), shares[:, i], 1)[0] for i in range(7)]
    np.testing.assert_allclose(olr.slopes(shares), wanted)


def agreeing(classes, n_agree):
    """Logits of five heads, of which so many say the class, and the others its neighbour."""
    said = np.array([classes if m < n_agree else (classes + 1) % K for m in range(olr.N_HEADS)])
    return torch.tensor(5.0 * np.eye(K)[said], dtype=torch.float32)


def test_labels_are_refined_and_come_back(make_problem):
    problem = make_problem(NOISE, n_rows=150)
    wrong = problem.data.given_labels != problem.true_labels
    problem = problem.with_data(p_error=np.ones(150))
    objective = olr.Refined(problem.data, olr.Params(), "cpu")
    given = objective.targets.clone()
    for epoch, n_agree in enumerate([3, 3, 3, 4, 4, 5, 5]):
        objective.start_epoch(epoch, lambda n=n_agree: agreeing(problem.true_labels, n))
        if epoch < 5:
            assert (objective.targets == given).all()
    refined = objective.targets.argmax(1).numpy()
    assert (refined == problem.true_labels).all()
    assert objective.refined == pytest.approx(wrong.mean())
    objective.start_epoch(7, lambda: agreeing(problem.true_labels, 3))
    objective.start_epoch(8, lambda: agreeing(problem.true_labels, 3))
    assert (objective.targets == given).all()  # the share falls again


def test_heads_learn_from_samples_of_their_own(make_problem):
    problem = make_problem(NOISE, n_rows=150)
    drawn = olr.Refined(problem.data, olr.Params(), "cpu").drawn.numpy()
    assert drawn.shape == (olr.N_HEADS, 150)
    assert (drawn.sum(axis=1) == 150).all()
    assert 0.5 < (drawn > 0).mean() < 0.75
    assert (drawn[0] != drawn[1]).any()


@pytest.mark.parametrize("options", [{"window": 1}, {"consistency": 1.5}])
def test_options_out_of_range(options):
    with pytest.raises(UsageError):
        olr.Params(**options)
