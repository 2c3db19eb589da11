"""``apply --review-csv`` and ``--review``: a person's decisions, out and back in."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

CSV = "text,label\nwhere is it,ship\nmy money,bill\n=hello,ship\nlost,ship\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "ship", 0.99),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.60, is_issue=True),
        verdict("ship", "bill", 0.55, is_issue=True),
    ]
    return make_run(CSV, rows)


def fill(path, **decisions):
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    filled = [line + decisions.get(f"row{line.split(',')[0]}", "") for line in lines]
    path.write_text("\n".join(filled) + "\n")


def test_out_and_back_in(cli, run, tmp_path):
    review, output = tmp_path / "review.csv", tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "--review-csv", review)
    assert outcome.code == 0
    assert f"3 rows for a person to look at, written to {review}." in outcome.out
    assert f"--review {review} -o CLEANED" in outcome.out
    assert not run.ledger.exists()
    assert "'=hello" in review.read_text()

    fill(review, row2="keep", row3="bill", row4="drop")
    again = cli("apply", run.path, "--review-csv", review)
    assert (again.code, again.out) == (3, "")
    assert "--review" in again.err

    outcome = cli("apply", run.path, "--strategy", "relabel", "--review", review, "-o", output)
    assert outcome.code == 0
    assert "A person has decided on 3 rows" in outcome.out
    assert output.read_text() == "text,label\nwhere is it,ship\nmy money,bill\n=hello,bill\n"
    ledger = pq.read_table(run.ledger).to_pylist()
    assert [(r["id"], r["action"], r["new"], r["annotator"]) for r in ledger] == [
        ("3", "relabel", "bill", "human"),
        ("4", "drop", None, "human"),
    ]
    assert ledger[0]["reasons"] == ["a person says bill"]
    assert cli("apply", run.path, "--revert", "-o", output).code == 0
    assert output.read_text() == CSV


def test_the_flags_know_what_was_decided(cli, run, tmp_path):
    review, output = tmp_path / "review.csv", tmp_path / "flagged.csv"
    cli("apply", run.path, "--review-csv", review, "--quiet")
    fill(review, row2="ship", row3="keep")
    outcome = cli("apply", run.path, "--review", review, "-o", output, "--json")
    result = json.loads(outcome.out)
    assert (result["reviewed"], result["flagged"], result["relabelled"]) == (2, 1, 1)
    rows = [line.split(",") for line in output.read_text().splitlines()[1:]]
    assert [row[1:4] for row in rows] == [
        ["ship", "false", "ship"],
        ["ship", "false", "ship"],
        ["ship", "false", "ship"],
        ["ship", "true", "bill"],
    ]


def test_the_second_round_leaves_out_what_is_decided(cli, run, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    cli("apply", run.path, "--review-csv", first)
    fill(first, row2="keep")
    cli("apply", run.path, "--review", first, "--review-csv", second)
    ids = [line.split(",")[0] for line in second.read_text(encoding="utf-8-sig").splitlines()]
    assert ids == ["id", "3", "4"]


def test_an_untouched_review_may_be_written_again_and_a_dry_run_writes_none(cli, run, tmp_path):
    review = tmp_path / "review.csv"
    outcome = cli("apply", run.path, "--review-csv", review, "--dry-run")
    assert "3 rows for a person to look at." in outcome.out
    assert not review.exists()
    assert cli("apply", run.path, "--review-csv", review).code == 0
    before = review.read_bytes()
    assert cli("apply", run.path, "--review-csv", review).code == 0
    assert review.read_bytes() == before


@pytest.mark.parametrize(
    ("cell", "part"), [("boat", "row 1: the decision is neither"), ("", "no such file")]
)
def test_what_cannot_be_read(cli, run, tmp_path, cell, part):
    review, output = tmp_path / "review.csv", tmp_path / "clean.csv"
    if cell:
        review.write_text(f"id,decision\n2,{cell}\n")
    outcome = cli("apply", run.path, "--review", review, "-o", output)
    assert (outcome.code, outcome.out) == (3, "")
    assert part in outcome.err
    assert not output.exists()


def test_the_input_is_refused(cli, run, tmp_path):
    outcome = cli("apply", run.path, "--review-csv", tmp_path / "data.csv")
    assert outcome.code == 2
    assert (tmp_path / "data.csv").read_text() == CSV
    same = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "--review-csv", same, "-o", same)
    assert outcome.code == 2
    assert not same.exists()
