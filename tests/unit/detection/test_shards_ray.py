"""Bad days of a cluster: whatever is lost, the bytes are those of one process."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from noisefix.cluster.ray_executor import RayExecutor
from noisefix.detection import shards
from noisefix.detection.embed_stage import EmbedParams, embed_dataset
from noisefix.detection.encoder_source import Loaded
from noisefix.detection.shards import embed_in_shards
from noisefix.encoders.find import offline_extra
from noisefix.encoders.protocol import Embedded
from noisefix.errors import DataError
from noisefix.tables.dataset import load_dataset
from noisefix.tables.source import read_source

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

TEXTS = [f"text {n}" for n in range(160)]


@pytest.fixture(autouse=True)
def small_grains(monkeypatch):
    monkeypatch.setattr(shards, "GRAIN", 10)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    yield
    ray.shutdown()


@dataclass
class Logging:
    """An encoder that writes down what it is asked for, and does mischief once."""

    log: Path
    mischief: str = ""
    seconds: float = 0.0
    is_endless: bool = False

    name = "logging"
    dimension = 3
    max_tokens = None
    precision = "fp32"
    device = "cpu"
    fingerprint = "logging"
    is_fitted = False

    def embed(self, texts, progress=None):
        time.sleep(self.seconds)
        mark = self.log / "mischief"
        if self.mischief in texts and (self.is_endless or not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with (self.log / "calls").open("a") as file:
            file.write(f"{texts[0]}\n")
        n = len(texts)
        vectors = np.array([[len(text), int(text.split()[1]), n] for text in texts], np.float32)
        return Embedded(vectors, np.zeros(n, bool))


def calls(log):
    path = log / "calls"
    return path.read_text().splitlines() if path.exists() else []


def matrix(found):
    return found.vectors.rows(0, len(TEXTS))


@pytest.fixture
def expected(tmp_path):
    log = tmp_path / "expected"
    log.mkdir()
    return matrix(embed_in_shards(TEXTS, Loaded(Logging(log)), tmp_path / "e", shard_size=500))


def start(n_cpus):
    ray.init("local", num_cpus=n_cpus, include_dashboard=False, log_to_driver=False)


def run(tmp_path, encoder, shard_size=20):
    executor = RayExecutor(None, tmp_path)
    return embed_in_shards(
        TEXTS, Loaded(encoder), tmp_path / "parts", shard_size=shard_size, executor=executor
    )


def test_a_worker_killed_in_the_middle_of_a_shard(tmp_path, expected):
    start(2)
    found = run(tmp_path, Logging(tmp_path, mischief="text 55", seconds=0.05))
    assert (tmp_path / "mischief").exists()
    assert np.array_equal(matrix(found), expected)
    assert len(calls(tmp_path)) in (16, 17), "no shard but the one that was lost is done again"


def test_a_text_that_ends_every_worker_is_named_by_its_rows(tmp_path):
    start(2)
    encoder = Logging(tmp_path, mischief="text 55", is_endless=True)
    with pytest.raises(DataError, match=r"^texts, rows 41 to 60: the worker .* was lost 4 times"):
        run(tmp_path, encoder)


def test_a_machine_that_leaves(tmp_path, expected):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        assert len(nodes) == 2

        class Leaving(RayExecutor):
            """Loses a machine after the second result."""

            def map(self, function, tasks, *, on_gpu=False):
                for number, result in enumerate(super().map(function, tasks, on_gpu=on_gpu)):
                    if number == 2:
                        cluster.remove_node(second, allow_graceful=False)
                    yield result

        found = embed_in_shards(
            TEXTS,
            Loaded(Logging(tmp_path, seconds=0.2)),
            tmp_path / "parts",
            shard_size=20,
            executor=Leaving(None, tmp_path),
        )
        assert np.array_equal(matrix(found), expected)
    finally:
        ray.shutdown()
        cluster.shutdown()


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_shards_ray import TEXTS, Loaded, Logging, RayExecutor, embed_in_shards, shards
shards.GRAIN = 10
tmp = Path(sys.argv[1])
embed_in_shards(
    TEXTS, Loaded(Logging(tmp, seconds=0.3)), tmp / "parts", shard_size=20,
    executor=RayExecutor(None, tmp),
)
"""


def test_a_killed_driver_and_what_is_left_for_the_next(tmp_path, expected):
    command = [sys.executable, "-c", textwrap.dedent(DRIVER), str(tmp_path)]
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])}
    child = subprocess.Popen([*command, here], env=environment)
    parts = tmp_path / "parts"
    deadline = time.monotonic() + 240
    while len(list(parts.glob("shard-*.f32"))) < 3:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    while True:  # the workers may end what they have begun
        kept = len(list(parts.glob("shard-*.f32")))
        time.sleep(3)
        if len(list(parts.glob("shard-*.f32"))) == kept:
            break
    assert 3 <= kept < 8
    (tmp_path / "calls").unlink()
    start(2)
    assert np.array_equal(matrix(run(tmp_path, Logging(tmp_path))), expected)
    assert len(calls(tmp_path)) == 2 * (8 - kept), "finished shards are not made again"


@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_workers_and_shards_change_no_byte_of_the_table(n_workers, tmp_path):
    folder = offline_extra()
    assert folder is not None
    path = tmp_path / "data.csv"
    rows = (f"{'some ' * (n % 7)}words about number {n % 130}\n" for n in range(150))
    path.write_text("text\n" + "".join(rows))
    dataset = load_dataset(read_source(path), text_column="text", needs_labels=False)
    params = EmbedParams(str(folder), "auto", "cpu")
    embed_dataset(dataset, tmp_path / "whole.parquet", params)
    start(n_workers)
    executor = RayExecutor(None, tmp_path)
    for size in (10, 40):
        output = tmp_path / f"{size}.parquet"
        embed_dataset(dataset, output, params, executor=executor, shard_size=size)
        assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
