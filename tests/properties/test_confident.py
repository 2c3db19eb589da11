"""Invariants of noisefix.confident over random inputs."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.confident import (
    FILTERS,
    SCORES,
    calibrate,
    confident_joint,
    find_issues,
    inverse_noise_matrix,
    noise_matrix,
    rank,
    summarize_rows,
)

PROPERTY = settings(max_examples=40, deadline=None)


@st.composite
def inputs(draw, ties=False):
    """Given labels, some missing, and probabilities; without equal numbers unless asked for."""
    k = draw(st.integers(2, 9))
    n = draw(st.integers(2, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if ties:
        probs = rng.multinomial(draw(st.sampled_from([1, 3, 10])), np.full(k, 1 / k), size=n)
        probs = probs / probs.sum(axis=1, keepdims=True)
    else:
        probs = rng.dirichlet(np.full(k, draw(st.sampled_from([0.3, 1.0, 5.0]))), n)
        probs = np.maximum(probs, 1e-4 * rng.random((n, k)))
        probs /= probs.sum(axis=1, keepdims=True)
    labels = np.where(rng.random(n) < 0.7, probs.argmax(axis=1), rng.integers(0, k, n))
    labels[rng.random(n) < draw(st.sampled_from([0.0, 0.2]))] = -1
    labels[0] = draw(st.integers(0, k - 1))
    return labels, probs.astype(draw(st.sampled_from([np.float32, np.float64]))), rng


@PROPERTY
@given(inputs())
def test_the_joint_sums_to_one_and_its_rows_to_the_given_labels(case):
    labels, probs, _ = case
    result = confident_joint(labels, probs)
    sizes = np.bincount(labels[labels >= 0], minlength=probs.shape[1])
    assert result.joint.sum() == pytest.approx(1, abs=1e-12)
    assert (result.calibrated >= 0).all()
    np.testing.assert_array_equal(result.calibrated.sum(axis=1), sizes)
    np.testing.assert_array_equal(calibrate(result.calibrated, labels), result.calibrated)
    scaled = result.counts * sizes[:, None] / result.counts.sum(axis=1, keepdims=True)
    assert (np.abs(result.calibrated - scaled) < 1).all()


@PROPERTY
@given(inputs())
def test_columns_of_the_noise_matrices_sum_to_one(case):
    labels, probs, _ = case
    calibrated = confident_joint(labels, probs).calibrated
    for matrix, totals in (
        (noise_matrix(calibrated), calibrated.sum(axis=0)),
        (inverse_noise_matrix(calibrated), calibrated.sum(axis=1)),
    ):
        np.testing.assert_allclose(matrix.sum(axis=0), totals > 0, atol=1e-12)


@PROPERTY
@given(inputs())
def test_permuting_the_classes_permutes_the_result(case):
    labels, probs, rng = case
    k = probs.shape[1]
    old_of_new = rng.permutation(k)
    new_of_old = np.argsort(old_of_new)
    renamed = np.where(labels >= 0, new_of_old[labels], -1)
    before = confident_joint(labels, probs)
    after = confident_joint(renamed, probs[:, old_of_new])
    square = np.ix_(old_of_new, old_of_new)
    np.testing.assert_array_equal(after.thresholds, before.thresholds[old_of_new])
    np.testing.assert_array_equal(after.counts, before.counts[square])
    np.testing.assert_array_equal(after.off_diagonal_issues, before.off_diagonal_issues)
    # Equal remainders are rounded up in class order, so the filters get the same calibration.
    after = dataclasses.replace(after, calibrated=before.calibrated[square])
    np.testing.assert_allclose(
        noise_matrix(after.calibrated), noise_matrix(before.calibrated)[square], atol=1e-15
    )
    for name in FILTERS:
        np.testing.assert_array_equal(
            find_issues(renamed, probs[:, old_of_new], name, joint=after),
            find_issues(labels, probs, name, joint=before),
            err_msg=name,
        )
    for name in ("self_confidence", "normalized_margin"):
        np.testing.assert_array_equal(
            SCORES[name](renamed, probs[:, old_of_new]), SCORES[name](labels, probs)
        )


@PROPERTY
@given(inputs())
def test_shuffling_the_rows_changes_nothing_but_order(case):
    labels, probs, rng = case
    order = rng.permutation(len(labels))
    before = confident_joint(labels, probs)
    after = confident_joint(labels[order], probs[order])
    np.testing.assert_array_equal(after.thresholds, before.thresholds)
    np.testing.assert_array_equal(after.counts, before.counts)
    np.testing.assert_array_equal(after.calibrated, before.calibrated)
    np.testing.assert_array_equal(
        np.sort(order[after.off_diagonal_issues]), before.off_diagonal_issues
    )
    for name, score in SCORES.items():
        scores = score(labels, probs)
        np.testing.assert_array_equal(score(labels[order], probs[order]), scores[order], name)
        np.testing.assert_array_equal(
            rank(scores[order], row_order=order), rank(scores)[order], name
        )


@PROPERTY
@given(inputs())
def test_shuffling_the_rows_flags_the_same_rows(case):
    labels, probs, rng = case
    # Rounding to float32 can make margins equal; those are resolved by row order on purpose.
    probs = probs.astype(np.float64)
    order = rng.permutation(len(labels))
    for name in FILTERS:
        np.testing.assert_array_equal(
            find_issues(labels[order], probs[order], name),
            find_issues(labels, probs, name)[order],
            err_msg=name,
        )


@PROPERTY
@given(st.booleans().flatmap(lambda ties: inputs(ties=ties)), st.integers(1, 250))
def test_blocks_of_any_size_give_the_same_answer(case, block_rows):
    labels, probs, _ = case
    whole = summarize_rows(labels, probs)
    blocks = summarize_rows(labels, probs, block_rows=block_rows)
    for field in ("self_confidence", "best_other", "best_other_prob"):
        np.testing.assert_array_equal(getattr(blocks, field), getattr(whole, field), field)
    one = confident_joint(labels, probs)
    other = confident_joint(labels, probs, block_rows=block_rows)
    for field in ("counts", "calibrated", "thresholds", "off_diagonal_issues"):
        np.testing.assert_array_equal(getattr(other, field), getattr(one, field), field)
    for name in FILTERS:
        np.testing.assert_array_equal(
            find_issues(labels, probs, name, block_rows=block_rows),
            find_issues(labels, probs, name),
            err_msg=name,
        )


@PROPERTY
@given(st.booleans().flatmap(lambda ties: inputs(ties=ties)))
def test_the_joint_is_the_same_for_the_same_numbers_in_either_precision(case):
    labels, probs, _ = case
    probs = probs.astype(np.float32)
    narrow, wide = confident_joint(labels, probs), confident_joint(labels, probs.astype(np.float64))
    np.testing.assert_array_equal(narrow.thresholds, wide.thresholds)
    np.testing.assert_array_equal(narrow.counts, wide.counts)


@PROPERTY
@given(st.booleans().flatmap(lambda ties: inputs(ties=ties)))
def test_ranks_number_the_labelled_rows(case):
    labels, probs, _ = case
    scores = SCORES["self_confidence"](labels, probs)
    ranks = rank(scores)
    np.testing.assert_array_equal(ranks == 0, labels == -1)
    np.testing.assert_array_equal(np.sort(ranks[labels >= 0]), np.arange((labels >= 0).sum()) + 1)
    by_rank = scores[labels >= 0][np.argsort(ranks[labels >= 0])]
    assert (np.diff(by_rank) >= 0).all()
