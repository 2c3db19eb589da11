"""Labels judged one by one: found errors, against cleanlab on the same probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.multilabel_classification import get_label_quality_scores

from noisefix.metrics.detection import average_precision
from noisefix.probability import sigmoid
from noisefix.probing.label_sets import LabelViews, error_odds, look_at_labels, row_error
from noisefix.probing.views import look_around

N_ROWS, N_LABELS = 400, 4


@pytest.fixture(scope="module")
def made():
    """Rows with one to three of four labels, of which texts and vectors tell; some go missing."""
    rng = np.random.default_rng(0)
    true = np.zeros((N_ROWS, N_LABELS), dtype=bool)
    for row in true:
        row[rng.choice(N_LABELS, rng.integers(1, 4), replace=False)] = True
    centres = rng.normal(size=(N_LABELS, 24))
    vectors = true @ centres + rng.normal(scale=0.9, size=(N_ROWS, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = [["red", "blood"], ["blue", "sea"], ["green", "grass"], ["black", "night"]]
    texts = [
        " ".join(rng.choice(words[k]) for k in np.flatnonzero(row)) + f" no {i} {rng.integers(99)}"
        for i, row in enumerate(true)
    ]
    given = np.where(true & (rng.random(true.shape) < 0.15), False, true)
    given |= ~true & (rng.random(true.shape) < 0.03)
    return vectors.astype(np.float32), texts, true, given


@pytest.fixture(scope="module")
def views(made):
    vectors, texts, _, given = made
    around = look_around(vectors, texts, np.zeros(N_ROWS, dtype=np.int64), device="cpu")
    return look_at_labels(vectors, texts, given, np.ones(N_ROWS, dtype=bool), around)


def test_errors_rank_above_cleanlab_s_on_the_same_probabilities(made, views):
    _, _, true, given = made
    wrong = given != true
    p_error = sigmoid(error_odds(views, given))
    theirs = 1 - np.where(given, views.stacked, 1 - views.stacked)
    assert average_precision(wrong.ravel(), p_error.ravel()) > average_precision(
        wrong.ravel(), theirs.ravel()
    )
    lists = [np.flatnonzero(row).tolist() for row in given]
    scores = get_label_quality_scores(lists, views.stacked.astype(np.float64))
    ours = average_precision(wrong.any(axis=1), row_error(p_error))
    assert ours > average_precision(wrong.any(axis=1), 1 - scores)
    assert abs(p_error.mean() - wrong.mean()) < 0.05


def test_where_nobody_looked_given_labels_are_trusted(made, views):
    _, _, _, given = made
    plain, one_sided = error_odds(views, given), error_odds(views, given, 10.0)
    assert one_sided[given] == pytest.approx(plain[given] - np.log(10))
    assert one_sided[~given] == pytest.approx(plain[~given])


def test_a_row_is_wrong_if_any_of_its_labels_is():
    p = np.array([[0.5, 0.5], [0.1, np.nan], [np.nan, np.nan]])
    assert row_error(p)[:2] == pytest.approx([0.75, 0.1])
    assert np.isnan(row_error(p)[2])


def test_labels_with_nothing_to_compare_get_no_verdict(made):
    vectors, texts, _, given = made
    lone = given.copy()
    lone[:, 0] = False
    lone[0, 0] = True
    lone[:, 1] = True
    usable = np.ones(N_ROWS, dtype=bool)
    usable[5] = False
    around = look_around(vectors, texts, np.where(usable, 0, -1), device="cpu")
    found = look_at_labels(vectors, texts, lone, usable, around)
    assert found.judged.any(axis=0).tolist() == [False, False, True, True]
    assert not found.judged[5].any()
    odds = error_odds(found, lone)
    assert np.isnan(odds[:, :2]).all()
    assert np.isfinite(odds[usable][:, 2:]).all()


def test_the_order_of_labels_does_not_matter(made, views):
    vectors, texts, _, given = made
    around = look_around(vectors, texts, np.zeros(N_ROWS, dtype=np.int64), device="cpu")
    turned = look_at_labels(
        vectors, texts, given[:, ::-1].copy(), np.ones(N_ROWS, dtype=bool), around
    )
    assert isinstance(turned, LabelViews)
    assert turned.neighbors[:, ::-1] == pytest.approx(views.neighbors)
