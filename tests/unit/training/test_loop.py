from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from noisefix.errors import DataError, UsageError
from noisefix.training.checkpoints import FileCheckpoint, training_key
from noisefix.training.interface import TrustedRows, finish
from noisefix.training.loop import schedule
from noisefix.training.methods import ce, cpc, elr
from noisefix.training.objective import HeadParams

CLEAN = np.eye(3)


def test_a_linear_head_converges_to_scikit_learns_logistic_regression(make_problem):
    problem = make_problem(CLEAN, spread=0.8)
    params = ce.Params(epochs=150, penalty=1.0, batch_size=100)
    classifier = finish(ce.fit(problem.data, params, seed=0, device="cpu"))
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000)
    reference.fit(problem.data.features, problem.data.given_labels)
    np.testing.assert_allclose(
        classifier.predict_probs(problem.test_features),
        reference.predict_proba(problem.test_features),
        atol=0.02,
    )


def test_same_seed_same_weights_other_seed_others(make_problem):
    data = make_problem(CLEAN).data
    first, again, other = (
        finish(ce.fit(data, ce.Params(epochs=2), seed=s, device="cpu")).state()[0]["weight"]
        for s in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        (ce, ce.Params(epochs=6, head="mlp", hidden=16, dropout=0.2)),
        (elr, elr.Params(epochs=6)),
        (cpc, cpc.Params(epochs=6, warm_epochs=1, patience=4)),
    ],
)
def test_going_on_from_a_checkpoint_gives_the_same_as_an_unbroken_run(
    make_problem, tmp_path, method, params
):
    data = make_problem(0.7 * CLEAN + 0.1).data
    whole = finish(method.fit(data, params, seed=4, device="cpu"))
    path, key = tmp_path / "state", training_key(data, "m", params, 4)

    broken = method.fit(
        data, params, seed=4, device="cpu", checkpoint=FileCheckpoint(path, key, every_s=0)
    )
    for _ in range(3):
        next(broken)
    broken.close()  # as a kill would

    steps = []
    resumed = finish(
        method.fit(
            data, params, seed=4, device="cpu", checkpoint=FileCheckpoint(path, key, every_s=0)
        ),
        steps.append,
    )
    assert steps[0].epoch == 4
    for name, value in whole.state()[0].items():
        assert (resumed.state()[0][name] == value).all(), name


def test_a_checkpoint_of_other_data_or_a_damaged_one_is_not_taken_up(make_problem, tmp_path):
    data, other = make_problem(CLEAN).data, make_problem(CLEAN, seed=9).data
    params = ce.Params(epochs=2)
    assert training_key(data, "ce", params, 0) != training_key(other, "ce", params, 0)
    assert training_key(data, "ce", params, 0) != training_key(data, "ce", params, 1)
    path = tmp_path / "state"
    FileCheckpoint(path, "a", every_s=0).save({"x": np.ones(2)}, {"epochs": 1})
    assert FileCheckpoint(path, "a").load() is not None
    assert FileCheckpoint(path, "b").load() is None
    path.write_bytes(path.read_bytes()[:20])
    assert FileCheckpoint(path, "a").load() is None


def test_the_rate_rises_then_falls_to_nothing():
    rates = [schedule(step, 100, 0.1) for step in range(101)]
    assert rates[0] < rates[5] < rates[9] < rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0)


def test_training_stops_early_and_returns_the_best_epoch(make_problem):
    problem = make_problem(0.4 * CLEAN + 0.2, n_rows=150, n_features=40)
    trusted = TrustedRows(problem.test_features[:300], problem.test_labels[:300])
    params = ce.Params(epochs=60, patience=4, head="mlp", hidden=64, penalty=0.0)
    steps = []
    best = finish(
        ce.fit(problem.with_data(trusted=trusted).data, params, seed=0, device="cpu"), steps.append
    )
    scores = [step.metrics["trusted_score"] for step in steps]
    assert len(steps) < 60
    assert len(steps) - 1 - int(np.argmax(scores)) == 4
    unstopped = finish(
        ce.fit(
            problem.data,
            ce.Params(epochs=60, head="mlp", hidden=64, penalty=0.0),
            seed=0,
            device="cpu",
        )
    )
    assert problem.accuracy(best) > problem.accuracy(unstopped) + 0.02


def test_an_unlabelled_row_is_not_trained_on(make_problem):
    data = make_problem(CLEAN).data
    given = data.given_labels.copy()
    given[:50] = -1
    features = data.features.copy()
    features[:50] = 1e3
    problem = make_problem(CLEAN).with_data(given_labels=given, features=features)
    assert problem.accuracy(finish(ce.fit(problem.data, ce.Params(), seed=0, device="cpu"))) > 0.8


def test_bad_data_and_bad_options(make_problem):
    problem = make_problem(CLEAN)
    spoilt = problem.data.features.copy()
    spoilt[4, 1] = np.nan
    with pytest.raises(DataError, match=r"row 5 holds NaN or infinity \(1 such rows\)"):
        problem.with_data(features=spoilt)
    with pytest.raises(DataError, match="1 of 3 classes"):
        problem.with_data(given_labels=np.zeros(600, np.int64))
    with pytest.raises(UsageError, match="batch_size is 0"):
        HeadParams(batch_size=0)
    with pytest.raises(UsageError, match="learning_rate"):
        HeadParams(learning_rate=float("nan"))


def test_a_class_with_one_row_can_be_trained_on(make_problem):
    problem = make_problem(np.eye(4), shares=[0.4, 0.3, 0.3, 0.0])
    given = problem.data.given_labels.copy()
    given[0] = 3
    found = finish(
        ce.fit(problem.with_data(given_labels=given).data, ce.Params(), seed=0, device="cpu")
    ).predict_probs(problem.test_features)
    assert found.shape == (2000, 4)
    assert problem.accuracy is not None
    assert (found[:, 3] < 0.5).mean() > 0.95


def test_arrays_that_cannot_be_written_to_are_taken(make_problem):
    problem = make_problem(CLEAN)
    features = problem.data.features.copy()
    features.setflags(write=False)
    steps = []
    finish(
        ce.fit(
            problem.with_data(features=features).data, ce.Params(epochs=1), seed=0, device="cpu"
        ),
        steps.append,
    )
    assert len(steps) == 1
