"""Search in cells: what is found, what is left out, and that nothing hangs on blocks or threads."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from noisefix.neighbors import cell_search, cell_store, exact, recall, search
from noisefix.neighbors import cells as cells_module
from noisefix.neighbors.search import nearest
from noisefix.vectors import GRAIN, InMemory, write_vectors


def clusters(n_rows, n_clusters=40, n_features=24, spread=0.5, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_clusters, n_features))
    rows = centres[rng.integers(0, n_clusters, n_rows)]
    rows = rows + spread * rng.normal(size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def in_cells(monkeypatch):
    """Search in cells at any size."""

    def switch(cell_rows=100):
        monkeypatch.setattr(search, "EXACT_PAIRS", 0)
        monkeypatch.setattr(search, "_CELL_ROWS", cell_rows)

    return switch


def bytes_of(found):
    return found.indices.tobytes(), found.similarities.tobytes(), found.recall


def test_most_neighbours_are_found_and_how_many_is_told_rightly(in_cells):
    in_cells()
    base = clusters(6000, n_clusters=8, spread=1)
    own = np.arange(len(base))
    found = nearest(base, base, 10, exclude=own)
    brute = NearestNeighbors(n_neighbors=11, algorithm="brute", metric="cosine").fit(base)
    true = brute.kneighbors(return_distance=False, n_neighbors=10)
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.indices, true, strict=True)])
    assert 0.95 <= found.recall < 0.999
    assert share == pytest.approx(found.recall, abs=0.01)
    assert (found.indices != own[:, None]).all()


def test_what_is_found_has_its_true_cosine_and_comes_in_order(in_cells):
    in_cells()
    base, queries = clusters(3000), clusters(500, seed=1)
    found = nearest(queries, base, 7)
    cosines = np.einsum("qd,qkd->qk", queries, base[found.indices])
    np.testing.assert_allclose(found.similarities, cosines, atol=1e-6)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert all(len(set(row)) == 7 for row in found.indices.tolist())


def test_the_search_is_exact_up_to_its_size_and_says_so(monkeypatch):
    base = clusters(900)
    first = nearest(base, base, 5)
    monkeypatch.setattr(search, "EXACT_PAIRS", 900**2)
    again = nearest(base.copy(), base, 5)
    assert bytes_of(first) == bytes_of(again)
    assert again.recall == 1
    monkeypatch.setattr(search, "EXACT_PAIRS", 900**2 - 1)
    monkeypatch.setattr(search, "_CELL_ROWS", 50)
    assert nearest(base, base, 5).recall < 1


def test_how_far_a_long_search_has_come_is_told(in_cells, monkeypatch):
    base, told = clusters(2500), []
    nearest(base, base, 5, progress=told.append)
    assert not told  # exact, and at once
    in_cells()
    monkeypatch.setattr(search, "_QUERY_ROWS", GRAIN)
    nearest(base, base, 5, progress=told.append)
    assert [(step.done, step.total, step.unit) for step in told] == [
        (1000, 2500, "rows"),
        (2000, 2500, "rows"),
        (2500, 2500, "rows"),
    ]


def test_all_cells_probed_are_an_exact_search(in_cells, monkeypatch):
    base, queries = clusters(2000), clusters(300, seed=1)
    groups = np.random.default_rng(0).integers(0, 30, 2300)
    options = {"query_groups": groups[2000:], "base_groups": groups[:2000]}
    first = nearest(queries, base, 9, **options)
    in_cells()
    monkeypatch.setattr(recall, "TARGET", 1.0)
    monkeypatch.setattr(recall, "_LEAST_PROBES", 20)
    again = nearest(queries, base, 9, **options)
    assert bytes_of(first) == bytes_of(again)


def test_rows_of_ones_own_group_are_never_found_and_others_are_looked_for_further_away(in_cells):
    in_cells(50)
    base = clusters(3000, n_clusters=3, spread=0.2)
    groups = np.arange(3000)
    near = np.argsort(-base @ base[0])[:1200]  # whole cells, and more than any list of candidates
    groups[near] = near[0]
    found = nearest(base, base, 8, query_groups=groups, base_groups=groups)
    assert (found.indices >= 0).all()
    assert (groups[found.indices] != groups[:, None]).all()
    cosines = base[near] @ base.T
    cosines[:, near] = -1
    true = np.argsort(-cosines, axis=1)[:, :8]
    hit = [len(set(a) & set(b)) / 8 for a, b in zip(found.indices[near], true, strict=True)]
    assert np.mean(hit) > 0.9


def test_one_group_of_all_rows_has_no_neighbours(in_cells):
    in_cells()
    base = clusters(2500)
    groups = np.zeros(2500, dtype=np.int64)
    found = nearest(base, base, 3, query_groups=groups, base_groups=groups)
    assert (found.indices == -1).all()
    assert (found.similarities == 0).all()


def test_more_neighbours_than_a_cell_holds_or_the_base(in_cells):
    in_cells(10)
    base = clusters(400)
    found = nearest(base, base, 60)
    assert (found.indices >= 0).all()
    everything = nearest(base, base, 450)
    assert (np.sort(everything.indices[:, :400], axis=1) == np.arange(400)).all()
    assert (everything.indices[:, 400:] == -1).all()


def test_equal_rows_everywhere(in_cells):
    in_cells()
    base = np.repeat(clusters(1), 3000, axis=0)
    found = nearest(base, base, 4, exclude=np.arange(3000))
    assert found.indices[0].tolist() == [1, 2, 3, 4]
    assert found.indices[2999].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.similarities, 1, atol=1e-6)
    few = np.repeat(clusters(5), 600, axis=0)
    found = nearest(few, few, 3)
    assert found.indices[700].tolist() == [600, 601, 602]


def test_cells_without_rows_and_zero_vectors(in_cells, monkeypatch):
    in_cells(3)
    base = np.repeat(clusters(30), 2, axis=0)
    base[1::2] += 1e-4 * clusters(30, seed=3)  # more cells than clumps: some stay empty
    base[7] = 0
    found = nearest(base, base, 5)
    assert (found.indices >= 0).all()
    assert np.isfinite(found.similarities).all()
    empty = np.zeros((200, 4), dtype=np.float32)
    assert nearest(empty, empty, 3).indices[9].tolist() == [0, 1, 2]


def test_one_cell_is_exact(in_cells):
    in_cells(10**6)
    base = clusters(700)
    found = nearest(base, base, 5)
    brute = np.argsort(-base @ base.T, axis=1, kind="stable")[:, :5]
    assert found.recall == 1
    np.testing.assert_array_equal(found.indices, brute)


def test_a_file_is_searched_like_an_array_and_nothing_stays(in_cells, tmp_path, monkeypatch):

    in_cells()
    base = clusters(4300)
    base[4000:] = base[:300]
    groups = np.random.default_rng(0).integers(0, 900, 4300)
    file = write_vectors(tmp_path / "vectors", [base], base.shape[1])
    for options in ({}, {"query_groups": groups, "base_groups": groups}):
        in_memory = nearest(base, base, 6, **options)
        assert bytes_of(nearest(file, file, 6, **options)) == bytes_of(in_memory)
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]
    monkeypatch.setattr(search, "EXACT_PAIRS", 10**10)
    monkeypatch.setattr(exact, "_BASE_ROWS", {"cpu": 1700})
    assert bytes_of(nearest(file, file, 6)) == bytes_of(nearest(base, base, 6))
    few = InMemory(base[:50])
    assert bytes_of(nearest(few, file, 6)) == bytes_of(nearest(base[:50], base, 6))


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(150, 900), st.integers(1, 3))
def test_neither_blocks_nor_threads_change_a_bit(
    in_cells, monkeypatch, seed, n_grains, size, n_threads
):
    in_cells()
    rng = np.random.default_rng(seed)
    base = clusters(2600, seed=seed)
    base[rng.integers(0, 2600, 300)] = base[:300]
    queries = clusters(2300, seed=seed)
    base_groups, query_groups = rng.integers(0, 300, 2600), rng.integers(0, 300, 2300)
    exclude = rng.integers(-1, 2600, 2300)

    def found():
        return bytes_of(
            nearest(
                queries,
                base,
                5,
                exclude=exclude,
                query_groups=query_groups,
                base_groups=base_groups,
            )
        )

    first = found()
    with monkeypatch.context() as changed:
        changed.setenv("OMP_NUM_THREADS", str(n_threads))
        changed.setattr(search, "_QUERY_ROWS", n_grains * GRAIN)
        changed.setattr(cell_search, "_BLOCK_ROWS", n_grains * GRAIN)
        changed.setattr(cell_search, "_BLOCK_PAIRS", 3 * size)
        changed.setattr(cell_search, "_TILE", size)
        changed.setattr(cell_search, "_WIDER_VALUES", size)
        changed.setattr(cell_search, "RANK_VALUES", 40 * size)
        changed.setattr(cell_store, "_BLOCK", n_grains * GRAIN)
        assert found() == first


def test_cells_are_those_of_a_plain_k_means_step():
    base = clusters(3000)
    centroids = cells_module.train_centroids(InMemory(base), np.arange(3000), 20)
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, atol=1e-6)
    cell = cells_module.nearest_cells(base, centroids)
    np.testing.assert_array_equal(cell, (base @ centroids.T).argmax(axis=1))
    first = np.mean((base @ base[:20].T).max(axis=1))
    assert np.mean((base @ centroids.T).max(axis=1)) > first + 0.1  # better than some rows


class Elsewhere:
    """Other processes: all that goes there and comes back is pickled."""

    n_workers, is_here = 2, False

    def __init__(self):
        self.names = []

    def map(self, function, tasks, *, on_gpu=False):
        there = pickle.dumps(function)
        for task in tasks:
            self.names.append(task.name)
            done = pickle.loads(there)(pickle.loads(pickle.dumps(task)))
            yield pickle.loads(pickle.dumps(done))


@pytest.mark.parametrize("in_file", [False, True])
def test_other_processes_find_the_same(in_file, in_cells, tmp_path, monkeypatch):
    in_cells()
    monkeypatch.setattr(search, "_PART_ROWS", GRAIN)
    base = clusters(2600)
    vectors = write_vectors(tmp_path / "base", [base], base.shape[1]) if in_file else base
    exclude, executor = np.arange(2600), Elsewhere()
    here = nearest(vectors, vectors, 5, exclude=exclude)
    there = nearest(vectors, vectors, 5, exclude=exclude, executor=executor)
    assert bytes_of(there) == bytes_of(here)
    assert there.recall == here.recall
    assert executor.names == [
        "neighbours of rows 1 to 1,000",
        "neighbours of rows 1,001 to 2,000",
        "neighbours of rows 2,001 to 2,600",
    ]
    assert {path.name for path in tmp_path.iterdir()} == ({"base"} if in_file else set())


def test_an_exact_search_stays_here(monkeypatch):
    monkeypatch.setattr(search, "EXACT_PAIRS", 10**10)
    base, executor = clusters(300), Elsewhere()
    nearest(base, base, 5, executor=executor)
    assert executor.names == []
