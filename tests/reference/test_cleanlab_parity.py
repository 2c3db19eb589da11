"""noisefix.confident against the installed cleanlab, on random inputs.

Two things make cleanlab's own answer arbitrary, and are taken out of the comparison: equal keys in
its unstable sorts (its ``np.argsort`` is made stable here), and float rounding where a probability
lies within rounding of a threshold or two different counts have the same remainder.
"""

import contextlib
import warnings
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from noisefix.confident import (
    FILTERS,
    calibrate,
    class_thresholds,
    confidence_weighted_entropy,
    confident_joint,
    estimate_joint,
    find_issues,
    inverse_noise_matrix,
    noise_matrix,
    normalized_margin,
    ranked_rows,
    self_confidence,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import cleanlab.count
    import cleanlab.filter
    import cleanlab.rank

PARITY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass(frozen=True)
class Case:
    given_labels: np.ndarray
    pred_probs: np.ndarray


@st.composite
def cases(draw, n_classes=None, ties=True):
    """Labels and probabilities: missing classes, one-row classes, ties, both float types."""
    k = n_classes or draw(st.integers(2, 12))
    n = draw(st.integers(2, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    with_ties = ties and draw(st.booleans())
    if with_ties:
        probs = rng.multinomial(draw(st.sampled_from([1, 4, 16])), np.full(k, 1 / k), size=n)
        probs = probs / probs.sum(axis=1, keepdims=True)
    else:
        logits = rng.normal(size=(n, k)) * draw(st.sampled_from([0.3, 1.0, 4.0, 12.0]))
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
    labels = probs.argmax(axis=1)
    noisy = rng.random(n) < draw(st.sampled_from([0.05, 0.3, 0.9]))
    labels[noisy] = rng.integers(0, k, noisy.sum())
    missing = draw(st.integers(0, k - 1))
    if k > 2 and draw(st.booleans()):
        labels[labels == missing] = (missing + 1) % k
    single = draw(st.integers(0, k - 1))
    if draw(st.booleans()):
        labels[labels == single] = (single + 1) % k
        labels[int(rng.integers(n))] = single
    assume(len(np.unique(labels)) > 1)
    probs = probs.astype(draw(st.sampled_from([np.float32, np.float64])))
    cutoff = class_thresholds(labels, probs) - 1e-6
    distance = np.abs(probs.astype(np.float64) - cutoff)
    rounding = 4 * np.finfo(probs.dtype).eps * cutoff + 4 * np.finfo(np.float64).eps
    assume((distance > rounding).all())
    return Case(labels, probs)


@contextlib.contextmanager
def stable_sorts():
    """Make cleanlab's sorts stable and its warnings about small classes silent."""
    argsort = np.argsort

    def stable(values, axis=-1):
        return argsort(values, axis=axis, kind="stable")

    with warnings.catch_warnings(), mock.patch.object(np, "argsort", stable):
        warnings.simplefilter("ignore")
        yield


def rounding_is_determined(counts, given_labels):
    """No two different counts of a row compete, by equal remainders, for the last place."""
    for row, size in zip(counts, np.bincount(given_labels, minlength=len(counts)), strict=True):
        remainders = row * size % row.sum()
        places = int(remainders.sum() // row.sum())
        if not 0 < places < len(row):
            continue
        ranked = np.sort(remainders)[::-1]
        last, next_one = ranked[places - 1], ranked[places]
        if last == next_one and len(np.unique(row[remainders == last])) > 1:
            return False
    return True


def no_equal_keys(case):
    """No two rows are equal in anything that cleanlab sorts them by."""
    labels, probs = case.given_labels, case.pred_probs
    keys = [self_confidence(labels, probs), normalized_margin(labels, probs)]
    for k in range(probs.shape[1]):
        own = probs[labels == k]
        keys += [column for j, column in enumerate((own - own[:, [k]]).T) if j != k]
    return all(len(np.unique(key)) == len(key) for key in keys)


def same_joint(case):
    """Our joint, once cleanlab's calibration is known to be determined."""
    joint = confident_joint(case.given_labels, case.pred_probs)
    assume(rounding_is_determined(joint.counts, case.given_labels))
    return joint


def cleanlab_issues(case, **options):
    return cleanlab.filter.find_label_issues(
        case.given_labels, case.pred_probs, n_jobs=1, **options
    )


@PARITY
@given(cases())
def test_thresholds(case):
    theirs = cleanlab.count.get_confident_thresholds(case.given_labels, case.pred_probs)
    ours = class_thresholds(case.given_labels, case.pred_probs)
    rounding = 4 * np.finfo(case.pred_probs.dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=rounding, atol=rounding)


@PARITY
@given(cases())
def test_confident_joint_and_off_diagonals(case):
    ours = confident_joint(case.given_labels, case.pred_probs)
    counts, off_diagonal = cleanlab.count.compute_confident_joint(
        case.given_labels,
        case.pred_probs,
        calibrate=False,
        return_indices_of_off_diagonals=True,
    )
    np.testing.assert_array_equal(ours.counts, counts)
    np.testing.assert_array_equal(ours.off_diagonal_issues, off_diagonal)


@PARITY
@given(cases(), st.sampled_from([0.05, 0.2, 0.5, 0.9]))
def test_confident_joint_with_own_thresholds(case, level):
    thresholds = np.full(case.pred_probs.shape[1], level)
    assume((np.abs(case.pred_probs.astype(float) - level + 1e-6) > 1e-7).all())
    ours = confident_joint(case.given_labels, case.pred_probs, thresholds=thresholds)
    theirs = cleanlab.count.compute_confident_joint(
        case.given_labels, case.pred_probs, thresholds=thresholds, calibrate=False
    )
    np.testing.assert_array_equal(ours.counts, theirs)


@PARITY
@given(cases())
def test_calibration_joint_and_matrices(case):
    ours = same_joint(case)
    with stable_sorts():
        calibrated = cleanlab.count.compute_confident_joint(case.given_labels, case.pred_probs)
        joint = cleanlab.count.estimate_joint(case.given_labels, case.pred_probs)
        _, noise, inverse = cleanlab.count.estimate_latent(calibrated, case.given_labels)
    np.testing.assert_array_equal(ours.calibrated, calibrated)
    np.testing.assert_array_equal(calibrate(ours.counts, case.given_labels), calibrated)
    np.testing.assert_allclose(ours.joint, joint, rtol=1e-12, atol=0)
    np.testing.assert_allclose(estimate_joint(ours.counts, case.given_labels), joint, rtol=1e-12)
    np.testing.assert_allclose(noise_matrix(ours.joint), noise, rtol=1e-12, atol=0)
    np.testing.assert_allclose(inverse_noise_matrix(ours.joint), inverse, rtol=1e-12, atol=0)


def test_extreme_noise_rates_are_cut_as_in_cleanlab():
    calibrated = np.array([[1, 99_999, 0], [199_999, 2, 1], [0, 40, 1]])
    labels = np.repeat(np.arange(3), calibrated.sum(axis=1))
    _, noise, inverse = cleanlab.count.estimate_latent(calibrated, labels)
    np.testing.assert_allclose(noise_matrix(calibrated), noise, rtol=1e-14, atol=0)
    np.testing.assert_allclose(inverse_noise_matrix(calibrated), inverse, rtol=1e-14, atol=0)


@pytest.mark.parametrize("filter_by", FILTERS)
@PARITY
@given(case=cases())
def test_filters(filter_by, case):
    ours = find_issues(case.given_labels, case.pred_probs, filter_by, joint=same_joint(case))
    with stable_sorts():
        theirs = cleanlab_issues(case, filter_by=filter_by)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("filter_by", ["prune_by_noise_rate", "prune_by_class", "both"])
@PARITY
@given(case=cases(), frac_noise=st.sampled_from([0.0, 0.3, 0.5, 0.8]), least=st.integers(0, 9))
def test_prune_options(filter_by, case, frac_noise, least):
    options = {"frac_noise": frac_noise, "min_examples_per_class": least}
    ours = find_issues(
        case.given_labels, case.pred_probs, filter_by, joint=same_joint(case), **options
    )
    with stable_sorts():
        theirs = cleanlab_issues(case, filter_by=filter_by, **options)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("filter_by", FILTERS)
@settings(PARITY, max_examples=15)
@given(case=cases(ties=False))
def test_filters_of_unaltered_cleanlab_given_the_same_joint(filter_by, case):
    assume(no_equal_keys(case))
    joint = confident_joint(case.given_labels, case.pred_probs)
    ours = find_issues(case.given_labels, case.pred_probs, filter_by, joint=joint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = cleanlab_issues(case, filter_by=filter_by, confident_joint=joint.calibrated)
    np.testing.assert_array_equal(ours, theirs)


@settings(PARITY, max_examples=15)
@given(cases(n_classes=200))
def test_two_hundred_classes(case):
    ours = same_joint(case)
    with stable_sorts():
        calibrated = cleanlab.count.compute_confident_joint(case.given_labels, case.pred_probs)
        theirs = {name: cleanlab_issues(case, filter_by=name) for name in FILTERS}
    np.testing.assert_array_equal(ours.calibrated, calibrated)
    for name, mask in theirs.items():
        found = find_issues(case.given_labels, case.pred_probs, name, joint=ours)
        np.testing.assert_array_equal(found, mask, err_msg=name)


@PARITY
@given(cases())
def test_scores_are_equal_to_the_last_bit(case):
    for name, score in (
        ("self_confidence", self_confidence),
        ("normalized_margin", normalized_margin),
    ):
        theirs = cleanlab.rank.get_label_quality_scores(
            case.given_labels, case.pred_probs, method=name
        )
        np.testing.assert_array_equal(score(case.given_labels, case.pred_probs), theirs, name)


@PARITY
@given(cases())
def test_entropy_score_where_cleanlab_does_not_clip(case):
    theirs = cleanlab.rank.get_label_quality_scores(
        case.given_labels, case.pred_probs, method="confidence_weighted_entropy"
    )
    ours = confidence_weighted_entropy(case.given_labels, case.pred_probs)
    confidence = self_confidence(case.given_labels, case.pred_probs)
    # Just below 1 both lose digits in log(1 + r) / r; there the values themselves are close to 1.
    unclipped = (confidence > 1e-5) & (ours < 0.9999)
    np.testing.assert_allclose(ours[unclipped], theirs[unclipped], rtol=2e-3)


@PARITY
@given(cases(), st.sampled_from(["self_confidence", "normalized_margin"]))
def test_order_of_issues(case, name):
    joint = same_joint(case)
    mask = find_issues(case.given_labels, case.pred_probs, joint=joint)
    scores = {"self_confidence": self_confidence, "normalized_margin": normalized_margin}[name](
        case.given_labels, case.pred_probs
    )
    with stable_sorts():
        theirs = cleanlab_issues(case, return_indices_ranked_by=name)
    np.testing.assert_array_equal(ranked_rows(scores, mask), theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_classes_agree_too(dtype):
    """Classes of thousands of rows take the paths that small ones do not."""
    rng = np.random.default_rng(11)
    n, k = 60_000, 12
    labels = rng.choice(k, n, p=np.r_[0.5, np.full(k - 1, 0.5 / (k - 1))])
    probs = rng.gamma(0.4, size=(n, k))
    probs[np.arange(n), labels] += 1
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(dtype)
    wrong = rng.random(n) < 0.2
    labels[wrong] = rng.integers(0, k, wrong.sum())
    case = Case(labels, probs)
    joint = confident_joint(labels, probs)
    for name in FILTERS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = cleanlab_issues(case, filter_by=name, confident_joint=joint.calibrated)
        ours = find_issues(labels, probs, name, joint=joint)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
