"""The script for a GPU is known to run: without one it says so, and a CPU tries it out."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def gpu(load_benchmark):
    return load_benchmark("gpu")


def test_without_a_gpu_it_says_so_and_ends_well(gpu, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 0
    assert "skipped: torch" in capsys.readouterr().out


def test_the_kernels_are_those_of_the_line(gpu, monkeypatch, tmp_path):
    from noisefix.encoders import bert

    seen = []
    shipped = bert.steady_attention
    monkeypatch.setattr(bert, "steady_attention", lambda device: seen.append(1) or shipped(device))
    gpu.write_texts(tmp_path / "t.csv", 6)
    found = gpu.encode(tmp_path / "t.csv", "cpu", "fp32", "any")
    assert not seen
    assert gpu.encode(tmp_path / "t.csv", "cpu", "fp32", "steady")["texts"] == found["texts"] == 6
    assert len(seen) == 3
    assert min(found["texts_per_s"]) > 0


def test_what_had_no_time_is_named(gpu):
    result = gpu.run("cpu", 6, time_s=-1)
    assert result["left_out"] == list(gpu.PARTS)
    result["parts"]["detect"] = {"wall_s": 2.0, "stages": {"embed": 1.0, "joint": 0.5}}
    result["parts"]["encode"] = {"texts": 6, "texts_per_s": [10.0, 2000.0, 3000.0]}
    result["parts"]["tune"] = {"rows": 5, "seconds": [1.0, 2.0], "accuracy": [0.5, 0.25]}
    (table,) = gpu.tables(result)
    shown = str(table)
    assert "no time was left" in shown
    assert "2.0 s (embed 1.0, joint 0.5)" in shown
    assert "10 texts/s in the first pass, then 2,000, 3,000" in shown
    assert "5 rows, by seed: 1.0, 2.0 s; accuracy .500, .250" in shown


@pytest.mark.slow
def test_every_line_runs_on_a_cpu(gpu):
    result = gpu.run("cpu", 60, time_s=1e9)
    assert list(result["parts"]) == list(gpu.PARTS)
    assert not result["left_out"]
    assert len(result["parts"]["fine-tuning with ce"]["accuracy"]) == gpu.SEEDS
    assert result["parts"]["detect"]["stages"]["embed"] > 0
