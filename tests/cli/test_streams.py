"""``-o -`` and pipes: the table on stdout, everything else on stderr, and no file of that name."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CSV = "text,label\nwhere is it,ship\nmy money,bill\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [verdict("ship", "ship", 0.99), verdict("bill", "ship", 0.97, is_issue=True)]
    return make_run(CSV, rows)


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_apply_and_noise_write_to_standard_output(cli, run, here, name):
    outcome = cli("apply", run.path, "-o", name, "--strategy", "drop", "--diff")
    assert (outcome.code, outcome.out) == (0, "text,label\nwhere is it,ship\n")
    assert "@@ row 2" in outcome.err
    assert "Written to standard output; recorded in " in outcome.err
    assert "--revert -o FILE" in outcome.err
    outcome = cli("noise", here.parent / "data.csv", "-o", name, "--rate", 0)
    assert outcome.code == 0
    assert outcome.out == CSV.replace("label\n", "label,true_label\n").replace(
        "ship\n", "ship,ship\n"
    ).replace("bill\n", "bill,bill\n")
    assert "standard output: 0 of 2 labels" in outcome.err
    assert list(here.iterdir()) == []


def test_predictions_on_standard_output_are_csv(cli, detected, here):
    assert cli("train", detected, "-o", here / "m", "--epochs", 1, "-q").code == 0
    table = detected.parent / "tickets.csv"
    to_file = cli("predict", here / "m", table, "-o", here / "p.csv", "-q")
    outcome = cli("predict", here / "m", table, "-o", "-", "-q")
    assert (to_file.code, outcome.code) == (0, 0)
    assert outcome.out == (here / "p.csv").read_text()
    assert "60 rows predicted" in outcome.err
    assert sorted(path.name for path in here.iterdir()) == ["m", "p.csv"]


def test_only_one_thing_has_standard_output(cli, run, here):
    outcome = cli("apply", run.path, "-o", "-", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "both want stdout" in outcome.err
    assert json.loads(cli("apply", run.path, "-o", "-", "--json", "--dry-run").out)["rows"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("embed", "DATA", "--encoder", "tfidf", "-o", "-"),
        ("candidates", "ISSUES", "ISSUES", "-o", "-"),
        ("apply", "RUN", "--review-csv", "-"),
        ("apply", "RUN", "--revert", "-o", "-"),
        ("check", "RUN", "--max-issues", 9, "--junit", "-"),
        ("relabel", "RUN", "--model", "m", "--export-batch", "-"),
        ("embed", "DATA", "--encoder", "tfidf", "-o", "/dev/null"),
    ],
)
def test_other_outputs_need_a_file(cli, run, here, arguments):
    stands_for = {"DATA": here.parent / "data.csv", "RUN": run.path, "ISSUES": run.issues}
    outcome = cli(*(stands_for.get(argument, argument) for argument in arguments))
    assert (outcome.code, outcome.out) == (2, "")
    assert "hint: name" in outcome.err
    assert list(here.iterdir()) == []


def test_pipes_and_devices_take_what_is_written(cli, run, here):
    os.mkfifo("pipe")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(Path("pipe").read_text)
        assert cli("apply", run.path, "-o", "pipe", "--strategy", "drop").code == 0
        assert read.result(timeout=10) == "text,label\nwhere is it,ship\n"
        read = pool.submit(Path("pipe").read_text)
        assert cli("check", run.path, "--max-issues", 9, "--junit", "pipe").code == 0
        assert read.result(timeout=10).startswith("<?xml")
    assert Path("pipe").is_fifo()
    assert cli("apply", run.path, "-o", "/dev/null").code == 0
    assert cli("apply", run.path, "--review-csv", "/dev/null").code == 0
