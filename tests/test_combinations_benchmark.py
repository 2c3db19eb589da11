"""Combinations of methods: products, gates, and that choosing and judging are of different sets."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def combinations(load_benchmark):
    return load_benchmark("combinations")


def test_a_product_of_equal_parts_is_the_part(combinations):
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 5)
    np.testing.assert_allclose(combinations.product([probs, probs]), probs)
    other = np.random.default_rng(1).dirichlet(np.ones(3), 5)
    both = np.sqrt(probs * other)
    wanted = both / both.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(combinations.product([probs, other]), wanted)


@pytest.mark.parametrize(("fewest", "is_taken"), [(99, False), (100, True), (150, True)])
def test_a_gate_takes_repair_where_a_class_is_small(combinations, fewest, is_taken):
    rng = np.random.default_rng(0)
    probs = {way.title: rng.dirichlet(np.ones(2), 4) for way in combinations.TRAINED}
    found = combinations.combined(probs, fewest)
    wanted = probs["gaussian" if is_taken else "repair"]
    gated = found["gaussian where classes have 100 rows, else repair"]
    np.testing.assert_allclose(gated, wanted)
    at_200 = found["gaussian where classes have 200 rows, else repair"]
    np.testing.assert_allclose(at_200, probs["repair"])


def test_what_is_best_on_some_sets_is_judged_on_others(combinations):
    names = (*combinations.PRODUCTS, *combinations.GATES)

    def of_set(**better):
        return dict.fromkeys(names, 0.5) | better

    noisy, apart = (combinations.SETS[group][:2] for group in ("noisy", "apart"))
    untold = {name: of_set(gaussian=0.6, forward=0.45) for name in noisy}
    untold |= {apart[0]: of_set(gaussian=0.4), apart[1]: of_set(gaussian=0.56)}
    result = {"untold": untold, "told": untold}
    rows = {row[0]: row[1:] for row in combinations.tables(result)[0].rows}
    wanted = ("+10.0", f"+10.0 (`{noisy[0]}`)", "-2.0", f"-10.0 (`{apart[0]}`)")
    assert rows["`gaussian`"] == wanted * 2
    said = combinations.headlines(result)[0]
    assert "(gaussian; +10.00)" in said.what
    assert (said.value, said.is_met) == ("-2.00 / -10.00", False)


def test_heads_are_trained_and_scored(load_benchmark, combinations):
    cases = load_benchmark("training_cases")
    rng = np.random.default_rng(0)
    true = np.arange(80) % 2
    given = np.where(np.arange(80) < 8, 1 - true, true)
    features = (np.eye(2, 4)[true] + 0.1 * rng.normal(size=(80, 4))).astype(np.float32)
    probs = np.where(np.eye(2)[true] == 1, 0.9, 0.1)
    p_error = 1 - probs[np.arange(80), given]
    data = cases.TrainingData(
        features, given, 2, p_error=p_error, true_label_probs=probs, is_issue=p_error > 0.5
    )
    found = combinations.accuracies(cases.Case("made", data, true, None, features, true))
    assert set(found) == {*combinations.PRODUCTS, *combinations.GATES}
    assert min(found.values()) > 0.9
