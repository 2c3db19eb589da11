"""``noisefix relabel --annotator vllm:PATH``, with a program that stands in for vLLM."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

PROGRAM = Path(__file__).parents[1] / "servers" / "vllm_program.py"


@pytest.fixture
def run(detected, tmp_path):
    return Path(shutil.copytree(detected, tmp_path / "run"))


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Install the stand-in; return the file in which it tells of every start."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PROGRAM.read_text()}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("VLLM_SEEN", str(tmp_path / "seen"))
    return tmp_path / "seen"


def test_rows_are_asked_and_the_server_is_gone(cli, run, model, seen, tmp_path):
    config = tmp_path / "serve.yaml"
    config.write_text("max-model-len: 8192\n")
    command = ("relabel", run, "--annotator", f"vllm:{model}", "--vllm-config", config)
    command += ("--max-rows", 6, "--probe", 2, "--json")
    done = cli(*command)
    assert done.code == 0, done.err
    report = json.loads(done.out)["report"]
    assert report["answered"] == report["asked"] == 6
    table = pq.read_table(run / "relabels.parquet")
    assert set(table.column("annotator").to_pylist()) == {"vllm"}
    assert set(table.column("model").to_pylist()) == {"model"}
    (start,) = map(json.loads, seen.read_text().splitlines())
    assert start["options"]["--config"] == str(config)
    for process in start["processes"]:
        status = Path(f"/proc/{process}/stat")
        assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"
    assert start["key"] not in done.out + done.err
    again = cli(*command)
    assert again.code == 0, again.err
    assert len(seen.read_text().splitlines()) == 1, "all of it was stored"


def test_a_server_that_does_not_come_up_is_a_model_error(cli, run, model, seen, monkeypatch):
    monkeypatch.setenv("VLLM_FAILS", "ValueError: No available memory for the cache blocks.")
    done = cli("relabel", run, "--annotator", f"vllm:{model}", "--max-rows", 6)
    assert done.code == 4
    assert "No available memory for the cache blocks." in done.err
    assert "--vllm-config FILE" in done.err
    assert not (run / "relabels.parquet").exists()


def test_vllm_that_is_not_installed(cli, run, model, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("relabel", run, "--annotator", f"vllm:{model}")
    assert done.code == 2
    assert "the package vllm, which is not installed" in done.err
    assert "pip install vllm" in done.err
    assert "--base-url URL" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "other"), "--model names another"),
        (("--base-url", "http://localhost:8000/v1"), "--base-url names another"),
        (("--executor", "ray"), "is a server on this machine"),
        (("--export-batch", "requests.jsonl"), "takes no batch files"),
        (("--vllm-config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_what_does_not_go_with_it(cli, run, model, seen, options, words):
    done = cli("relabel", run, "--annotator", f"vllm:{model}", *options)
    assert done.code in (2, 3)
    assert words in " ".join(done.err.split())
    assert not seen.exists()


@pytest.mark.parametrize("who", ["openai", "local:folder", "human", "column:label"])
def test_its_options_are_for_it_alone(cli, run, tmp_path, who):
    config = tmp_path / "serve.yaml"
    config.write_text("max-model-len: 8192\n")
    done = cli("relabel", run, "--annotator", who, "--vllm-config", config)
    assert done.code == 2
    assert "--vllm-config: is for --annotator vllm:PATH" in done.err
