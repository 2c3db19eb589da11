"""What a person has decided is final: in the run, in the next run, and for every command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from noisefix.detection.rejudge import rejudge
from noisefix.errors import UsageError
from noisefix.run.decisions import (
    CLASS,
    DROP,
    KEEP,
    PersonDecision,
    append_decisions,
    decision_key,
    now,
    read_decisions,
)
from noisefix.run.folder import RunFolder
from noisefix.run.settled import run_decisions


def worst(run: Path, n_rows: int) -> list[dict]:
    """Return the most suspicious rows of a run."""
    issues = pq.read_table(run / "issues.parquet").to_pylist()
    return sorted((r for r in issues if r["rank"]), key=lambda r: r["rank"])[:n_rows]


def said(row: dict, decision: str, label: str | None = None, who: str = "ann") -> PersonDecision:
    key = decision_key(row["text"], row["given_label"])
    return PersonDecision(key, row["id"], decision, label, who, now())


@pytest.fixture
def run(detected: Path, tmp_path: Path) -> Path:
    """A copy of a run, with its input."""
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    return Path(shutil.copytree(detected, tmp_path / "run"))


@pytest.fixture
def decided(run: Path) -> tuple[Path, list[dict]]:
    """The run with three decisions: keep, another class, drop."""
    rows = worst(run, 3)
    other = next(c for c in ("refund", "shipping", "account") if c != rows[1]["given_label"])
    words = [said(rows[0], KEEP), said(rows[1], CLASS, other), said(rows[2], DROP)]
    append_decisions(run / "decisions.jsonl", words)
    rows[1]["chosen"] = other
    return run, rows


def table_of(path: Path) -> dict[str, dict]:
    with path.open(newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_apply_does_what_was_decided_whatever_the_strategy(cli, decided, tmp_path):
    run, rows = decided
    before = table_of(tmp_path / "tickets.csv")
    for strategy in ("flag", "drop", "relabel"):
        output = tmp_path / f"{strategy}.csv"
        outcome = cli("apply", run, "--strategy", strategy, "-o", output)
        assert (outcome.code, outcome.err) == (0, "")
        assert "A person has decided on 3 rows" in outcome.out
        after = table_of(output)
        assert after[rows[0]["id"]]["label"] == before[rows[0]["id"]]["label"]
        assert after[rows[1]["id"]]["label"] == rows[1]["chosen"]
        assert rows[2]["id"] not in after
        if strategy == "flag":
            assert after[rows[0]["id"]]["noisefix_is_issue"] == "false"
            assert "a person keeps it" in after[rows[0]["id"]]["noisefix_reasons"]


def test_a_kept_row_stays_kept_in_the_next_run_when_others_have_changed(cli, decided, tmp_path):
    run, rows = decided
    changed = tmp_path / "changed.csv"
    text = (tmp_path / "tickets.csv").read_text()
    changed.write_text(text + 'N1,"money back please",refund\n')
    decisions = run / "decisions.jsonl"
    outcome = cli(
        "detect",
        changed,
        "--encoder",
        "tfidf",
        "-o",
        tmp_path / "next",
        "--decisions",
        decisions,
        "-q",
    )
    assert outcome.code == 0, outcome.err
    found = {r["id"]: r for r in pq.read_table(tmp_path / "next" / "issues.parquet").to_pylist()}
    for row in rows:
        assert found[row["id"]]["is_trusted"]
        assert not found[row["id"]]["is_issue"]
    assert found[rows[0]["id"]]["p_error"] == 0.0
    assert found[rows[1]["id"]]["suggested_label"] == rows[1]["chosen"]
    assert read_decisions(tmp_path / "next" / "decisions.jsonl") == read_decisions(decisions)
    # Once more, without the option: the run folder remembers.
    bytes_before = (tmp_path / "next" / "issues.parquet").read_bytes()
    cli("detect", changed, "--encoder", "tfidf", "-o", tmp_path / "next", "-q")
    assert (tmp_path / "next" / "issues.parquet").read_bytes() == bytes_before


def test_relabel_asks_nobody_about_a_decided_row(cli, decided):
    run, _ = decided
    outcome = cli("relabel", run, "--dry-run", "--json", "--share", "1")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["rows"] == len(pq.read_table(run / "issues.parquet")) - 3


def test_a_dry_run_of_relabel_heeds_the_file_and_keeps_nothing_of_it(cli, decided, tmp_path):
    run, _ = decided
    file = (run / "decisions.jsonl").rename(tmp_path / "said.jsonl")
    asked = ("relabel", run, "--dry-run", "--json", "--share", "1", "--decisions", file)
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["rows"] == len(pq.read_table(run / "issues.parquet")) - 3
    assert not (run / "decisions.jsonl").exists()


def test_training_learns_what_was_decided(decided):
    from noisefix.classifiers.training_data import read_run

    run, rows = decided
    data = read_run(RunFolder.open(run), with_words=False)
    place = {key: row for row, key in enumerate(data.ids)}
    labels = data.data.given_labels
    assert data.class_names[labels[place[rows[1]["id"]]]] == rows[1]["chosen"]
    assert labels[place[rows[2]["id"]]] == -1
    assert data.data.p_error[place[rows[1]["id"]]] == 0.0
    assert not data.data.is_issue[[place[row["id"]] for row in rows]].any()


def test_a_review_file_is_recorded_and_holds_for_the_next_apply(cli, run, tmp_path):
    row = worst(run, 1)[0]
    review = tmp_path / "review.csv"
    review.write_text(f"id,decision\n{row['id']},drop\n")
    shown = cli("apply", run, "--review", review, "--dry-run", "--json")
    assert json.loads(shown.out)["dropped"] == 1
    assert not (run / "decisions.jsonl").exists()  # a dry run writes nothing
    assert cli("apply", run, "--review", review, "-o", tmp_path / "a.csv").code == 0
    assert cli("apply", run, "--review", review, "-o", tmp_path / "b.csv").code == 0
    (word,) = read_decisions(run / "decisions.jsonl")
    assert (word.id, word.decision) == (row["id"], DROP)
    assert cli("apply", run, "-o", tmp_path / "c.csv").code == 0
    assert row["id"] not in table_of(tmp_path / "c.csv")


def test_a_run_is_judged_again_as_it_was_made(run):
    folder = RunFolder.open(run)
    before = (run / "issues.parquet").read_bytes()
    rejudge(folder)
    assert (run / "issues.parquet").read_bytes() == before
    row = worst(run, 1)[0]
    append_decisions(folder.decisions, [said(row, KEEP)])
    rejudge(folder)
    after = {r["id"]: r for r in pq.read_table(run / "issues.parquet").to_pylist()}
    assert after[row["id"]]["is_trusted"]
    RunFolder.open(run, fresh=("issues", "candidates"))  # and the candidates go with it
    assert set(run_decisions(folder)) == {row["id"]}


def test_a_run_judged_with_what_is_not_there_says_what_to_do(cli, tickets, tmp_path):
    marked = tmp_path / "marked.csv"
    lines = tickets.read_text().splitlines()
    marked.write_text(
        "\n".join([lines[0] + ",seen", *(f"{line}," for line in lines[1:-1]), lines[-1] + ",x"])
    )
    done = cli(
        "detect",
        marked,
        "--encoder",
        "tfidf",
        "-o",
        tmp_path / "r",
        "--trusted-column",
        "seen",
        "-q",
    )
    assert done.code == 0, done.err
    with pytest.raises(UsageError, match="a trusted column"):
        rejudge(RunFolder.open(tmp_path / "r"))


def test_a_file_that_is_none_is_refused(cli, tickets, tmp_path):
    wrong = tmp_path / "d.jsonl"
    wrong.write_text("{}\n")
    for command in (["detect", tickets], ["check", tickets, "--max-issues", "0"]):
        outcome = cli(*command, "--encoder", "tfidf", "--decisions", wrong, "-q")
        assert (outcome.code, outcome.out) == (3, "")
        assert "line 1" in outcome.err
    assert "no such file" in cli("detect", tickets, "--decisions", tmp_path / "x.jsonl").err
