"""What two files have in common: equal and nearly equal texts, by label, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.neighbors.across import matches_across
from noisefix.neighbors.duplicates import MIN_COSINE, MIN_OVERLAP, normalise, overlap
from noisefix.tables.text_checks import says_something

LONG = "please cancel the order that was placed on monday by my wife"


def vectors(texts):
    """Unit vectors of letter counts: near for near texts."""
    counts = np.array(
        [[1.0, *(text.casefold().count(c) for c in "abcdefghijklmnopqrstuvwxyz")] for text in texts]
    ).reshape(len(texts), 27)
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def match(texts, labels, others):
    found = matches_across(texts, vectors(texts), np.array(labels), others, vectors(others))
    rows = zip(found.other, found.row, found.label, found.is_equal, found.rows, strict=True)
    return [tuple(int(value) for value in row) for row in rows]


def test_equal_texts_match_but_for_case_spaces_and_marks():
    assert match(["Cancel my order!", "hello"], [0, 1], ["cancel  my order", "bye"]) == [
        (0, 0, 0, 1, 1)
    ]


def test_nearly_equal_texts_match_and_others_of_the_same_letters_do_not():
    assert match([LONG], [0], [f"{LONG}s", LONG[::-1]]) == [(0, 0, 0, 0, 1)]


def test_each_label_that_a_text_has_is_a_match_of_its_own():
    texts = [LONG, LONG, f"{LONG}s", LONG, "something else"]
    assert match(texts, [0, 1, 1, -1, 0], [LONG]) == [
        (0, 0, 0, 1, 1),
        (0, 1, 1, 1, 2),
        (0, 3, -1, 1, 1),
    ]


def test_copies_in_one_file_do_not_hide_a_near_text():
    texts = [LONG] * 30 + [f"{LONG}s"]
    assert match(texts, [0] * 30 + [1], [LONG]) == [(0, 0, 0, 1, 30), (0, 30, 1, 0, 1)]


def test_texts_that_say_nothing_match_none():
    assert match(["", " ", "words"], [0, 1, 0], ["", "\u200b"]) == []
    assert match([], [], []) == []
    assert match(["words"], [0], []) == []


WORDS = st.lists(st.sampled_from(["red", "green", "blue", "car", "Car!", "x"]), max_size=4)
FILES = st.lists(WORDS.map(" ".join), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(FILES, FILES)
def test_every_pair_that_is_near_is_found_and_no_other(texts, others):
    labels = np.arange(len(texts))  # every row has its own label, so that each is a match
    here, there = vectors(texts), vectors(others)
    found = matches_across(texts, here, labels, others, there)
    pairs = set(zip(found.other.tolist(), found.row.tolist(), strict=True))
    for i, other in enumerate(others):
        for j, text in enumerate(texts):
            if not (says_something(other) and says_something(text)):
                assert (i, j) not in pairs
                continue
            one, two = normalise(other), normalise(text)
            cosine = float(
                there[others.index(_first(others, one))] @ here[texts.index(_first(texts, two))]
            )
            is_near = cosine >= MIN_COSINE + 1e-6 and overlap(one, two) >= MIN_OVERLAP
            if one == two or is_near:
                assert (i, j) in pairs
            elif cosine < MIN_COSINE - 1e-6 or overlap(one, two) < MIN_OVERLAP:
                assert (i, j) not in pairs
    assert found.similarity == pytest.approx(np.clip(found.similarity, MIN_COSINE, 1))


def _first(texts, normal):
    return next(text for text in texts if says_something(text) and normalise(text) == normal)
