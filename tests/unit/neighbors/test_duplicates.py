"""Duplicate groups: same text, nearly the same text, and what must stay apart."""

import numpy as np
import pytest

from noisefix.neighbors.duplicates import (
    ClosePairs,
    close_pairs,
    conflicts,
    duplicate_groups,
    normalise,
    overlap,
    same_vectors,
)
from noisefix.neighbors.found import Neighbors
from noisefix.neighbors.search import nearest
from noisefix.vectors import write_vectors


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


def near_texts(seed, n_rows=120):
    """Texts that are cut out of one row of words, some of them copies, and vectors near by."""
    rng = np.random.default_rng(seed)
    words = [f"w{i:02d}xyz" for i in range(60)]
    starts = rng.integers(0, 40, n_rows)
    texts = [" ".join(words[i : i + 20]) for i in starts]
    embeddings = together(40, spread=0.03, seed=seed)[starts]
    return texts, embeddings


def plain_groups(texts, embeddings, found):
    """Join the closest pair first, the smaller group into the larger; leaders are compared."""
    normal = [normalise(text) for text in texts]
    first = {text: row for row, text in reversed(list(enumerate(normal)))}
    copies = {text: normal.count(text) for text in normal}
    groups = [[text] for text in sorted(first)]
    rows, at = np.nonzero(found.similarities >= 0.97)
    pairs = {
        (-found.similarities[i, j], *sorted((normal[i], normal[found.indices[i, j]])))
        for i, j in zip(rows, at, strict=True)
    }
    for _, a, b in sorted(pairs):
        mine, theirs = (next(g for g in groups if t in g) for t in (a, b))
        if mine is theirs or overlap(a, b) < 0.8:
            continue
        large, small = sorted((mine, theirs), key=lambda g: (-sum(map(copies.get, g)), g[0]))
        leader = large[0]
        if all(
            embeddings[first[t]] @ embeddings[first[leader]] >= 0.95 and overlap(t, leader) >= 0.7
            for t in small
        ):
            large += small
            groups = [g for g in groups if g is not small]
    number = {t: min(normal.index(u) for u in g) for g in groups for t in g}
    return [number[text] for text in normal]


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_the_plain_rule(seed):
    texts, embeddings = near_texts(seed)
    found = nearest(embeddings, embeddings, 10, exclude=np.arange(len(texts)))
    expected = plain_groups(texts, embeddings, found)
    assert duplicate_groups(texts, embeddings).tolist() == expected
    assert 1 < len(set(expected)) < len(set(texts))


def test_vectors_in_a_file_and_pairs_found_in_blocks_make_the_same_groups(tmp_path):
    texts, embeddings = near_texts(7)
    expected = duplicate_groups(texts, embeddings).tolist()
    file = write_vectors(tmp_path / "vectors", [embeddings], embeddings.shape[1])
    assert duplicate_groups(texts, file).tolist() == expected
    found = nearest(embeddings, embeddings, 10, exclude=np.arange(len(texts)))
    blocks = [
        close_pairs(Neighbors(found.indices[a:b], found.similarities[a:b]), a)
        for a, b in ((0, 50), (50, 51), (51, 120))
    ]
    together_again = ClosePairs.together(blocks)
    assert duplicate_groups(texts, file, neighbors=together_again).tolist() == expected
    copies = same_vectors(file, close_pairs(found, min_cosine=0.9995))
    assert copies.tolist() == same_vectors(embeddings, found).tolist()
