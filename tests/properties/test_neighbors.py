"""Invariants of the neighbour search over random inputs with many ties and copies."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noisefix.neighbors.search import nearest


@st.composite
def problems(draw):
    n_features = draw(st.integers(1, 4))
    seed = draw(st.integers(0, 10**6))
    n_base, n_queries = draw(st.integers(1, 60)), draw(st.integers(1, 30))
    rng = np.random.default_rng(seed)
    base = rng.integers(-2, 3, size=(n_base, n_features)).astype(np.float32)
    queries = rng.integers(-2, 3, size=(n_queries, n_features)).astype(np.float32)
    groups = rng.integers(0, draw(st.integers(1, 40)), n_base + n_queries)
    return base, queries, groups[:n_base], groups[n_base:], rng


def cosines(queries, base):
    def unit(rows):
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        return rows / np.where(lengths > 0, lengths, 1)[:, None]

    return np.einsum("qd,bd->qb", unit(queries), unit(base)).clip(-1, 1)


def check(found, scores, allowed, k):
    """Every list holds the best allowed rows, in order, ties by index."""
    for row in range(len(scores)):
        indices = found.indices[row][found.indices[row] >= 0]
        assert len(indices) == min(k, allowed[row].sum())
        assert len(set(indices)) == len(indices)
        assert allowed[row, indices].all()
        similarities = found.similarities[row, : len(indices)]
        np.testing.assert_allclose(similarities, scores[row, indices], atol=1e-6)
        for i in range(len(indices) - 1):
            assert (-similarities[i], indices[i]) < (-similarities[i + 1], indices[i + 1])
        left = allowed[row].copy()
        left[indices] = False
        if left.any() and len(indices):
            assert scores[row, left].max() <= similarities[-1] + 1e-6


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(1, 12))
def test_lists_are_exact_ordered_and_free_of_the_excluded(problem, k):
    base, queries, base_groups, query_groups, rng = problem
    scores = cosines(queries, base)
    check(nearest(queries, base, k), scores, np.ones(scores.shape, bool), k)
    exclude = rng.integers(-1, len(base), len(queries))
    allowed = np.arange(len(base)) != exclude[:, None]
    check(nearest(queries, base, k, exclude=exclude), scores, allowed, k)
    found = nearest(queries, base, k, query_groups=query_groups, base_groups=base_groups)
    check(found, scores, query_groups[:, None] != base_groups, k)


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(1, 6))
def test_all_pairs_equals_a_search_in_a_copy(problem, k):
    base, _, groups, _, _ = problem
    a = nearest(base, base, k, query_groups=groups, base_groups=groups)
    b = nearest(base.copy(), base, k, query_groups=groups, base_groups=groups)
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_array_equal(a.similarities, b.similarities)


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(1, 6))
def test_shuffling_the_base_changes_only_numbers_and_the_order_of_ties(problem, k):
    base, queries, _, _, rng = problem
    shuffle = rng.permutation(len(base))
    a, b = nearest(queries, base, k), nearest(queries, base[shuffle], k)
    np.testing.assert_array_equal(a.similarities, b.similarities)
