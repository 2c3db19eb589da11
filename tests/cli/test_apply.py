"""``noisefix apply`` from the shell: what it shows, what it writes, what it refuses."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pyarrow.parquet as pq
import pytest

CSV = "text,label\nwhere is it,ship\nmy money,bill\n[red]\x1b[31mhello,ship\n"


@pytest.fixture
def run(make_run, verdict):
    rows = [
        verdict("ship", "ship", 0.99),
        verdict("bill", "ship", 0.97, is_issue=True),
        verdict("ship", "bill", 0.60, is_issue=True),
    ]
    return make_run(CSV, rows)


def test_dry_run_shows_the_diff(cli, run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    outcome = cli("apply", run.path, "--strategy", "relabel", "--dry-run")
    assert outcome.code == 0
    assert outcome.out == (
        "@@ row 2, id 2, p(wrong) 0.97 @@\n"
        "- label: bill\n"
        "+ label: ship\n"
        "  why: 9 of 10 nearest rows say ship\n"
        "1 of 2 flagged rows would be relabelled; 1 stay as they are.\n"
        "Only labels that are clearly worse than another were changed: the rest needs somebody who "
        "reads the texts, a person or an LLM (relabel).\n"
        "Nothing was written (--dry-run).\n"
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_witness_nothing_is_relabelled_unasked(cli, make_run, verdict, tmp_path):
    rows = [verdict("ship", "ship", 0.99), verdict("bill", "ship", 0.97, is_issue=True)]
    run = make_run("text,label\na,ship\nb,bill\n", rows, can_relabel=False)
    outcome = cli("apply", run.path, "--strategy", "relabel", "--dry-run")
    assert outcome.out.startswith("0 of 1 flagged row would be relabelled")
    assert "--min-probability" in outcome.out
    outcome = cli("apply", run.path, "--strategy", "relabel", "--dry-run", "--min-probability", 0.9)
    assert "1 of 1 flagged row would be relabelled" in outcome.out


def test_weights_become_a_column(cli, run, tmp_path):
    output = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "-o", output, "--strategy", "weight")
    assert outcome.code == 0
    assert "3 rows weighted, in column noisefix_weight" in outcome.out
    cells = [line.rsplit(",", 1)[1] for line in output.read_text().splitlines()]
    assert cells == ["noisefix_weight", "0.9900", "0.0300", "0.4000"]
    assert cli("apply", run.path, "-o", output, "--revert").code == 0
    assert output.read_text() == CSV


def test_writes_and_says_how_to_take_it_back(cli, run, tmp_path):
    output = tmp_path / "clean file.csv"
    outcome = cli("apply", run.path, "-o", output, "--strategy", "drop")
    assert outcome.code == 0
    assert output.read_text() == "text,label\nwhere is it,ship\n"
    assert "2 of 3 rows left out." in outcome.out
    assert f"noisefix apply {run.path} --revert -o '{output}'" in outcome.out

    outcome = cli("apply", run.path, "--revert", "-o", output)
    assert outcome.code == 0
    assert "2 changes taken back" in outcome.out
    assert "byte for byte" in outcome.out
    assert output.read_text() == CSV


def test_diff_after_writing(cli, run, tmp_path):
    outcome = cli("apply", run.path, "-o", tmp_path / "c.csv", "--diff", "--strategy", "drop")
    assert outcome.out.startswith("@@ row 2, id 2, p(wrong) 0.97 @@\n- row left out, label bill\n")


def test_json_is_one_object_with_every_change(cli, run, tmp_path):
    output = tmp_path / "clean.csv"
    outcome = cli("apply", run.path, "-o", output, "--strategy", "relabel", "--json")
    result = json.loads(outcome.out)
    assert result["output"] == str(output)
    assert (result["relabelled"], result["flagged"]) == (1, 2)
    (change,) = result["changes"]
    assert (change["row_number"], change["old"], change["new"]) == (2, "bill", "ship")

    undone = json.loads(cli("apply", run.path, "--revert", "-o", output, "--json").out)
    assert undone["is_identical"] is True


def test_quiet_says_nothing_when_all_is_well(cli, run, tmp_path):
    outcome = cli("apply", run.path, "-o", tmp_path / "c.csv", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_ledger_holds_who_why_and_when(cli, run, tmp_path):
    cli("apply", run.path, "-o", tmp_path / "c.csv", "--strategy", "relabel")
    (row,) = pq.read_table(run.ledger).to_pylist()
    assert (row["id"], row["column"], row["old"], row["new"]) == ("2", "label", "bill", "ship")
    assert (row["action"], row["annotator"], row["cost_usd"]) == ("relabel", "noisefix", 0.0)
    assert row["reasons"] == ["9 of 10 nearest rows say ship"]
    assert row["decided_at"].endswith("+00:00")
    assert row["output"] == str(tmp_path / "c.csv")


def refusal(outcome, code, *parts):
    assert (outcome.code, outcome.out) == (code, "")
    message, hint = outcome.err.splitlines()
    assert message.startswith("error: ")
    assert hint.startswith("hint: ")
    for part in parts:
        assert str(part) in outcome.err


def test_input_is_refused_as_output(cli, run, tmp_path):
    refusal(cli("apply", run.path, "-o", tmp_path / "data.csv"), 2, "the input itself")
    assert (tmp_path / "data.csv").read_text() == CSV


def test_vanished_and_changed_input(cli, run, tmp_path):
    data = tmp_path / "data.csv"
    data.write_text(CSV + "more,ship\n")
    refusal(cli("apply", run.path, "-o", tmp_path / "c.csv"), 3, data, "changed since", "detect")
    data.unlink()
    refusal(cli("apply", run.path, "-o", tmp_path / "c.csv"), 3, data, "no longer there")
    assert not (tmp_path / "c.csv").exists()


def test_what_is_no_run_folder(cli, tmp_path):
    refusal(cli("apply", tmp_path / "none", "-o", "c.csv"), 3, "no such run folder", "detect")
    refusal(cli("apply", tmp_path, "-o", "c.csv"), 3, "not a run folder")
    file = tmp_path / "f"
    file.write_text("x")
    refusal(cli("apply", file, "-o", "c.csv"), 3, "not a run folder", "detect")


def test_tables_that_are_broken(cli, run, tmp_path):
    whole = run.issues.read_bytes()
    run.issues.write_bytes(whole[: len(whole) // 2])
    refusal(cli("apply", run.path, "-o", tmp_path / "c.csv"), 3, run.issues)
    run.issues.unlink()
    refusal(cli("apply", run.path, "-o", tmp_path / "c.csv"), 3, run.issues)
    run.run_json.write_text("{")
    refusal(cli("apply", run.path, "-o", tmp_path / "c.csv"), 3, run.run_json, "JSON")


def test_read_only_folder(mortal_cli, run, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    refusal(mortal_cli("apply", run.path, "-o", closed / "c.csv"), 3, "read-only", "-o")


def test_full_disk(mortal_cli, run, tmp_path):
    output = tmp_path / "c.csv"
    output.write_text("old")
    limit = (20, 20)  # bytes a file may grow to: stands for a disk with no space left
    outcome = mortal_cli(
        "apply",
        run.path,
        "-o",
        output,
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    refusal(outcome, 3, output, "disk is full", "free some space")
    assert output.read_text() == "old"
    assert not list(tmp_path.glob(".noisefix*"))


def test_folder_that_is_not_there(cli, run, tmp_path):
    output = tmp_path / "none" / "c.csv"
    refusal(cli("apply", run.path, "-o", output), 3, output, "does not exist", "mkdir")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_is_no_plain_file(cli, run):
    refusal(cli("apply", run.path, "-o", "/dev/full"), 3, "disk is full")
    refusal(cli("apply", run.path, "-o", run.path), 2, "it is a folder")
