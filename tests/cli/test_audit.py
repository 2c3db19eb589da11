"""``audit``: a sample drawn once, marked blind, and what follows from it."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil

import pytest

from noisefix import audit, audit_rows
from noisefix.run.decisions import read_decisions
from noisefix.run.folder import RunFolder


@pytest.fixture
def run(detected, tmp_path):
    folder = tmp_path / "work"
    shutil.copytree(detected.parent, folder)
    return folder / detected.name


@pytest.fixture
def truth(detected):
    with (detected.parent / "truth.csv").open() as file:
        return {row["id"]: row["label_was"] for row in csv.DictReader(file)}


def fill(path, truth):
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    lines = ["id,decision", *(f"{row['id']},{truth[row['id']]}" for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return [row["id"] for row in rows]


def test_a_sample_out_and_back_in(cli, run, tmp_path, truth):
    sample = tmp_path / "sample.csv"
    outcome = cli("audit", run, "--rows", 12, "--csv", sample)
    assert outcome.code == 0, outcome.err
    assert sample.read_text(encoding="utf-8-sig").splitlines()[0] == "id,text,decision"
    ids = fill(sample, truth)
    assert len(ids) == 12
    assert (
        cli("audit", run, "--rows", 12, "--csv", sample).code == 2
    )  # filled in: never overwritten

    outcome = cli("audit", run, "--rows", 12, "--from", sample, "--reviewer", "ann")
    assert outcome.code == 0, outcome.err
    assert "12 marked" in outcome.out
    assert "p_error is now calibrated on your data" in outcome.out
    words = read_decisions(RunFolder(run).decisions)
    assert sorted(word.id for word in words) == sorted(ids)
    assert {word.who for word in words} == {"ann"}
    strata = {row.id: row.stratum for row in audit_rows(run, 12)}
    assert {word.id for word in words if word.is_random} == {
        key for key, stratum in strata.items() if stratum == "unflagged"
    }

    again = json.loads(cli("audit", run, "--rows", 20, "--json").out)
    assert (again["rows"], again["marked"], again["left"]) == (20, 12, 8)
    assert [row.id for row in audit_rows(run, 5)][:12] == [row.id for row in audit_rows(run)][:12]
    assert cli("audit", run, "--from", sample).code == 0
    assert len(read_decisions(RunFolder(run).decisions)) == 12


class Desk:
    def __init__(self, truth):
        self.truth, self.cards = truth, []

    def show(self, card):
        self.cards.append(card)

    def read_key(self):
        card = self.cards[-1]
        right = self.truth[card.question.id]
        return next(key for key, word in card.keys.items() if word == right)


def test_a_person_sees_no_label_and_every_row_of_the_sample_is_known(run, truth):
    desk = Desk(truth)
    result = audit(run, rows=60, open_desk=lambda n: contextlib.nullcontext(desk))
    assert result.left == 0
    for card in desk.cards:
        assert card.facts.given_label is None
        assert not card.facts.probabilities
        assert not card.facts.neighbors
    wrong = sum(word.decision == "class" for word in read_decisions(RunFolder(run).decisions))
    assert result.labels.value == pytest.approx(wrong / 60)
    assert result.labels.width == pytest.approx(0, abs=1e-9)
    assert result.more_rows == 0


def test_without_a_terminal_it_says_how_to_mark(cli, run):
    outcome = cli("audit", run)
    assert outcome.code == 0
    assert "30 rows to mark" in outcome.out
    assert "--csv sample.csv" in outcome.out
    assert " are wrong" not in outcome.out


def test_a_broken_file_is_named(cli, run):
    RunFolder(run).audit.write_text('{"samples": [{"seed": "x"}]}')
    outcome = cli("audit", run)
    assert (outcome.code, outcome.out) == (3, "")
    assert "audit.json" in outcome.err


def test_a_run_that_cannot_be_judged_again_says_so_and_is_measured(cli, run, tmp_path, truth):
    record = json.loads((run / "run.json").read_text())
    record["stages"]["joint"]["inputs"]["pred_probs"] = "0" * 64
    (run / "run.json").write_text(json.dumps(record))
    sample = tmp_path / "sample.csv"
    assert cli("audit", run, "--rows", 12, "--csv", sample).code == 0
    fill(sample, truth)
    before = (run / "issues.parquet").read_bytes()
    outcome = cli("audit", run, "--rows", 12, "--from", sample)
    assert outcome.code == 0, outcome.err
    said = " ".join(outcome.out.split())
    assert "p_error has not learned from the marked rows" in said
    assert "was judged with your own probabilities" in said
    assert "12 marked" in said
    assert (run / "issues.parquet").read_bytes() == before
