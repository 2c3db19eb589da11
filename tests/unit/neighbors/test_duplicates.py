"""Duplicate groups: same text, nearly the same text, and what must stay apart."""

import numpy as np
import pytest

from noisefix.neighbors.duplicates import conflicts, duplicate_groups, normalise, overlap


def together(n_rows, n_features=8, seed=0, spread=0.0):
    """Embeddings that are all (nearly) equal: only the letters can tell the rows apart."""
    rng = np.random.default_rng(seed)
    rows = np.eye(1, n_features) + spread * rng.normal(size=(n_rows, n_features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def apart(n_rows):
    return np.eye(n_rows, dtype=np.float32)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Where is my refund?", "  where IS my\nrefund?"),
        ("Great product!!!", "great product."),
        ("it's late", "it’s late"),
        ("read this now http://t.co/abc", "read this now https://t.co/xyz ..."),
        ("ｆｕｌｌ width", "full width"),
    ],
)
def test_what_normalise_makes_equal(a, b):
    assert normalise(a) == normalise(b)
    assert duplicate_groups([a, "zzz", b], apart(3)).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("yes", "no"),
        (":)", ":("),
        ("...", "!!!"),
        ("you like it", "you like it?"),
        ("part 1", "part 2"),
        ("see http://a.com/mine", "see http://b.org/yours"),
        ("I want to cancel my order", "I want to change my order"),
    ],
)
def test_what_stays_apart_even_with_the_same_embedding(a, b):
    assert normalise(a) != normalise(b)
    assert duplicate_groups([a, b], together(2)).tolist() == [0, 1]


def test_a_typo_in_a_long_text_is_a_near_duplicate_if_the_embedding_agrees():
    texts = [
        "The parcel arrived two weeks late and the box was open.",
        "The parcel arived two weeks late and the box was open",
    ]
    assert duplicate_groups(texts, together(2)).tolist() == [0, 0]
    assert duplicate_groups(texts, apart(2)).tolist() == [0, 1]


def test_a_chain_of_small_steps_does_not_join_its_ends():
    words = [f"w{i:02d}xyz" for i in range(60)]
    texts = [" ".join(words[i : i + 20]) for i in range(40)]  # each differs from the next by a word
    assert overlap(texts[0], texts[1]) > 0.8
    groups = duplicate_groups(texts, together(40, spread=0.01))
    assert overlap(texts[0], texts[10]) < 0.7
    for g in np.unique(groups):
        members = np.flatnonzero(groups == g)
        assert any(
            all(overlap(texts[i], texts[leader]) >= 0.7 for i in members) for leader in members
        )
    assert len(np.unique(groups)) < 40


def test_groups_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    words = [f"w{i:02d}xyz" for i in range(60)]
    texts = [" ".join(words[i : i + 20]) for i in rng.integers(0, 40, 80)]
    embeddings = together(40, spread=0.01)[[words.index(t.split()[0]) for t in texts]]
    groups = duplicate_groups(texts, embeddings)
    shuffle = rng.permutation(80)
    again = duplicate_groups([texts[i] for i in shuffle], embeddings[shuffle])
    same = groups[shuffle][:, None] == groups[shuffle]
    np.testing.assert_array_equal(again[:, None] == again, same)


def test_hundreds_of_copies_and_empty_texts_form_one_group_each():
    texts = ["good"] * 300 + ["", None, "  "] + ["bad"] * 2
    groups = duplicate_groups(texts, together(305))
    assert groups.tolist() == [0] * 300 + [300] * 3 + [303] * 2
    assert len(duplicate_groups([], np.zeros((0, 4), np.float32))) == 0


def test_overlap_is_a_jaccard_index():
    assert overlap("same", "same") == 1
    assert overlap("abc", "xyz") == 0
    assert overlap("a", "a" * 500) == 0
    assert overlap("ab", "abc") == pytest.approx(1 / 4)


def test_conflicts_are_groups_with_two_labels():
    groups = np.array([0, 0, 2, 2, 4, 4, 4, 7])
    labels = np.array([1, 2, 1, 1, -1, 3, -1, 0])
    assert conflicts(groups, labels).tolist() == [0]
    assert conflicts(groups, np.full(8, -1)).tolist() == []
