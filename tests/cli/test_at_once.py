"""Several commands at once on one run folder: nothing is lost, and who waits is told for whom."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from noisefix.cleaning.apply import apply
from noisefix.cleaning.ledger import read_ledger
from noisefix.run import files as run_files
from noisefix.run.folder import RunFolder


@pytest.fixture
def run(detected, tmp_path):
    shutil.copytree(detected, tmp_path / "tickets.noisefix")
    shutil.copy(detected.parent / "tickets.csv", tmp_path / "tickets.csv")
    return RunFolder(tmp_path / "tickets.noisefix")


def test_every_apply_has_its_entry(run, tmp_path):
    outputs = [tmp_path / f"clean{i}.csv" for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(apply, run.path, output) for output in outputs]:
            done.result()
    writes = read_ledger(run.ledger).writes
    assert sorted(write.output for write in writes) == sorted(map(str, outputs))
    assert read_ledger(run.ledger).table.num_rows == sum(write.changes for write in writes)
    assert not list(run.path.glob(".*"))


def test_who_else_writes_the_folder_waits_and_is_told(cli, run, tmp_path, monkeypatch):
    monkeypatch.setattr(run_files, "_PATIENCE_S", 0.1)
    held, free = threading.Event(), threading.Event()

    def detecting():
        with run.lock("noisefix detect"):
            held.set()
            free.wait(60)

    data = tmp_path / "tickets.csv"
    with ThreadPoolExecutor() as pool:
        done = pool.submit(detecting)
        held.wait()
        for arguments in (
            ("detect", data, "--encoder", "tfidf"),
            ("check", data, "--encoder", "tfidf", "--max-issues", 9, "-o", run.path),
            ("relabel", run.path, "--annotator", "column:id"),
            ("embed", data, "--encoder", "tfidf", "-o", run.embeddings),
            ("joint", run.embeddings, "-o", run.path),
            ("candidates", run.embeddings, run.issues, "-o", run.candidates),
        ):
            outcome = cli(*arguments)
            assert (outcome.code, outcome.out) == (3, ""), outcome.err
            assert f"noisefix detect (process {os.getpid()} on " in outcome.err
            assert "hint: wait until it is done" in outcome.err
        assert cli("apply", run.path, "-o", tmp_path / "clean.csv").code == 0
        assert cli("check", run.path, "--max-issues", 99).code == 0
        free.set()
        done.result()
    assert cli("detect", data, "--encoder", "tfidf").code == 0
    assert not list(run.path.glob(".*"))
