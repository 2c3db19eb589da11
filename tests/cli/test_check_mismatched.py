"""``check --max-mismatched``: rows whose two texts do not belong together fail the gate."""

from __future__ import annotations

import json
import shutil

import pytest

from noisefix import detect
from noisefix.run.decisions import KEEP, PersonDecision, append_decisions, decision_key, now
from noisefix.run.folder import RunFolder
from tests.pair_texts import pair_csv, pair_rows

N_ROWS = 300
PAIRS = ("--pair-columns", "question,answer", "--encoder", "tfidf")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "qa.csv").write_text(pair_csv(pair_rows(N_ROWS)[0]))
    found = detect(folder / "qa.csv", pair_columns="question,answer", encoder="tfidf")
    assert found.mismatched.count > 5
    return folder, found.mismatched


@pytest.fixture
def data(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "qa.csv"


def test_a_table_with_more_than_may_be_fails(cli, made, data):
    _, found = made
    outcome = cli("check", data, *PAIRS, "--max-mismatched", "0", "--show", "all")
    assert outcome.code == 1, outcome.err
    said = f"{found.count} rows whose two texts do not seem to belong together, limit 0"
    assert f"FAILED max-mismatched: {said}" in outcome.out
    lines = [line for line in outcome.out.splitlines() if line.startswith("qa.csv:")]
    assert lines == [
        f"qa.csv:{row.row_number + 1}: {row.id}: question and answer do not seem to belong "
        f"together, {row.p_mismatch:.2f}"
        for row in found.rows
    ]  # and no label is blamed
    outcome = cli("check", data, *PAIRS, "--max-mismatched", found.count)
    assert outcome.code == 0, outcome.err
    assert "passed max-mismatched" in outcome.out
    assert "qa.csv:" not in outcome.out


def test_a_run_counts_but_for_rows_that_a_person_has_decided_on(cli, made, data, tmp_path):
    _, found = made
    run = RunFolder(tmp_path / "qa.noisefix")
    gate = ("check", run.path, "--max-mismatched", found.count - 1)
    assert cli(*gate).code == 1
    worst = found.rows[0]
    key = decision_key(f"{worst.first_text}.\n\n{worst.second_text}", worst.given_label)
    append_decisions(run.decisions, [PersonDecision(key, worst.id, KEEP, None, "ann", now())])
    assert cli(*gate).code == 0
    shown = json.loads(cli(*gate, "--pair-columns", "Question,answer", "--json").out)
    assert worst.id not in [row["id"] for row in shown["mismatches"]]
    assert shown["gates"][0]["value"] == len(shown["mismatches"]) == found.count - 1


def test_with_a_baseline_only_new_rows_count(cli, made, data, tmp_path):
    _, found = made
    gate = ("check", data, *PAIRS, "--max-mismatched", "0", "--baseline")
    assert cli("check", data, *PAIRS, "--write-baseline", tmp_path / "b").code == 0
    shutil.copy(data, tmp_path / "old.csv")
    rows, is_moved = pair_rows(N_ROWS)
    listed = {row.id for row in found.rows}
    fine = [row for row, moved in zip(rows, is_moved, strict=True) if not moved][:20]
    answers = [row[2] for row in fine]
    for row, answer in zip(fine, answers[1:] + answers[:1], strict=True):
        row[2] = answer
    for baseline in (tmp_path / "b", tmp_path / "old.csv"):
        outcome = cli(*gate, baseline)
        assert outcome.code == 0, outcome.err + outcome.out
        data.write_text(pair_csv(rows))
        outcome = cli(*gate, baseline, "--json")
        assert outcome.code == 1, outcome.err
        new = {row["id"] for row in json.loads(outcome.out)["mismatches"]}
        assert new
        assert new <= {row[0] for row in fine} - listed
        shutil.copy(tmp_path / "old.csv", data)


def test_every_report_holds_the_rows(cli, made, data, tmp_path, monkeypatch):
    _, found = made
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    gate = ("check", tmp_path / "qa.noisefix", "--max-mismatched", "0", "--show", "all")
    worst, n = found.rows[0], found.count
    said = f"{worst.id}: question and answer do not seem to belong together"
    sarif = json.loads(cli(*gate, "--output-format", "sarif").out)["runs"][0]["results"]
    rows = [row for row in sarif if row["ruleId"] == "texts-mismatched"]
    assert len(rows) == n
    assert rows[0]["message"]["text"].startswith(said)
    start = rows[0]["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert start == worst.row_number + 1
    quality = json.loads(cli(*gate, "--output-format", "gitlab").out)
    assert len({row["fingerprint"] for row in quality}) == n + 1
    assert sum(row["check_name"] == "noisefix-mismatch" for row in quality) == n
    github = cli(*gate, "--github").out.splitlines()
    assert f"line={worst.row_number + 1},title=texts do not belong together::{said}" in github[1]
    junit = cli(*gate, "--output-format", "junit").out
    assert 'failures="1"' in junit
    assert said in junit
    page = (tmp_path / "page.md").read_text()
    assert worst.id in page
    assert worst.first_text not in page


def test_columns_that_slipped_fail_though_no_row_is_listed(cli, tmp_path):
    (tmp_path / "apart.csv").write_text(pair_csv(pair_rows(N_ROWS, share=1.0)[0]))
    outcome = cli("check", tmp_path / "apart.csv", *PAIRS, "--max-mismatched", "20")
    assert outcome.code == 1, outcome.err
    assert "the two columns have little to do with each other in about" in outcome.out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--max-mismatched", "3"), "--max-mismatched needs two columns"),
        ((*PAIRS, "--max-mismatched", "-1"), "--max-mismatched"),
        (
            (*PAIRS, "--max-mismatched", "3", "--text-column", "question", "--baseline", "qa.csv"),
            "leave --text-column out",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_before_the_work(cli, data, more, said):
    outcome = cli("check", data, *more)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_run_that_was_judged_without_is_refused(cli, data, tmp_path):
    run = tmp_path / "qa.noisefix"
    outcome = cli("check", run, "--max-mismatched", "3", "--pair-columns", "answer,question")
    assert (outcome.code, "was judged without" in outcome.err) == (2, True)
    plain = tmp_path / "plain"
    text = ("--text-column", "question", "--encoder", "tfidf")
    assert cli("detect", data, "-o", plain, *text).code == 0
    question = tmp_path / "question"
    assert cli("detect", data, "-o", question, *PAIRS, "--text-column", "question").code == 0
    outcome = cli("check", question, "--max-mismatched", "3", "--baseline", data)
    assert (outcome.code, "leave --text-column out" in outcome.err) == (2, True)
    for more in (("--max-mismatched", "3"), ("--max-issues", "300", "--pair-columns", "a,b")):
        outcome = cli("check", plain, *more)
        assert (outcome.code, "detect" in outcome.err) == (2, True)


def test_too_few_pairs_are_no_passed_gate(cli, tmp_path):
    rows, _ = pair_rows(60)
    for row in rows[20:]:
        row[2] = ""
    (tmp_path / "few.csv").write_text(pair_csv(rows))
    outcome = cli("check", tmp_path / "few.csv", *PAIRS, "--max-mismatched", "3")
    assert outcome.code == 2
    assert "20 rows with both texts" in outcome.err
