"""What people decided is kept once a command does its work; what is refused leaves no trace."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.run.decisions import KEEP, PersonDecision, append_decisions, decision_key, now
from noisefix.run.folder import RunFolder


@pytest.fixture
def run(detected: Path, tmp_path: Path) -> RunFolder:
    """A copy of a run, with its input."""
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    return RunFolder(shutil.copytree(detected, tmp_path / "run"))


@pytest.fixture
def said(run, tmp_path):
    """A decision about the run's most suspicious row, in a file of its own."""
    row = min(
        (r for r in pq.read_table(run.issues).to_pylist() if r["rank"]), key=lambda r: r["rank"]
    )
    key = decision_key(row["text"], row["given_label"])
    path = tmp_path / "said.jsonl"
    append_decisions(path, [PersonDecision(key, row["id"], KEEP, None, "ann", now())])
    return path


def state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".run.lock"
    }


REFUSED = {
    "output is the input": ("apply", "RUN", "-o", "tickets.csv"),
    "no output": ("apply", "RUN"),
    "column is there": ("apply", "RUN", "-o", "new.csv", "--column-prefix", "taken_"),
    "output promises another format": ("apply", "RUN", "-o", "new.parquet"),
    "review of another run": ("apply", "RUN", "-o", "new.csv", "--review", "other.csv"),
    "no such model": ("relabel", "RUN", "--annotator", "local:nowhere"),
    "no model is named": ("relabel", "RUN"),
    "no terminal": ("relabel", "RUN", "--annotator", "human"),
    "no such column": ("relabel", "RUN", "--annotator", "column:nothing"),
    "responses are missing": ("relabel", "RUN", "--model", "m", "--import-batch", "none.jsonl"),
    "marks are missing": ("audit", "RUN", "--from", "none.csv"),
    "marks of another run": ("audit", "RUN", "--from", "other.csv"),
    "sample is filled in": ("audit", "RUN", "--csv", "other.csv"),
    "sample is the input": ("audit", "RUN", "--csv", "tickets.csv"),
    "no such class": ("joint", "RUN", "--unverified-class", "nothing"),
    "method is unknown": ("train", "RUN", "-o", "model", "--method", "nothing"),
    "a person amid training": (
        *("train", "RUN", "-o", "m"),
        *("--method", "noiseal", "--annotator", "human"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_keeps_no_decisions(cli, run, said, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("id,text,decision\nnobody,x,keep\n")
    if name == "column is there":
        taken = (tmp_path / "tickets.csv").read_text().replace("id,text", "id,text", 1)
        lines = [f"{line},x" for line in taken.splitlines()]
        lines[0] = lines[0][:-1] + "taken_is_issue"
        (tmp_path / "tickets.csv").write_text("\n".join(lines) + "\n")
        shutil.rmtree(run.path)
        assert cli("detect", "tickets.csv", "-o", "run", "--encoder", "tfidf").code == 0
    before = state(tmp_path)
    words = ["run" if word == "RUN" else word for word in REFUSED[name]]
    outcome = cli(*words, "--decisions", said)
    assert outcome.code in (2, 3, 4), outcome.err
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "words",
    [
        ("detect", "tickets.csv", "-o", "new", "--encoder", "tfidf"),
        ("check", "tickets.csv", "--max-issues", "9", "--encoder", "tfidf"),
        ("init", "tickets.csv", "-o", "new", "--encoder", "tfidf"),
        ("apply", "run", "-o", "new.csv"),
        ("audit", "run"),
        ("joint", "run"),
        ("relabel", "run", "--annotator", "column:label"),
        ("report", "run", "-o", "page.html"),
        ("train", "run", "-o", "model"),
    ],
    ids=lambda words: words[0],
)
def test_a_file_of_decisions_that_cannot_be_read_leaves_no_trace(
    cli, run, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said.jsonl").write_text('{"key": 3}\n')
    before = state(tmp_path)
    for name in ("said.jsonl", "none.jsonl"):
        outcome = cli(*words, "--decisions", name)
        assert (outcome.code, outcome.out) == (3, ""), outcome.err
        assert name in outcome.err
        assert state(tmp_path) == before


def test_decisions_are_kept_before_the_output_is_written_and_stay(
    cli, run, said, tmp_path, monkeypatch
):
    """A disk that is full loses the output, not what people said."""
    from noisefix.cleaning import apply as module

    def full(*_: object) -> None:
        assert run.decisions.read_bytes() == said.read_bytes()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_logged", full)
    assert cli("apply", run.path, "-o", tmp_path / "new.csv", "--decisions", said).code != 0
    assert run.decisions.read_bytes() == said.read_bytes()
    assert not (tmp_path / "new.csv").exists()


def test_what_was_recorded_once_is_not_recorded_again(cli, run, said, tmp_path):
    for name in ("a.csv", "b.csv"):
        assert cli("apply", run.path, "-o", tmp_path / name, "--decisions", said).code == 0
    assert run.decisions.read_bytes() == said.read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
