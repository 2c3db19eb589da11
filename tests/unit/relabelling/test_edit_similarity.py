"""How much an edit changes a text, by words and by an encoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.relabelling.edit_similarity import changed_words, edit_similarities


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("the parcel came late", "the refund came late", 1 / 4),
        ("the parcel came late", "the parcel came late today", 1 / 5),
        ("a b c d", "d c b a", 3 / 4),
        ("late", "late!", 1 / 2),
        ("来年買う", "今年買う", 1 / 4),
        ("", "", 0),
        ("a", "", 1),
    ],
)
def test_changed_words(one, other, share):
    assert changed_words(one, other) == pytest.approx(share)


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_share_is_one_in_0_to_1(one, other):
    assert 0 <= changed_words(one, other) <= 1
    assert changed_words(one, one) == 0


def test_cosines_of_an_encoder():
    vectors = {"a": [1, 0], "b": [0, 1], "ab": [np.sqrt(0.5), np.sqrt(0.5)]}

    def encode(texts):
        return np.array([vectors[text] for text in texts], dtype=np.float32)

    found = edit_similarities(["a", "a", "a"], ["a", "b", "ab"], encode)
    assert found == pytest.approx([1, 0, np.sqrt(0.5)])
    assert edit_similarities([], [], encode).shape == (0,)
    assert edit_similarities(["a b"], ["a c"], None) == pytest.approx([0.5])
