"""The four hypotheses, each against what it says it assumes."""

import numpy as np
import pytest

from noisefix.confident.validation import BLOCK_CELLS
from noisefix.probing.hypotheses import HYPOTHESES, MAX_LOG_ODDS, Evidence, judge
from noisefix.probing.label_names import NameView
from noisefix.probing.latent_classes import LatentClasses

WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
EVEN = np.array(  # every class has mean 1/3: equal shares change nothing
    [[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.7]]
)


def column(name):
    return HYPOTHESES.index(name)


def latent(shares=(1 / 3, 1 / 3, 1 / 3), transition=None):
    matrix = np.eye(3) * 0.85 + 0.05 if transition is None else np.array(transition)
    return LatentClasses(np.array(shares), matrix, 1)


def normalised(rows):
    return rows / rows.sum(axis=1, keepdims=True)


def test_log_odds_are_of_the_best_other_label_against_the_given_one():
    found = judge(Evidence(EVEN, np.array([0, 0, 1])), WEIGHTS).log_odds
    expected = [np.log(0.2 / 0.7), np.log(0.7 / 0.1), np.log(0.7 / 0.1)]
    np.testing.assert_allclose(found[:, column("equal_shares")], expected, atol=1e-5)


def test_log_odds_end_at_three_and_are_zero_without_a_label():
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    found = judge(Evidence(sure, np.array([0, 0, 1, -1])), WEIGHTS).log_odds[:, 0]
    assert found.tolist() == [-MAX_LOG_ODDS, MAX_LOG_ODDS, MAX_LOG_ODDS, 0]


def test_the_first_stands_in_without_clusters_and_the_last_abstains_without_names():
    found = judge(Evidence(EVEN, np.array([0, 1, 1])), WEIGHTS).log_odds
    np.testing.assert_array_equal(found[:, 1], found[:, 0])
    np.testing.assert_array_equal(found[:, 2], found[:, 0])
    assert not found[:, 3].any()


def test_equal_shares_take_a_collapse_out():
    pooled = normalised(EVEN * [6, 1, 1])  # class 0 is given too often, and views learned it
    evidence = Evidence(pooled, np.array([0, 0, 0]))
    plain = normalised(EVEN * [6, 1, 1])
    assert (plain.argmax(axis=1) == 0).sum() == 2
    odds = judge(evidence, WEIGHTS).log_odds[:, column("equal_shares")]
    corrected = normalised(pooled / pooled.mean(axis=0))
    np.testing.assert_allclose(
        odds, np.log(corrected[:, 1:].max(axis=1) / corrected[:, 0]), atol=1e-4
    )
    assert (odds[1:] > 0).all()


def test_latent_shares_go_halfway_to_equal():
    shares = (0.6, 0.3, 0.1)
    found = judge(Evidence(EVEN, np.array([0, 1, 2]), latent(shares)), WEIGHTS).log_odds
    half = EVEN * np.sqrt(shares)
    expected = [
        np.log(max(half[0, 1:]) / half[0, 0]),
        np.log(max(half[1, [0, 2]]) / half[1, 1]),
        np.log(max(half[2, :2]) / half[2, 2]),
    ]
    np.testing.assert_allclose(found[:, column("latent_shares")], expected, atol=1e-5)


def test_latent_noise_counts_the_given_label_by_the_noise_matrix():
    shares = np.array([0.6, 0.3, 0.1])
    transition = [[0.9, 0.1, 0.0001], [0.5, 0.4999, 0.0001], [0.3, 0.1, 0.6]]  # [true, given]
    given = np.array([0, 1, -1])
    found = judge(Evidence(EVEN, given, latent(shares, transition)), WEIGHTS)
    likelihood = np.array(transition)[:, [0, 1]].T  # of what was given, for each true class
    posterior = EVEN[:2] * shares * likelihood
    expected = [
        np.log(max(posterior[0, 1:]) / posterior[0, 0]),
        np.log(max(posterior[1, [0, 2]]) / posterior[1, 1]),
    ]
    odds = found.log_odds[:, column("latent_noise")]
    np.testing.assert_allclose(odds[:2], expected, atol=1e-4)
    only = judge(Evidence(EVEN, given, latent(shares, transition)), np.array([0, 0, 1.0, 0]))
    np.testing.assert_allclose(  # without a label, the text and the shares decide
        np.exp(only.label_logits[2]), normalised(EVEN[2:] * shares)[0], rtol=1e-4
    )


def test_names_speak_for_themselves():
    names = NameView(EVEN[::-1].astype(np.float32), 1.0, 0.2)
    found = judge(Evidence(EVEN, np.array([0, 1, 2]), None, names), WEIGHTS).log_odds
    expected = [np.log(0.7 / 0.2), np.log(0.2 / 0.7), np.log(0.7 / 0.1)]
    np.testing.assert_allclose(found[:, column("label_names")], expected, atol=1e-5)


def test_known_shares_replace_what_the_first_three_assume():
    known = np.array([0.7, 0.2, 0.1])
    given = np.array([0, 1, 2])
    flat = np.full((3, 3), 1 / 3)  # a noise matrix that tells nothing
    evidence = Evidence(EVEN, given, latent((0.1, 0.1, 0.8), flat), class_shares=known)
    found = judge(evidence, WEIGHTS).log_odds
    weighted = EVEN * known
    rows = np.arange(3)
    others = weighted.copy()
    others[rows, given] = 0
    expected = np.log(others.max(axis=1) / weighted[rows, given])
    for name in HYPOTHESES[:3]:
        np.testing.assert_allclose(found[:, column(name)], expected, atol=1e-4)


def test_label_logits_are_the_weighted_log_probabilities():
    names = NameView(EVEN[::-1].astype(np.float32), 1.0, 0.2)
    found = judge(Evidence(EVEN, np.array([0, 1, -1]), None, names), WEIGHTS).label_logits
    expected = 0.9 * np.log(EVEN) + 0.1 * np.log(EVEN[::-1])
    offset = found - expected
    np.testing.assert_allclose(offset, np.broadcast_to(offset[:, :1], (3, 3)), atol=1e-4)
    assert found.dtype == np.float32


def test_many_blocks_are_judged_like_one():
    rng = np.random.default_rng(0)
    n_rows = BLOCK_CELLS // 3 + 500
    pooled = rng.dirichlet([4, 2, 1], n_rows).astype(np.float32)
    given = rng.integers(-1, 3, n_rows)
    names = NameView(rng.dirichlet([1, 1, 1], n_rows).astype(np.float32), 1.0, 0.2)
    evidence = Evidence(pooled, given, latent(), names)
    whole = judge(evidence, WEIGHTS)
    rows = np.r_[0:20, n_rows - 20 : n_rows]  # of the first block and the last
    part = judge(
        Evidence(
            pooled[rows],
            given[rows],
            latent(),
            NameView(names.probs[rows], 1.0, 0.2),
            mean_probs=pooled.mean(axis=0, dtype=np.float64),
        ),
        WEIGHTS,
    )
    np.testing.assert_allclose(whole.log_odds[rows], part.log_odds, atol=1e-6)
    np.testing.assert_allclose(whole.label_logits[rows], part.label_logits, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 100])
def test_any_number_of_classes_and_impossible_ones(n_classes):
    pooled = np.zeros((10, n_classes), dtype=np.float32)
    pooled[:, 0] = 1
    found = judge(Evidence(pooled, np.arange(10) % n_classes), WEIGHTS)
    assert np.isfinite(found.log_odds).all()
    assert np.isfinite(found.label_logits).all()
