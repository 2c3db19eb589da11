"""``start=repaired``: every method that begins with given labels can begin with repaired ones."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.training.interface import finish
from noisefix.training.methods import ce, prune, repair
from noisefix.training.registry import METHODS, find_method

K = 3
NOISE = 0.7 * np.eye(K) + 0.1
STARTING = [n for n in METHODS if "start" in {f.name for f in fields(find_method(n).load()[1])}]


def test_it_is_a_parameter_of_all_that_begin_with_given_labels():
    assert {"ce", "prune", "gce", "sce", "elr", "ldr", "coteaching", "cpc"} <= set(STARTING)


def test_plain_training_on_repaired_labels_is_repair(make_problem):
    problem = make_problem(NOISE, n_rows=120)
    repaired = problem.data.given_labels.copy()
    repaired[:3], repaired[3] = -1, (repaired[3] + 1) % K
    data = replace(problem.data, repaired_labels=repaired)
    found = [
        finish(m.fit(data, params, seed=1, device="cpu")).predict_probs(problem.test_features)
        for m, params in (
            (ce, ce.Params(epochs=3, start="repaired")),
            (repair, repair.Params(epochs=3)),
        )
    ]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("name", STARTING)
def test_it_changes_what_is_learnt(make_problem, name):
    problem = make_problem(NOISE, n_rows=120)
    words = np.abs(np.random.default_rng(0).normal(size=(120, 30)))
    data = replace(problem.data, word_features=words)
    fit, kind = find_method(name).load()
    given, repaired = (
        finish(fit(data, kind(epochs=2, start=start), seed=1, device="cpu")).predict_probs(
            problem.test_features
        )
        for start in ("given", "repaired")
    )
    assert np.abs(given - repaired).max() > 1e-4


def test_rows_that_were_dropped_are_in_no_batch(make_problem):
    data = make_problem(NOISE, n_rows=60).data
    repaired = data.given_labels.copy()
    repaired[:5] = -1
    data = replace(data, repaired_labels=repaired)
    assert ce.GivenLabels(data, ce.Params(start="repaired"), "cpu").rows.tolist() == list(
        range(5, 60)
    )
    hard = prune.Params(start="repaired", is_soft=False, least_share=0.0)
    kept = np.flatnonzero(~data.is_issue[5:]) + 5
    assert prune.Pruned(data, hard, "cpu").rows.tolist() == kept.tolist()


def test_what_cannot_be_is_said(make_problem):
    with pytest.raises(UsageError, match="start 'clean' is unknown"):
        ce.Params(start="clean")
    with pytest.raises(UsageError, match="corrected already"):
        ce.Params(start="repaired", share_strength=1.0)
    data = replace(make_problem(NOISE).data, true_label_probs=None)
    with pytest.raises(DataError, match="--set start=repaired needs true_label_probs"):
        ce.GivenLabels(data, ce.Params(start="repaired"), "cpu")
