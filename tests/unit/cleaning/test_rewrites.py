"""Which edited texts are used, and what is called a test split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.cleaning.rewrites import is_held_out, similarity_threshold, split_column
from noisefix.cleaning.rewritten_rows import new_ids


def test_without_a_valley_the_rate_of_wrong_labels_decides():
    similarities = np.linspace(0.2, 1.0, 101)
    threshold, is_valley = similarity_threshold(similarities, np.full(101, 0.3))
    assert not is_valley
    assert threshold == pytest.approx(0.2 + 0.8 * 0.3)
    assert (similarities <= threshold).mean() == pytest.approx(0.3, abs=0.01)


def test_a_valley_goes_first():
    rng = np.random.default_rng(0)
    similarities = np.concatenate([rng.normal(0.4, 0.04, 50), rng.normal(0.9, 0.04, 50)])
    threshold, is_valley = similarity_threshold(similarities, np.full(100, 0.01))
    assert is_valley
    assert threshold == pytest.approx(0.65, abs=0.05)
    assert similarity_threshold(np.zeros(0), np.zeros(0)) == (float("-inf"), False)


@pytest.mark.parametrize("name", ["test", "TEST", "my_test", "dev-set", "validation", "val"])
def test_held_out(name):
    assert is_held_out(name)


@pytest.mark.parametrize("name", ["train", "latest", "contest", "", "None", "testimony", "value"])
def test_not_held_out(name):
    assert not is_held_out(name)


def test_split_column():
    assert split_column(["text", "Split"]) == "Split"
    assert split_column(["text", "splits"]) is None


@given(st.lists(st.text(max_size=5), unique=True, min_size=1), st.data())
def test_new_ids_are_new(known, data):
    of = data.draw(st.lists(st.sampled_from(known), unique=True))
    found = new_ids(known, of)
    assert len(set(found)) == len(of)
    assert not set(found) & set(known)


def test_ids_that_are_numbers_stay_numbers():
    assert new_ids(["3", "10"], ["3", "10"]) == ["11", "12"]
    assert new_ids(["a", "a-rewrite"], ["a"]) == ["a-rewrite-2"]
