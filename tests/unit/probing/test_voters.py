"""Who is listened to, and what is known of each annotator."""

from __future__ import annotations

import numpy as np
import pytest

from noisefix.probing.agreement import (
    count_answers,
    fleiss_kappa,
    krippendorff_alpha,
    plurality,
)
from noisefix.probing.voted import Voted, combine
from noisefix.probing.voter_quality import (
    accuracy_by_agreement,
    error_correlation,
    estimated_accuracy,
    judge_voters,
    kappa_with_the_rest,
    pair_kappa,
    share_decided,
)
from noisefix.probing.voters import Voter, confusion_of, screen, without_lone_classes

N, K = 600, 3


def voter(name: str, labels: np.ndarray) -> Voter:
    rows = np.flatnonzero(labels >= 0)
    return Voter(name, rows, labels[rows])


def noisy(true: np.ndarray, accuracy: float, rng: np.random.Generator, k: int = K) -> np.ndarray:
    wrong = rng.random(len(true)) >= accuracy
    return np.where(wrong, (true + rng.integers(1, k, len(true))) % k, true)


@pytest.fixture
def world():
    """Return true and given labels, an anchor that leans to the given ones, and a generator."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, K, N)
    given = noisy(true, 0.75, rng)
    return true, given, 0.7 * np.eye(K)[given] + 0.3 / K, rng


def test_an_annotator_that_knows_something_is_used(world):
    true, given, anchor, rng = world
    (found,) = screen([voter("a", noisy(true, 0.8, rng))], given, anchor)
    assert found.is_used
    assert found.why_not == ""
    assert found.kappa.low < found.kappa.value < found.kappa.high


@pytest.mark.parametrize(
    "answers",
    [
        lambda true, rng: np.zeros(N, dtype=np.int64),
        lambda true, rng: rng.integers(0, K, N),
        lambda true, rng: (true + 1) % K,
    ],
    ids=["constant", "random", "inverted"],
)
def test_an_annotator_without_knowledge_is_not_used(world, answers):
    true, given, anchor, rng = world
    (found,) = screen([voter("a", answers(true, rng))], given, anchor)
    assert not found.is_used
    assert not found.kappa.value > 0.1
    assert "beyond chance" in found.why_not


def test_an_inverted_annotator_of_two_classes_is_not_used():
    given = np.arange(200) % 2
    (found,) = screen([voter("a", 1 - given)], given, np.eye(2)[given])
    assert found.kappa.value < 0
    assert not found.is_used


def test_few_answers_are_not_used(world):
    true, given, anchor, _ = world
    few = np.where(np.arange(N) < 9, true, -1)
    (found,) = screen([voter("a", few)], given, anchor)
    assert found.why_not == "fewer than 10 answers that are classes"


def test_copies_of_the_given_label_and_of_each_other_are_not_used(world):
    true, given, anchor, rng = world
    one = noisy(true, 0.8, rng)
    part = np.where(np.arange(N) < 500, one, -1)
    found = screen([voter("b", part), voter("a", one), voter("c", given)], given, anchor)
    assert [one.is_used for one in found] == [False, True, False]
    assert "the same as a" in found[0].why_not
    assert "the same as the given label" in found[2].why_not


def test_confusion_by_hand():
    posterior = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    found = confusion_of(posterior, np.arange(3), np.array([0, 1, 1]))
    assert found == pytest.approx(np.array([[4, 1.5], [1, 4.5]]) / 5.5)


def test_a_class_that_one_annotator_alone_gives_is_left_out():
    one = voter("a", np.array([0, 0, 2, 2, 2, 1]))
    two = voter("b", np.array([0, 0, 0, 2, 2, 1]))
    (left, other) = without_lone_classes([one, two], [2])
    assert left.labels.tolist() == [0, 0, 1]
    assert other.labels.tolist() == [0, 0, 0, 1]
    three = voter("c", np.array([2, 2, 2, 0, 0, 1]))
    assert without_lone_classes([one, three], [2]) == [one, three]


def test_accuracies_follow_from_agreements_alone():
    """Three independent voters, two classes: within .01 on 200,000 rows."""
    rng = np.random.default_rng(1)
    true = rng.integers(0, 2, 200_000)
    accuracies = [0.9, 0.75, 0.6]
    voters = [voter(f"v{a}", noisy(true, a, rng, 2)) for a in accuracies]
    found = accuracy_by_agreement(voters, len(true), 2)
    assert found == pytest.approx(accuracies, abs=0.01)


def test_accuracies_follow_from_agreements_of_many_classes():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 5, 50_000)
    accuracies = [0.9, 0.7, 0.5, 0.6]
    voters = [voter(f"v{a}", noisy(true, a, rng, 5)) for a in accuracies]
    assert accuracy_by_agreement(voters, len(true), 5) == pytest.approx(accuracies, abs=0.02)
    assert np.isnan(accuracy_by_agreement(voters[:2], len(true), 5)).all()


def test_confusions_converge_to_the_truth_from_a_weak_anchor():
    rng = np.random.default_rng(3)
    true = rng.integers(0, 2, 20_000)
    given = noisy(true, 0.7, rng, 2)
    anchor = np.where(np.eye(2, dtype=bool)[given], 0.7, 0.3)
    voters = [voter(f"v{a}", noisy(true, a, rng, 2)) for a in (0.9, 0.8, 0.7)]
    found = combine(anchor, given, voters, lambda labels: np.full((len(labels), 2), 0.5))
    diagonals = [np.diag(confusion).mean() for confusion in found.confusions]
    assert diagonals == pytest.approx([0.9, 0.8, 0.7], abs=0.04)


def test_estimated_accuracy_has_a_wide_interval():
    posterior = np.tile([0.8, 0.2], (1000, 1))
    found = estimated_accuracy(posterior, voter("a", np.zeros(1000, dtype=np.int64)))
    assert found.value == pytest.approx(0.8)
    assert found.low < 0.65
    assert 0.88 < found.high < 1
    nothing = estimated_accuracy(posterior, voter("a", np.full(1000, -1)))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_fleiss_kappa_of_the_published_example():
    """Fleiss 1971, as retold in Wikipedia's worked example: 14 raters, ten subjects: .210."""
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    assert fleiss_kappa(counts) == pytest.approx(0.210, abs=5e-4)


def test_krippendorff_alpha_of_the_published_example():
    """Krippendorff 2011, section C: four observers, twelve units, nominal: .743."""
    gaps = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    voters = [
        voter(str(i), np.array([-1 if mark == "." else int(mark) - 1 for mark in line.split()]))
        for i, line in enumerate(gaps)
    ]
    alpha = krippendorff_alpha(count_answers(voters, 12, 5))
    assert alpha == pytest.approx(0.743, abs=5e-4)


def test_krippendorff_alpha_is_crowd_kits(world):
    metrics = pytest.importorskip("crowdkit.metrics.data")
    import pandas as pd

    true, _, _, rng = world
    said = [np.where(rng.random(N) < 0.7, noisy(true, 0.7, rng), -1) for _ in range(4)]
    voters = [voter(f"w{i}", labels) for i, labels in enumerate(said)]
    rows = [(int(r), v.name, str(k)) for v in voters for r, k in zip(v.rows, v.labels, strict=True)]
    theirs = metrics.alpha_krippendorff(pd.DataFrame(rows, columns=["task", "worker", "label"]))
    assert krippendorff_alpha(count_answers(voters, N, K)) == pytest.approx(theirs, abs=1e-9)


def test_agreement_where_nothing_can_be_said():
    alone = np.eye(2, dtype=np.int64)[[0, 1]]
    assert np.isnan(fleiss_kappa(alone))
    assert np.isnan(krippendorff_alpha(alone))
    same = np.array([[2, 0], [3, 0]])
    assert np.isnan(fleiss_kappa(same))
    assert np.isnan(krippendorff_alpha(same))


def test_plurality_knows_no_winner_of_a_tie():
    assert plurality(np.array([[2, 1], [1, 1], [0, 0], [0, 3]])).tolist() == [0, -1, -1, 1]


def test_kappas_and_error_correlation(world):
    true, _, _, rng = world
    one, other = noisy(true, 0.7, rng), noisy(true, 0.7, rng)
    assert pair_kappa(one, one, K) == pytest.approx(1)
    assert abs(error_correlation(one, other, true)) < 0.1
    assert error_correlation(one, one, true) == pytest.approx(1)
    assert np.isnan(error_correlation(one, true, true))
    assert np.isnan(pair_kappa(one[:5], one[:5], K))
    voters = [voter("a", one), voter("b", one), voter("c", true)]
    counts = count_answers(voters, N, K)
    assert kappa_with_the_rest(voters, 0, counts) > kappa_with_the_rest(voters, 2, counts)


def test_who_decides(world):
    true, given, anchor, rng = world
    good, bad = voter("good", noisy(true, 0.9, rng)), voter("bad", rng.integers(0, K, N))
    found = combine(anchor, given, [good, bad], lambda labels: np.full((N, K), 1 / K))
    shares = [
        share_decided(found, one, matrix)
        for one, matrix in zip([good, bad], found.confusions, strict=True)
    ]
    assert shares[0] > 0.1 > shares[1]
    quality = judge_voters([good, bad], [0, 1], given, found)
    assert quality[0].accuracy.value > quality[1].accuracy.value
    assert quality[0].decides == shares[0]
    assert quality[0].confusion.sum() == pytest.approx(N)
    assert isinstance(found, Voted)
