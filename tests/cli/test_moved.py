"""A run folder moved with its input, or away from it, serves as before; --data says where it is."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest


@pytest.fixture
def tickets_text(detected):
    return (detected.parent / "tickets.csv").read_text()


@pytest.fixture
def moved(detected, tmp_path, tickets_text):
    """A copy of a run folder and its input under another name; the old input stays, changed."""
    run = shutil.copytree(detected, tmp_path / "tickets.noisefix")
    about = json.loads((run / "run.json").read_text())
    about["input"]["path"] = str(tmp_path / "old" / "tickets.csv")
    (run / "run.json").write_text(json.dumps(about))
    data = tmp_path / "renamed.csv"
    data.write_text(tickets_text)
    return run, data


def test_together_they_are_found(cli, moved, tmp_path):
    run, data = moved
    data.rename(tmp_path / "tickets.csv")
    assert cli("apply", run, "-o", tmp_path / "clean.csv", "-q").code == 0
    outcome = cli("check", run, "--max-issues", 99, "--json")
    assert all(row["line"] for row in json.loads(outcome.out)["flagged"])


def test_apart_the_input_is_named(cli, moved, tmp_path, tickets_text):
    run, data = moved
    other = tmp_path / "other.csv"
    other.write_text("text,label\na,x\nb,y\n")
    column = ("relabel", run, "--annotator", "column:id")
    for command in (("apply", run, "-o", tmp_path / "clean.csv"), column):
        outcome = cli(*command)
        assert outcome.code == 3
        assert "no longer there" in outcome.err
        assert "name its new place with --data" in outcome.err
    for command in (
        ("apply", run, "-o", tmp_path / "clean.csv"),
        ("check", run, "--max-issues", 99),
        ("train", run, "-o", tmp_path / "m"),
        column,
    ):
        outcome = cli(*command, "--data", other)
        assert (outcome.code, outcome.out) == (3, "")
        assert "other.csv: is not the input that" in outcome.err
    assert cli("apply", run, "-o", tmp_path / "clean.csv", "-q", "--data", data).code == 0
    assert cli("apply", run, "--revert", "-o", tmp_path / "clean.csv", "--data", data).code == 0
    assert (tmp_path / "clean.csv").read_text() == tickets_text
    outcome = cli("check", run, "--max-issues", 99, "--json", "--data", data)
    assert all(row["line"] for row in json.loads(outcome.out)["flagged"])
    assert "not one usable answer" in cli(*column, "--data", data).err  # it was read
    train = ("train", run, "-o", tmp_path / "m", "--epochs", 1, "-q", "--data", data)
    assert cli(*train).code == 0


def test_a_table_has_no_input_of_its_own(cli, moved, tmp_path):
    _, data = moved
    for command in (("check", data, "--max-issues", 9), ("train", data, "-o", tmp_path / "m")):
        outcome = cli(*command, "--data", data)
        assert (outcome.code, outcome.out) == (2, "")
        assert "is for a run folder" in outcome.err


@pytest.mark.parametrize("name", ["t.csv.GZ", "t.csv.Gz", "t.csv.gz"])
def test_packed_files_are_known_by_any_spelling(cli, tmp_path, tickets_text, name):
    data = tmp_path / name
    data.write_bytes(gzip.compress(tickets_text.encode()))
    assert cli("detect", data, "--encoder", "tfidf", "-q").code == 0
    run = tmp_path / "t.noisefix"
    assert cli("check", run, "--max-issues", 99).code == 0
    output = tmp_path / name.replace("t", "u", 1)
    assert cli("apply", run, "-o", output, "--strategy", "drop", "-q").code == 0
    assert gzip.decompress(output.read_bytes()).startswith(b"id,text,label\n")
