"""Rows of no class: listed by detect, dropped on request, never against a person's word."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CSV = "text,label\nwhere is it,ship\nmy money,bill\nlorem ipsum,ship\nmore of it,bill\n"


def with_outside(run, p_outside):
    """Give the issues of a run the column that the joint stage writes."""
    table = pq.read_table(run.issues)
    place = table.schema.get_field_index("p_outside")
    column = pa.array(p_outside, pa.float64())
    if place >= 0:
        table = table.set_column(place, table.schema.field(place), column)
    else:
        table = table.append_column("p_outside", column)
    pq.write_table(table, run.issues)
    return run


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "ship", 0.99),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.6),
        verdict("bill", "ship", 0.6),
    ]
    return with_outside(make_run(CSV, rows), [0.1, 0.0, 0.9, 0.8])


def test_they_are_dropped_on_request_and_come_back(cli, run, tmp_path):
    output = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "-o", output, "--strategy", "relabel", "--drop-outside")
    assert outcome.code == 0, outcome.err
    assert output.read_text() == "text,label\nwhere is it,ship\nmy money,ship\n"
    ledger = pq.read_table(run.ledger).to_pylist()
    assert [(row["row_number"], row["action"]) for row in ledger] == [
        (2, "relabel"),
        (3, "drop"),
        (4, "drop"),
    ]
    assert cli("apply", run.path, "-o", output, "--revert").code == 0
    assert output.read_text() == CSV


def test_without_the_option_they_stay(cli, run, tmp_path):
    output = tmp_path / "clean.csv"
    assert cli("apply", run.path, "-o", output, "--strategy", "drop").code == 0
    assert "lorem ipsum" in output.read_text()


@pytest.mark.parametrize("decision", ["keep", "ship"])
def test_a_row_that_a_person_keeps_is_never_dropped(cli, run, tmp_path, decision):
    review = tmp_path / "review.csv"
    review.write_text(f"id,decision\n3,{decision}\n")
    output = tmp_path / "clean.csv"
    for more in (("--review", review), ()):  # the second time it is remembered
        outcome = cli("apply", run.path, "-o", output, "--drop-outside", *more)
        assert outcome.code == 0, outcome.err
        assert "lorem ipsum" in output.read_text()
        assert "more of it" not in output.read_text()


def test_rows_handed_to_other_tools_are_not_dropped(cli, run, tmp_path):
    outcome = cli(
        "apply", run.path, "-o", tmp_path / "x.jsonl", "--format", "jsonl", "--drop-outside"
    )
    assert outcome.code == 2
    assert "--drop-outside" in outcome.err


def test_issues_of_an_older_version_or_another_program_have_none(cli, make_run, verdict, tmp_path):
    rows = [verdict("ship", "ship", 0.99), verdict("bill", "bill", 0.9)]
    run = make_run("text,label\na b,ship\nc d,bill\n", rows)
    table = pq.read_table(run.issues)
    if "p_outside" in table.column_names:
        table = table.drop_columns(["p_outside"])
    pq.write_table(table, run.issues)
    output = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "-o", output, "--drop-outside")
    assert outcome.code == 0, outcome.err
    assert output.read_text().count("\n") == 3


def test_detect_lists_foreign_rows(cli, tmp_path):
    """Two subjects that share a frame of words, and rows of another world among them."""
    rng = np.random.default_rng(0)
    words = {
        "refund": ["refund", "money", "charged", "invoice", "overpaid", "credit"],
        "shipping": ["parcel", "delivery", "tracking", "courier", "late", "depot"],
    }
    foreign = ["zebra", "volcano", "sonata", "quark", "glacier", "ballad", "orchid", "comet"]
    lines = ["id,text,label"]
    for i in range(600):
        label = ("refund", "shipping")[i % 2]
        said = [
            *rng.choice(words[label], 2),
            rng.choice(words[("refund", "shipping")[rng.integers(2)]]),
        ]
        text = f"please help me with the {said[0]} and my {said[1]} because of the {said[2]} order"
        lines.append(f"t{i},{text},{label}")
    for i in range(50):
        label = ("refund", "shipping")[rng.integers(2)]
        lines.append(f"f{i},{' '.join(rng.choice(foreign, 5))} =1+1,{label}")
    path = tmp_path / "d.csv"
    path.write_text("\n".join(lines) + "\n")
    outcome = cli("detect", path, "--encoder", "tfidf", "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    ids = [row["id"] for row in found["outside_rows"]]
    assert found["outside"] >= 30
    assert np.mean([key.startswith("f") for key in ids]) > 0.8
    issues = pq.read_table(tmp_path / "d.noisefix" / "issues.parquet").to_pylist()
    by_id = {row["id"]: row for row in issues}
    assert by_id[ids[0]]["reasons"][0].startswith("outside: ")
    shown = cli("detect", path, "--encoder", "tfidf").out
    assert f"{found['outside']} rows seem to belong to no class" in shown
    assert "--drop-outside" in shown
