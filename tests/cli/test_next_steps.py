"""Every command that the summary of ``detect`` ends with works when it is pasted."""

from __future__ import annotations

import csv
import gzip
import json
import shlex

import pytest

COLUMNS = ("ticket no", "what they wrote", "its class", "checked")


@pytest.fixture
def rows(tickets):
    with tickets.open(newline="") as file:
        known = list(csv.DictReader(file))
    tickets.unlink()
    names = ("id", "text", "label", "label")
    return [
        {column: row[name] for column, name in zip(COLUMNS, names, strict=True)} for row in known
    ]


def write_csv(path, rows, delimiter=","):
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_parquet(path, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)


WRITERS = {
    "my tickets (1).csv": write_csv,
    "it's v1.2.tsv": lambda path, rows: write_csv(path, rows, "\t"),
    "tickets.csv.gz": write_csv,
    "tickets.jsonl": write_jsonl,
    "tickets.parquet": write_parquet,
}


def pasted(cli, out):
    """Run every command that a summary names, and return how each began and ended."""
    lines = [line.strip() for line in out.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("noisefix ")]
    ends = []
    for _, *words in commands:
        known = ["checked" if word == "COLUMN" else word for word in words]
        outcome = cli(*known)
        ends.append((known, outcome.code, outcome.err))
    return ends


@pytest.mark.parametrize("name", WRITERS)
def test_commands_can_be_pasted_whatever_the_data_are_called(
    cli, rows, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    WRITERS[name](tmp_path / name, rows)
    told = ["--text-column", COLUMNS[1], "--label-column", COLUMNS[2], "--id-column", COLUMNS[0]]
    outcome = cli("detect", name, *told, "--encoder", "tfidf", "--labelled-by", "model")
    assert outcome.code == 0, outcome.err
    ends = pasted(cli, outcome.out)
    assert [words[0] for words, _, _ in ends[:3]] == ["report", "audit", "apply"]
    assert {words[0] for words, _, _ in ends} >= {"relabel", "check", "init", "evaluate"}
    assert [(words, err) for words, code, err in ends if code] == []


def test_what_check_cannot_be_told_it_takes_from_the_run(cli, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data.csv", rows)
    told = ["--text-column", COLUMNS[1], "--label-column", COLUMNS[2], "--encoder", "tfidf"]
    outcome = cli("detect", "data.csv", *told, "--filter-by", "both")
    assert outcome.code == 0, outcome.err
    before = (tmp_path / "data.noisefix" / "issues.parquet").read_bytes()
    ends = pasted(cli, outcome.out)
    (check,) = [words for words, _, _ in ends if words[0] == "check"]
    assert check[1] == "data.noisefix"
    assert "init" not in {words[0] for words, _, _ in ends}
    assert [(words, err) for words, code, err in ends if code] == []
    assert (tmp_path / "data.noisefix" / "issues.parquet").read_bytes() == before


def test_input_from_a_pipe(cli, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data.csv", rows)
    told = ["--text-column", COLUMNS[1], "--label-column", COLUMNS[2], "--encoder", "tfidf"]
    outcome = cli("detect", "-", *told, stdin=(tmp_path / "data.csv").read_bytes())
    assert outcome.code == 0, outcome.err
    ends = pasted(cli, outcome.out)
    assert {words[0] for words, _, _ in ends} == {
        *("report", "audit", "apply", "relabel", "check", "evaluate")
    }
    assert [(words, err) for words, code, err in ends if code] == []
