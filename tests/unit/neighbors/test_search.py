"""Exact search: ties, exclusions, groups, copies, padding, and no effect of blocks or threads."""

import subprocess
import sys

import numpy as np
import pytest

from noisefix.errors import DataError, ModelError
from noisefix.neighbors import exact, search
from noisefix.neighbors import scan as scan_module
from noisefix.neighbors.search import nearest


def unit(n_rows, n_features=16, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n_rows, n_features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_finds_what_a_full_sort_finds():
    queries, base = unit(70), unit(500, seed=1)
    found = nearest(queries, base, 9)
    cosines = queries @ base.T
    expected = np.argsort(-cosines, axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(found.indices, expected)
    np.testing.assert_allclose(
        found.similarities, np.take_along_axis(cosines, expected, axis=1), atol=1e-6
    )
    assert found.indices.dtype == np.int32
    assert found.similarities.dtype == np.float32


def test_all_pairs_equals_queries_that_happen_to_be_the_base():
    base = unit(900)
    own = np.arange(900)
    together = nearest(base, base, 5, exclude=own)
    apart = nearest(base.copy(), base, 5, exclude=own)
    np.testing.assert_array_equal(together.indices, apart.indices)
    np.testing.assert_array_equal(together.similarities, apart.similarities)
    assert (together.indices != own[:, None]).all()


def test_blocks_and_threads_do_not_change_a_bit(monkeypatch):
    base = unit(700)
    base[100:140] = base[5]  # copies, scattered over blocks
    queries = unit(90, seed=3)
    first, first_all = nearest(queries, base, 7), nearest(base, base, 7)
    for block, threads in ((37, "1"), (64, "3")):
        monkeypatch.setattr(scan_module, "_BLOCK", block)
        monkeypatch.setattr(scan_module, "_FIRST", block // 2)
        monkeypatch.setattr(exact, "RANK_VALUES", 5000)
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        again, again_all = nearest(queries, base, 7), nearest(base, base, 7)
        for a, b in ((first, again), (first_all, again_all)):
            assert a.indices.tobytes() == b.indices.tobytes()
            assert a.similarities.tobytes() == b.similarities.tobytes()


def test_of_equal_rows_the_lower_index_comes_first_however_many():
    base = np.repeat(unit(4), 300, axis=0)[np.random.default_rng(0).permutation(1200)]
    found = nearest(base, base, 6, exclude=np.arange(1200))
    for row in (0, 17, 1199):
        copies = np.flatnonzero((base == base[row]).all(axis=1))
        assert found.indices[row].tolist() == [i for i in copies if i != row][:6]


def test_too_few_rows_are_padded():
    base = unit(3)
    found = nearest(base, base, 5, exclude=np.arange(3))
    assert (found.indices[:, 2:] == -1).all()
    assert (found.similarities[:, 2:] == 0).all()
    assert (found.indices[:, :2] >= 0).all()
    empty = nearest(base, base[:0], 2)
    assert (empty.indices == -1).all()
    assert nearest(base[:0], base, 2).indices.shape == (0, 2)


def test_exclude_minus_one_excludes_nothing():
    base = unit(20)
    found = nearest(base[:2], base, 3, exclude=np.array([0, -1]))
    assert 0 not in found.indices[0]
    assert found.indices[1, 0] == 1


def test_rows_of_the_same_group_are_never_returned_even_from_a_large_group():
    base = unit(400)
    base[:150] = base[0] + 0.001 * unit(150, seed=5)  # 150 close rows of one group
    groups = np.arange(400)
    groups[:150] = 0
    found = nearest(base, base, 4, query_groups=groups, base_groups=groups)
    assert (found.indices[:150] >= 150).all()
    cosines = base[:1] @ base[150:].T / np.linalg.norm(base[0])
    assert found.indices[0].tolist() == (150 + np.argsort(-cosines[0])[:4]).tolist()
    assert (found.indices != np.arange(400)[:, None]).all()


def test_equal_vectors_of_different_groups_are_kept_apart():
    base = np.repeat(unit(2), 3, axis=0)
    groups = np.array([0, 0, 1, 2, 2, 2])
    found = nearest(base, base, 2, query_groups=groups, base_groups=groups)
    assert found.indices[0, 0] == 2
    assert found.indices[2].tolist() == [0, 1]
    assert set(found.indices[3]) <= {0, 1, 2}


def test_vectors_are_scaled_and_zero_vectors_have_cosine_zero():
    base = np.array([[3, 0], [0, 0], [0, 0.5], [-1, 0]], dtype=np.float32)
    found = nearest(base, base, 4)
    assert found.indices[0].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.similarities[0], [1, 0, 0, -1])
    np.testing.assert_allclose(found.similarities[1], 0)


def test_torch_scan_finds_the_same(monkeypatch):
    monkeypatch.setattr(scan_module, "_GPU_VALUES", 2**17)
    queries, base = unit(50), unit(300, seed=1)
    best = scan_module.scan_torch(queries, base, 6, "cpu")
    np.testing.assert_array_equal(
        np.sort(best.indices), np.sort(scan_module.scan(queries, base, 6).indices)
    )


@pytest.mark.gpu
def test_gpu_gives_the_same_bytes():
    base = unit(5000)
    on_gpu, on_cpu = (nearest(base, base, 10, device=d) for d in ("cuda", "cpu"))
    assert on_gpu.indices.tobytes() == on_cpu.indices.tobytes()
    assert on_gpu.similarities.tobytes() == on_cpu.similarities.tobytes()


def test_large_work_goes_to_a_gpu_where_there_is_one(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert search._choose_device("auto", 1e6) == "cpu"
    assert search._choose_device("auto", 1e15) == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert search._choose_device("auto", 1e15) == "cpu"
    with pytest.raises(ModelError, match="cuda"):
        nearest(unit(3), unit(3), 1, device="cuda")


def test_a_gpu_compares_all_rows_where_the_processor_looks_into_cells(monkeypatch):
    base = unit(700)
    expected = nearest(base, base, 5)
    used = []

    def on_the_processor(queries, rows, n_best, device):
        used.append((len(queries), device))
        return scan_module.scan_torch(queries, rows, n_best, "cpu")

    monkeypatch.setattr(search, "EXACT_PAIRS", 0)
    monkeypatch.setattr(search, "_choose_device", lambda device, work: device)
    monkeypatch.setattr(exact, "scan_torch", on_the_processor)
    for queries in (base, base.copy()):
        found = nearest(queries, base, 5, device="cuda")
        assert found.recall == 1
        assert found.indices.tobytes() == expected.indices.tobytes()
    assert (700, "cuda") in used
    monkeypatch.setattr(search, "_GPU_EXACT_PAIRS", 0)
    monkeypatch.setattr(search, "_CELL_ROWS", 50)
    used.clear()
    nearest(base, base, 5, device="cuda")
    assert not used


def test_search_does_not_import_torch_or_scikit_learn():
    code = (
        "import sys, numpy as np\n"
        "from noisefix.neighbors.search import nearest\n"
        "nearest(np.eye(3), np.eye(3), 1)\n"
        "sys.exit(bool({'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(DataError, match="one width"):
        nearest(unit(2, 3), unit(2, 4), 1)
    with pytest.raises(DataError, match="0 neighbours"):
        nearest(unit(2), unit(2), 0)
    with pytest.raises(DataError, match="groups"):
        nearest(unit(2), unit(2), 1, base_groups=np.arange(2))
