"""``detect --pair-columns`` from the shell: rows whose two texts do not belong together."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from noisefix import detect
from noisefix.detection.rejudge import rejudge
from noisefix.reporting.data import read_tables
from noisefix.reporting.extra import section_data
from noisefix.reporting.mismatched import mismatched_section
from noisefix.run.decisions import KEEP, PersonDecision, append_decisions, decision_key, now
from noisefix.run.folder import RunFolder
from tests.pair_texts import pair_csv, pair_rows

N_ROWS = 400


@pytest.fixture
def data(tmp_path):
    rows, is_moved = pair_rows(N_ROWS)
    (tmp_path / "qa.csv").write_text(pair_csv(rows))
    return tmp_path / "qa.csv", is_moved


def command(path, *more):
    return ("detect", path, "--pair-columns", "question,answer", "--encoder", "tfidf", *more)


def test_they_are_listed_and_no_label_moves(cli, data, tmp_path):
    path, is_moved = data
    run = RunFolder(tmp_path / "qa.noisefix")
    outcome = cli(*command(path))
    assert outcome.code == 0, outcome.err
    assert "rows whose question and answer do not seem to belong together" in outcome.out
    assert "        question: what about the" in outcome.out

    found = json.loads(cli(*command(path, "--json")).out)
    told = found["mismatched"]
    assert (told["first"], told["second"], told["pairs"]) == ("question", "answer", N_ROWS)
    assert set(found["skipped"]) >= {"embed", "pair_columns", "joint", "candidates"}
    assert told["count"] == len(told["rows"]) >= 10
    assert np.mean([is_moved[row["row_number"] - 1] for row in told["rows"]]) > 0.9
    assert told["share"] == pytest.approx(0.1, abs=0.05)
    first = told["rows"][0]

    issues = pq.read_table(run.issues)
    assert roc_auc_score(is_moved, issues["match_rank"].to_numpy()) > 0.97
    row = issues["id"].to_pylist().index(first["id"])
    assert issues["reasons"].to_pylist()[row][0].startswith("mismatched_pair: ")
    texts = pq.read_table(run.matches).to_pylist()[row]
    assert (texts["first_text"], texts["second_text"]) == (
        first["first_text"],
        first["second_text"],
    )
    assert issues["text"].to_pylist()[row] == f"{first['first_text']}.\n\n{first['second_text']}"

    alone = tmp_path / "alone"
    both = ("--text-column", "question,answer", "--encoder", "tfidf")
    assert cli("detect", path, "-o", alone, *both).code == 0
    same = ["p_error", "is_issue", "suggested_label", "true_label_probs"]
    assert issues.select(same).equals(pq.read_table(alone / "issues.parquet").select(same))


def test_later_commands_know_it(cli, data, tmp_path):
    path, _ = data
    run = RunFolder(tmp_path / "qa.noisefix")
    found = detect(path, pair_columns="question,answer", encoder="tfidf")
    before = run.issues.read_bytes()
    assert cli("joint", run.path).code == 0
    assert run.issues.read_bytes() == before

    ids = read_tables(run).issues["id"].to_pylist()
    section = section_data(mismatched_section(run, {key: row for row, key in enumerate(ids)}))
    shown = section["tables"][0]["rows"]
    assert [row[0] for row in shown] == [ids.index(row.id) for row in found.mismatched.rows]
    outcome = cli("report", run.path, "-o", tmp_path / "page.html")
    assert outcome.code == 0, outcome.err

    assert cli("joint", run.path, "-o", tmp_path / "elsewhere").code == 0
    elsewhere = RunFolder(tmp_path / "elsewhere")
    assert pq.read_table(elsewhere.issues).equals(pq.read_table(run.issues))
    assert mismatched_section(elsewhere, {}) is None  # the texts are not there

    worst = found.mismatched.rows[0]
    text = f"{worst.first_text}.\n\n{worst.second_text}"
    key = decision_key(text, worst.given_label)
    kept = PersonDecision(key, worst.id, KEEP, None, "ann", now())
    append_decisions(run.decisions, [kept])
    (judged,) = [report for report in rejudge(run) if report.name == "joint"]
    assert judged.results["mismatched"]["count"] == found.mismatched.count - 1
    again = json.loads(cli(*command(path, "--json")).out)["mismatched"]
    assert worst.id not in [row["id"] for row in again["rows"]]
    assert again["count"] == found.mismatched.count - 1

    assert cli("detect", path, "--encoder", "tfidf", "--text-column", "question").code == 0
    assert not run.matches.exists()
    assert "p_mismatch" not in pq.read_schema(run.issues).names


def test_they_are_left_out_on_request_and_come_back(cli, data, tmp_path):
    path, _ = data
    run = RunFolder(tmp_path / "qa.noisefix")
    outcome = cli(*command(path))
    assert "--drop-mismatched" in outcome.out
    told = json.loads(cli(*command(path, "--json")).out)["mismatched"]
    kept, said_again, *gone = [row["id"] for row in told["rows"]]
    labels = {line.split(",")[0]: line.rsplit(",", 1)[1] for line in path.read_text().splitlines()}
    review = tmp_path / "review.csv"
    review.write_text(f"id,decision\n{kept},keep\n{said_again},{labels[said_again]}\n")
    output = tmp_path / "clean.csv"
    apply = ("apply", run.path, "-o", output, "--drop-mismatched")
    for more in (("--review", review), ()):  # the second time it is remembered
        outcome = cli(*apply, "--strategy", "relabel", *more)
        assert outcome.code == 0, outcome.err
        assert f"; {len(gone)} rows left out" in outcome.err + outcome.out
        lines = path.read_text().splitlines()
        assert [line.split(",")[0] for line in output.read_text().splitlines()] == [
            key for key in (line.split(",")[0] for line in lines) if key not in gone
        ]
    dropped = [row for row in pq.read_table(run.ledger).to_pylist() if row["action"] == "drop"]
    assert {row["id"] for row in dropped} == set(gone)
    assert all(row["reasons"][0].startswith("mismatched_pair: ") for row in dropped)
    assert cli("apply", run.path, "-o", output, "--revert").code == 0
    assert output.read_bytes() == path.read_bytes()

    outcome = cli("apply", run.path, "-o", tmp_path / "all.csv", "--strategy", "relabel")
    assert "left out" not in outcome.out + outcome.err
    assert len((tmp_path / "all.csv").read_text().splitlines()) == N_ROWS + 1


def test_what_was_never_compared_cannot_be_left_out(cli, data, tmp_path):
    path, _ = data
    assert cli("detect", path, "--encoder", "tfidf", "--text-column", "question").code == 0
    apply = ("apply", tmp_path / "qa.noisefix", "-o", tmp_path / "x.csv", "--drop-mismatched")
    outcome = cli(*apply)
    assert outcome.code == 2
    assert "detect DATA --pair-columns" in outcome.err
    outcome = cli(*apply[:3], tmp_path / "x.xlsx", "--format", "xlsx", "--drop-mismatched")
    assert outcome.code == 2
    assert "--drop-mismatched: changes the data" in outcome.err
    assert not (tmp_path / "x.csv").exists()


def test_from_python_and_of_a_text_column_of_its_own(data, tmp_path):
    import pandas as pd

    path, is_moved = data
    frame = pd.read_csv(path)
    frame.loc[:4, "answer"] = ""
    found = detect(frame, pair_columns="question,answer", text_column="question", encoder="tfidf")
    assert found.mismatched.pairs == N_ROWS - 5
    table = found.to_arrow()
    assert table["text"].to_pylist() == frame["question"].tolist()
    assert table["match_rank"].to_pylist()[:5] == [None] * 5
    assert roc_auc_score(is_moved[5:], table["match_rank"].to_numpy()[5:]) > 0.97


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--pair-columns", "question"), "--pair-columns question: one column"),
        (("--pair-columns", "question,answer,id"), "3 columns"),
        (("--pair-columns", "question,question"), "names 'question' twice"),
        (
            ("--pair-columns", "answer,label", "--label-column", "label"),
            "label is the label column",
        ),
        (("--pair-columns", "id,answer", "--text-column", "question"), "id is the id column"),
        (("--pair-columns", "question,answer", "--multi-label", "|"), "one label a row"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(cli, data, tmp_path, more, said):
    outcome = cli("detect", data[0], "--encoder", "tfidf", *more)
    assert outcome.code == 2, outcome.err
    assert said in outcome.err
    assert not (tmp_path / "qa.noisefix").exists()


def test_vectors_are_of_rows_not_of_columns(cli, data, tmp_path):
    np.save(tmp_path / "v.npy", np.eye(N_ROWS, 8))
    vectors = ("--embeddings", tmp_path / "v.npy")
    outcome = cli("detect", data[0], "--pair-columns", "question,answer", *vectors)
    assert outcome.code == 2
    assert "--embeddings holds no vectors of each of the two columns" in outcome.err
    assert not (tmp_path / "qa.noisefix").exists()


def test_a_column_that_is_not_there(cli, data, tmp_path):
    outcome = cli("detect", data[0], "--pair-columns", "question,anser")
    assert outcome.code == 3
    assert "--pair-columns" in outcome.err
    assert "answer" in outcome.err
    assert not (tmp_path / "qa.noisefix").exists()


def test_labels_are_needed(cli, data, tmp_path):
    rows, _ = pair_rows(80)
    (tmp_path / "bare.csv").write_text(
        "question,answer\n" + "".join(f'"{row[1]}","{row[2]}"\n' for row in rows)
    )
    outcome = cli(*command(tmp_path / "bare.csv"))
    assert outcome.code == 3
    assert "label" in outcome.err
    assert not (tmp_path / "bare.noisefix").exists()


def test_too_few_pairs_are_said(cli, tmp_path):
    rows, _ = pair_rows(60)
    for row in rows[20:]:
        row[2] = ""
    (tmp_path / "few.csv").write_text(pair_csv(rows))
    outcome = cli(*command(tmp_path / "few.csv"))
    assert outcome.code == 0, outcome.err
    assert "20 rows with both texts" in outcome.err
    assert "belong together (p_mismatch" not in outcome.out


def test_columns_that_have_nothing_to_do_with_each_other(cli, tmp_path):
    rows, _ = pair_rows(300, share=1.0)
    (tmp_path / "apart.csv").write_text(pair_csv(rows))
    outcome = cli(*command(tmp_path / "apart.csv"))
    assert outcome.code == 0, outcome.err
    assert "question and answer have little to do with each other" in outcome.out
