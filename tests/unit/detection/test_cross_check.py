"""What is said of the data as a whole: the verdict, the second count, the class to ask about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noisefix.detection.cross_check import facts_of_the_whole, widened
from noisefix.detection.joint_stage import JointParams, judge_labels
from noisefix.detection.judged import Judged
from noisefix.probability import Interval

NAMES = ("billing", "delivery", "refund", "technical")


def judged(data, **options) -> Judged:
    return judge_labels(data.tables(), JointParams(**options))


def with_flags(found: Judged, label: str, count: int, others: int = 0) -> Judged:
    flags = np.zeros(len(found.given_labels), dtype=bool)
    has_label = found.given_labels == NAMES.index(label)
    flags[np.flatnonzero(has_label)[:count]] = True
    flags[np.flatnonzero(~has_label)[:others]] = True
    return replace(found, is_issue=flags)


@pytest.fixture
def noisy(make_set):
    data = make_set([90, 90, 60, 60])
    for row in range(0, 300, 4):
        data = data.given_to([row], NAMES[(data.true[row] + 1 + row % 3) % 4])
    return data


def test_clean_labels_are_called_clean_and_noisy_ones_are_not(make_set, noisy):
    clean = judged(make_set([80, 80, 60, 40]), labelled_by="people")
    assert facts_of_the_whole(clean)["verdict"] == "clean"
    assert facts_of_the_whole(judged(noisy, labelled_by="rules"))["verdict"] == "many"


def test_the_second_count_comes_near_the_truth(noisy):
    hoc = facts_of_the_whole(judged(noisy))["hoc"]
    assert hoc["noise_rate"] == pytest.approx(0.25, abs=0.08)
    assert list(hoc["class_shares"]) == list(NAMES)
    assert sum(hoc["class_shares"].values()) == pytest.approx(1)
    assert (hoc["rows"], hoc["reason"]) == (300, None)


def test_too_few_rows_for_a_second_count(make_set):
    hoc = facts_of_the_whole(judged(make_set([15, 15, 10, 10])))["hoc"]
    assert (hoc["noise_rate"], hoc["class_shares"], hoc["rows"]) == (None, {}, 0)
    assert hoc["reason"].startswith("fewer than 100 rows")


def test_the_class_of_nearly_all_flagged_rows_is_named(noisy):
    found = judged(noisy)

    def named(label: str, count: int, others: int = 0) -> object:
        return facts_of_the_whole(with_flags(found, label, count, others))["flagged_label"]

    assert named("billing", 40) == "billing"
    assert named("billing", 40, others=1) == "billing"
    assert named("billing", 38, others=2) is None  # 95 % are not more than 95 %
    assert named("billing", 19) is None
    assert named("billing", 0) is None


def test_a_class_that_nearly_all_rows_have_is_not_named(make_set):
    found = judged(make_set([300, 5, 5, 0]))
    assert (found.given_labels == 0).mean() >= 0.95
    assert facts_of_the_whole(with_flags(found, "billing", 40))["flagged_label"] is None


def test_what_the_user_said_is_handed_on(noisy):
    assert facts_of_the_whole(judged(noisy))["unverified_class"] is None
    said = facts_of_the_whole(judged(noisy, unverified_class="refund"))
    assert said["unverified_class"] == "refund"


def without_names(data, **more):
    return {k: v for k, v in data.tables().items() if k != "label_names"} | more


def test_where_no_names_were_looked_at_the_interval_holds_the_second_count(noisy):
    found = judge_labels(without_names(noisy), JointParams())
    estimate = replace(found.estimate, noise_rate=Interval(0.5, 0.45, 0.55))
    near = (found.given_labels, found.surroundings.nearest, found.surroundings.duplicate_groups)
    second = facts_of_the_whole(found)["hoc"]["noise_rate"]
    assert found.estimate.noise_rate.low <= second <= found.estimate.noise_rate.high
    assert widened(estimate, *near).noise_rate == Interval(0.5, second, 0.55)
    below = replace(estimate, noise_rate=Interval(0.01, 0.0, 0.02))
    assert widened(below, *near).noise_rate == Interval(0.01, 0.0, second)


def test_verified_rows_or_no_second_count_leave_the_interval(noisy, make_set):
    found = judge_labels(without_names(noisy), JointParams())
    near = (found.given_labels, found.surroundings.nearest, found.surroundings.duplicate_groups)
    narrow = Interval(0.5, 0.45, 0.55)
    many = replace(found.estimate, noise_rate=narrow, n_verified=30)
    assert widened(many, *near) is many
    few = judge_labels(without_names(make_set([15, 15, 10, 10])), JointParams())
    around = few.surroundings
    narrow_few = replace(few.estimate, noise_rate=narrow)
    args = (few.given_labels, around.nearest, around.duplicate_groups)
    assert widened(narrow_few, *args).noise_rate == narrow
