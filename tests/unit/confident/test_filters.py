import numpy as np
import pytest

from noisefix.confident.filters import FILTERS, find_issues
from noisefix.confident.joint import confident_joint
from noisefix.confident.rows import summarize_rows
from noisefix.errors import DataError, UsageError

SEVEN = {
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_self_confidence",
    "low_normalized_margin",
}


def noisy(n=3_000, k=6, noise=0.15, seed=0):
    """Sharp probabilities around a true class, and given labels some of which are wrong."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), true] += 5
    probs = np.exp(logits)
    probs /= probs.sum(axis=1, keepdims=True)
    wrong = rng.random(n) < noise
    given = np.where(wrong, (true + rng.integers(1, k, n)) % k, true)
    return given, probs, wrong


def test_there_are_seven():
    assert set(FILTERS) == SEVEN


@pytest.mark.parametrize("filter_by", sorted(SEVEN))
def test_flags_are_mostly_the_wrong_labels(filter_by):
    given, probs, wrong = noisy()
    flags = find_issues(given, probs, filter_by)
    assert flags.dtype == bool
    assert wrong[flags].mean() > 0.9
    assert flags[wrong].mean() > 0.6


@pytest.mark.parametrize(
    "filter_by", sorted(SEVEN - {"low_self_confidence", "low_normalized_margin"})
)
def test_all_but_the_low_filters_spare_rows_whose_argmax_is_the_given_label(filter_by):
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(4), 400)
    given = rng.integers(0, 4, 400)
    flags = find_issues(given, probs, filter_by)
    assert flags.any()
    assert not (flags & (probs.argmax(axis=1) == given)).any()


@pytest.mark.parametrize("filter_by", ["low_self_confidence", "low_normalized_margin"])
def test_the_low_filters_flag_as_many_as_confident_learning(filter_by):
    given, probs, _ = noisy(seed=2)
    assert (
        find_issues(given, probs, filter_by).sum()
        == find_issues(given, probs, "confident_learning").sum()
    )


def test_both_is_the_intersection():
    given, probs, _ = noisy(seed=3, noise=0.5)
    expected = find_issues(given, probs, "prune_by_noise_rate") & find_issues(
        given, probs, "prune_by_class"
    )
    np.testing.assert_array_equal(find_issues(given, probs, "both"), expected)


@pytest.mark.parametrize("filter_by", sorted(SEVEN))
def test_unlabelled_rows_are_never_flagged_and_change_nothing(filter_by):
    given, probs, _ = noisy(n=500, seed=4)
    expected = find_issues(given, probs, filter_by)
    rng = np.random.default_rng(0)
    places = rng.integers(0, 501, 200)
    with_gaps = np.insert(given, places, -1)
    more_probs = np.insert(probs, places, rng.dirichlet(np.full(6, 0.2), 200), axis=0)
    flags = find_issues(with_gaps, more_probs, filter_by)
    assert not flags[with_gaps == -1].any()
    np.testing.assert_array_equal(flags[with_gaps != -1], expected)


@pytest.mark.parametrize("filter_by", sorted(SEVEN))
def test_a_class_of_one_row_and_a_class_of_none(filter_by):
    given, probs, _ = noisy(n=200, k=6, seed=5)
    given[given == 5] = 0
    given[given == 4] = 1
    given[7] = 4
    probs[7] = [0.9, 0.02, 0.02, 0.02, 0.02, 0.02]
    flags = find_issues(given, probs, filter_by)
    if filter_by.startswith("prune") or filter_by == "both":
        assert not flags[7], "the last row of a class is kept"
    assert flags.shape == (200,)


def test_frac_noise_flags_fewer_and_none():
    given, probs, _ = noisy(seed=6, noise=0.3)
    every = find_issues(given, probs)
    half = find_issues(given, probs, frac_noise=0.5)
    assert not (half & ~every).any()
    assert 0.35 * every.sum() < half.sum() < 0.6 * every.sum()
    assert not find_issues(given, probs, frac_noise=0.0).any()


def test_min_examples_per_class_keeps_rows():
    given, probs, _ = noisy(n=300, seed=7, noise=0.6)
    flags = find_issues(given, probs, "prune_by_class", min_examples_per_class=40)
    kept = np.bincount(given[~flags], minlength=6)
    assert (kept >= np.minimum(40, np.bincount(given, minlength=6))).all()


def test_the_only_row_of_a_class_is_kept_even_when_none_need_be():
    # Row 1 is confidently 1, and calibration leaves nothing of class 0 on the diagonal.
    probs = np.array([[0.3, 0.7], [0.4, 0.6], [0.3, 0.7]])
    given = np.array([0, 1, 1])
    joint = confident_joint(given, probs)
    assert joint.calibrated[0, 0] == 0
    for filter_by in ("prune_by_noise_rate", "prune_by_class", "both"):
        flags = find_issues(given, probs, filter_by, joint=joint, min_examples_per_class=0)
        assert not flags.any()
    assert find_issues(given, probs, "confident_learning", joint=joint)[0]


def test_what_is_known_already_can_be_handed_in():
    given, probs, _ = noisy(n=500, seed=8)
    rows = summarize_rows(given, probs)
    joint = confident_joint(given, probs, rows=rows)
    np.testing.assert_array_equal(
        find_issues(given, probs, rows=rows, joint=joint), find_issues(given, probs)
    )


def test_wrong_options():
    given, probs, _ = noisy(n=50)
    with pytest.raises(UsageError, match="no filter 'all'") as error:
        find_issues(given, probs, "all")
    assert "prune_by_noise_rate" in error.value.hint
    with pytest.raises(UsageError, match="frac_noise"):
        find_issues(given, probs, frac_noise=1.5)
    with pytest.raises(UsageError, match="min_examples_per_class"):
        find_issues(given, probs, min_examples_per_class=-1)
    other = confident_joint(np.array([0, 1]), np.eye(2))
    with pytest.raises(DataError, match="2 classes"):
        find_issues(given, probs, joint=other)


def test_probabilities_and_labels_are_checked():
    given, probs, _ = noisy(n=50)
    with pytest.raises(DataError, match="row 4"):
        find_issues(given, np.where(np.arange(50)[:, None] == 3, np.nan, probs))
    with pytest.raises(DataError, match="50 rows, but there are 49 labels"):
        find_issues(given[:-1], probs)
