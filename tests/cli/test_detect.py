"""``detect`` end to end: what it writes, what it says, that it repeats and resumes."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import noisefix

TABLES = (
    "embeddings",
    "issues",
    "joint",
    "classes",
    "pairs",
    "duplicates",
    "deciding",
    "candidates",
)


@pytest.fixture
def detect(cli, tickets):
    def run(*arguments, data=tickets, code=0):
        outcome = cli("detect", data, "--encoder", "tfidf", *arguments)
        assert outcome.code == code, outcome.err
        return outcome

    return run


def tables(folder: Path) -> dict[str, object]:
    return {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}


def test_run_folder_lies_beside_the_input_and_is_complete(detect, tickets):
    outcome = detect()
    run = tickets.with_name("tickets.noisefix")
    assert {f"{name}.parquet" for name in TABLES} | {"run.json"} <= {p.name for p in run.iterdir()}
    assert json.loads((run / "run.json").read_text())["input"]["rows"] == 60
    assert "tickets.csv: 60 rows, 3 classes, tfidf" in outcome.out
    assert f"noisefix apply {run}" in outcome.out
    assert "note: text column: text" in outcome.err


def test_wrong_labels_of_easy_classes_are_found(detected):
    result = noisefix.evaluate(detected, "label_was", detected.parent / "truth.csv")
    assert result.errors == 6
    assert result.average_precision > 0.9


def test_json_is_all_of_stdout(detect):
    result = json.loads(detect("--json").out)
    assert (result["rows"], result["classes"]) == (60, ["account", "refund", "shipping"])
    assert result["noise_rate_low"] <= result["noise_rate"] <= result["noise_rate_high"]
    assert result["top"][0]["p_error"] >= result["top"][-1]["p_error"]
    assert set(result["seconds"]) >= {"embed", "joint", "candidates"}


def test_who_labelled_and_how_many_to_flag(cli, detect, tickets, tmp_path):
    unknown = json.loads(detect("--json").out)
    people = json.loads(detect("--json", "--labelled-by", "people").out)
    assert (unknown["labelled_by"], people["labelled_by"]) == ("unknown", "people")
    assert people["noise_rate"] != unknown["noise_rate"]
    few = json.loads(detect("--json", "--flag-top", "3").out)
    assert few["issues"] == 3
    assert 0 <= few["flagged_wrong_low"] <= few["flagged_wrong"] <= few["flagged_wrong_high"] <= 3
    assert "3 rows are flagged, about " in detect("--flag-top", "3").out
    refused = detect("--labelled-by", "aliens", code=2)
    assert "'aliens' is not one of people, model, rules, unknown" in refused.err
    options = ("--labelled-by", "people", "--flag-top", "2")
    gate = cli("check", tickets, "--encoder", "tfidf", "--max-issues", "1", *options)
    assert (gate.code, "2 rows are flagged" in gate.out) == (1, True)


def test_the_class_that_rows_get_where_nobody_looked(cli, detect, tickets, tmp_path):
    plain = json.loads(detect("--json").out)
    told = json.loads(detect("--json", "--unverified-class", "refund", "--one-sided", "50").out)
    assert (plain["unverified_class"], told["unverified_class"]) == (None, "refund")
    rate = [{c["label"]: c["noise_rate"] for c in found["class_rows"]} for found in (plain, told)]
    assert rate[1]["refund"] == pytest.approx(rate[0]["refund"])
    assert rate[1]["account"] < rate[0]["account"] / 5
    run = tickets.with_name("tickets.noisefix")
    stage = json.loads((run / "run.json").read_text())["stages"]["joint"]["parameters"]
    assert (stage["unverified_class"], stage["one_sided"]) == ("refund", 50)
    no_class = detect("--unverified-class", "zebra", code=3)
    assert "hint: the classes are account, refund, shipping" in no_class.err
    for wrong in (("--one-sided", "5"), ("--unverified-class", "refund", "--one-sided", "0.5")):
        assert "--one-sided" in detect(*wrong, code=2).err
    options = ("--unverified-class", "refund", "--one-sided", "1e9")
    gate = ("--max-issues", "0", "--encoder", "tfidf", "--json", *options)
    checked = json.loads(cli("check", tickets, *gate).out)
    assert {row["given_label"] for row in checked["flagged"]} <= {"refund"}
    stages = cli("joint", run / "embeddings.parquet", "-o", tmp_path, "--json", *options)
    assert json.loads(stages.out)["results"]["unverified_class"] == "refund"


def test_the_verdict_on_the_whole_is_told(detect):
    found = json.loads(detect("--json").out)
    assert found["verdict"] in ("some", "many")
    opening = {"some": "Some labels look wrong: about", "many": "Many labels look wrong: about"}
    assert opening[found["verdict"]] in detect().out


def test_quiet_leaves_stderr_empty(detect):
    assert detect("--quiet").err == ""


def test_second_run_does_nothing_again(detect, tickets):
    detect()
    run = tickets.with_name("tickets.noisefix")
    before = {p.name: p.read_bytes() for p in run.glob("*.parquet")}
    assert set(json.loads(detect("--json").out)["skipped"]) >= {"embed", "joint", "candidates"}
    assert json.loads(detect("--json", "--force").out)["skipped"] == []
    assert {p.name: p.read_bytes() for p in run.glob("*.parquet")} == before


def test_another_option_runs_only_what_depends_on_it(detect):
    detect()
    assert json.loads(detect("--json", "--n-folds", 4).out)["skipped"] == ["embed"]


def test_changed_input_is_judged_anew(detect, tickets):
    detect()
    tickets.write_text(tickets.read_text() + "t61,my parcel is late,shipping\n")
    outcome = detect("--json")
    assert json.loads(outcome.out)["rows"] == 61
    assert "has changed" in outcome.err


def test_stages_one_by_one_give_the_same_tables(cli, detect, tickets, tmp_path):
    detect()
    out = tmp_path / "stages"
    out.mkdir()
    steps = (
        ("embed", tickets, "-o", out / "embeddings.parquet", "--encoder", "tfidf"),
        ("joint", out / "embeddings.parquet", "-o", out),
        (
            "candidates",
            out / "embeddings.parquet",
            out / "issues.parquet",
            "-o",
            out / "candidates.parquet",
        ),
    )
    for step in steps:
        outcome = cli(*step)
        assert outcome.code == 0, outcome.err
        assert str(out) in outcome.out
    assert tables(out) == tables(tickets.with_name("tickets.noisefix"))
    assert "nothing has changed" in cli(*steps[1]).out
    assert json.loads(cli(*steps[1], "--json").out)["skipped"] is True


def test_python_twin_gives_what_the_command_gives(detect, tickets, tmp_path):
    detect()
    result = noisefix.detect(tickets, tmp_path / "twin", encoder="tfidf")
    assert tables(tmp_path / "twin") == tables(tickets.with_name("tickets.noisefix"))
    assert result.run == tmp_path / "twin"


def test_standard_input(cli, tickets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = tickets.read_bytes()
    outcome = cli("detect", "-", "--encoder", "tfidf", "--json", stdin=content)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["rows"] == 60
    run = Path("stdin.noisefix")
    clean = tmp_path / "clean.csv"
    assert cli("apply", run, "-o", clean, "--strategy", "drop").code == 0
    assert len(clean.read_bytes()) < len(content)
    assert cli("apply", run, "-o", clean, "--revert").code == 0
    assert clean.read_bytes() == content


def test_check_of_a_table_leaves_nothing_behind(cli, tickets, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    arguments = ("check", tickets, "--encoder", "tfidf", "--max-issues")
    assert cli(*arguments, 60).code == 0
    outcome = cli(*arguments, 0, "--json")
    assert outcome.code == 1
    result = json.loads(outcome.out)
    assert result["run"] is None
    # The line of a row: one for the header, one for each row above.
    assert all(row["line"] == row["row_number"] + 1 for row in result["flagged"])
    assert sorted(tmp_path.rglob("*")) == before

    assert cli(*arguments, 60, "-o", tmp_path / "kept").code == 0
    assert (tmp_path / "kept" / "issues.parquet").exists()


def test_check_against_a_baseline_sees_only_what_is_new(cli, tickets, tmp_path):
    cli("detect", tickets, "--encoder", "tfidf", "-o", tmp_path / "old")
    baseline = shutil.copy(tmp_path / "old" / "issues.parquet", tmp_path / "baseline.parquet")
    arguments = ("check", tickets, "--encoder", "tfidf", "--baseline", baseline)
    assert cli(*arguments, "--max-new-issues", 0).code == 0
    tickets.write_text(tickets.read_text() + "n1,the courier lost my parcel and tracking,account\n")
    outcome = cli(*arguments, "--max-new-issues", 0, "--json")
    fresh = [row["id"] for row in json.loads(outcome.out)["flagged"] if row["is_new"]]
    assert "n1" in fresh
    assert outcome.code == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        ("--encoder", "tfidf", "--seed", "7"),
        ("--encoder", "tfidf", "--labelled-by", "people"),
        ("--encoder", "tfidf", "--write-baseline", "other.txt"),
        ("--precision", "bf16"),
    ],
    ids=["seed", "labelled-by", "appended", "bf16"],
)
def test_no_old_row_is_ever_a_new_issue(cli, tickets, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    first = ("--precision", "fp32") if "--precision" in change else ("--encoder", "tfidf")
    assert cli("check", tickets, *first, "--write-baseline", "known.txt").code == 0
    old = {line.split(",")[0] for line in tickets.read_text().splitlines()[1:]}
    if "--write-baseline" in change:
        more = (f"x{row},my password is lost {row},shipping\n" for row in range(50))
        tickets.write_text(tickets.read_text() + "".join(more))
    gate = ("--baseline", "known.txt", "--max-new-issues", 99, "--json")
    result = json.loads(cli("check", tickets, *change, *gate).out)
    new = [row["id"] for row in result["flagged"] if row["is_new"]]
    assert result["new_issues"] == len(new)
    assert not old & set(new)
    assert result["issues"] > 0


@pytest.mark.slow
def test_killed_run_goes_on_where_it_was(tickets, cli):
    run = tickets.with_name("tickets.noisefix")
    command = [sys.executable, "-m", "noisefix", "detect", str(tickets), "--encoder", "tfidf"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (run / "embeddings.parquet").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for table in run.glob("*.parquet"):
        pq.read_metadata(table)  # whole, or not there

    outcome = cli("detect", tickets, "--encoder", "tfidf", "--json")
    assert outcome.code == 0, outcome.err
    assert "embed" in json.loads(outcome.out)["skipped"]


def test_trusted_rows_reach_joint_as_they_reach_detect(cli, detect, tickets, tmp_path):
    lines = tickets.read_text().splitlines()
    checked = [f"{line},{'x' if row % 3 else ''}" for row, line in enumerate(lines[1:])]
    tickets.write_text("\n".join([f"{lines[0]},checked", *checked]) + "\n")
    detect("--trusted-column", "checked", "--quiet")
    run = tickets.with_name("tickets.noisefix")
    parts = tmp_path / "parts"
    parts.mkdir()
    embeddings = parts / "embeddings.parquet"
    columns = ("--text-column", "text", "--label-column", "label", "--id-column", "id")
    assert cli("embed", tickets, "-o", embeddings, "--encoder", "tfidf", *columns).code == 0
    trusted = ("--trusted-column", "checked")
    missing = cli("joint", embeddings, "-o", parts, *trusted)
    assert missing.code == 2
    assert "--data" in missing.err
    done = cli("joint", embeddings, "-o", parts, *trusted, "--data", tickets, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["results"]["trusted"] == 40
    issues = parts / "issues.parquet"
    assert cli("candidates", embeddings, issues, "-o", parts / "candidates.parquet").code == 0
    for name in TABLES:
        written = (parts / f"{name}.parquet").read_bytes()
        assert written == (run / f"{name}.parquet").read_bytes(), name
    # of a run folder the input is known
    assert cli("joint", run / "embeddings.parquet", "-o", tmp_path / "again", *trusted).code == 0
    assert (tmp_path / "again" / "issues.parquet").read_bytes() == issues.read_bytes()
    unknown = cli("joint", run / "embeddings.parquet", "-o", parts, "--trusted-column", "chequed")
    assert unknown.code == 3
    assert "did you mean 'checked'?" in unknown.err


def test_a_verified_class_that_no_row_was_given_reaches_the_cleaned_file(cli, detect, tickets):
    lines = tickets.read_text().splitlines()
    checked = [f"{line},{'spam' if row == 7 else ''}" for row, line in enumerate(lines[1:])]
    tickets.write_text("\n".join([f"{lines[0]},checked", *checked]) + "\n")
    detect("--trusted-column", "checked", "--quiet")
    run, clean = tickets.with_name("tickets.noisefix"), tickets.with_name("clean.csv")
    rows = pq.read_table(run / "issues.parquet").to_pylist()
    assert (rows[7]["suggested_label"], rows[7]["p_error"]) == ("spam", 1.0)
    done = cli("apply", run, "--strategy", "relabel", "-o", clean)
    assert done.code == 0, done.err
    with clean.open() as file:
        cleaned = list(csv.DictReader(file))
    with tickets.open() as file:
        given = list(csv.DictReader(file))
    assert cleaned[7]["label"] == "spam" != given[7]["label"]
    assert cli("evaluate", run, "--truth", "checked").code == 0
