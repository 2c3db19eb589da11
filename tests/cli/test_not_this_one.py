"""What a row is not: ruled out by people, in files, and by a column; evidence for the others."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.run.decisions import (
    NOT,
    PersonDecision,
    append_decisions,
    decision_key,
    now,
    read_decisions,
)


@pytest.fixture
def run(detected: Path, tmp_path: Path) -> Path:
    shutil.copy(detected.parent / "tickets.csv", tmp_path)
    return Path(shutil.copytree(detected, tmp_path / "tickets.noisefix"))


def rows_of(run: Path) -> dict[str, dict]:
    return {row["id"]: row for row in pq.read_table(run / "issues.parquet").to_pylist()}


def unsuspicious(run: Path) -> dict:
    """Return the row that seems right most of all."""
    return max(rows_of(run).values(), key=lambda row: row["rank"] or 0)


def probs_of(row: dict, run: Path) -> dict[str, float]:
    meta = json.loads(pq.read_schema(run / "issues.parquet").metadata[b"noisefix"])
    return dict(zip(meta["class_names"], row["true_label_probs"], strict=True))


def test_a_person_rules_out_the_given_label(cli, run):
    row = unsuspicious(run)
    key = decision_key(row["text"], row["given_label"])
    append_decisions(
        run / "decisions.jsonl", [PersonDecision(key, row["id"], NOT, None, "a", now())]
    )
    assert cli("detect", run.parent / "tickets.csv", "--encoder", "tfidf", "-q").code == 0
    after = rows_of(run)[row["id"]]
    assert (after["p_error"], after["is_issue"], after["is_trusted"]) == (1, True, False)
    assert after["rank"] == 1
    assert after["reasons"][0] == f"a person says: not {row['given_label']}"
    given = row["given_label"]
    before, now_ = probs_of(row, run), probs_of(after, run)
    others = [name for name in before if name != given]
    assert now_[given] == 0
    total = sum(before[name] for name in others)
    for name in others:
        assert now_[name] == pytest.approx(before[name] / total, abs=1e-4)


def test_reject_in_a_review_file(cli, run, tmp_path):
    row, other = sorted(rows_of(run).values(), key=lambda r: -(r["rank"] or 0))[:2]
    review = tmp_path / "review.csv"
    cells = [
        ("id", "decision"),
        (row["id"], "Reject"),
        (other["id"], f"not {other['given_label']}"),
    ]
    with review.open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    output = tmp_path / "flagged.csv"
    done = cli("apply", run, "--review", review, "--strategy", "flag", "-o", output)
    assert done.code == 0, done.err
    words = read_decisions(run / "decisions.jsonl")
    assert [(word.decision, word.label) for word in words] == [("not", None)] * 2
    with output.open(newline="") as file:
        flagged = {line["id"]: line for line in csv.DictReader(file)}
    assert flagged[row["id"]]["noisefix_p_error"] in ("1", "1.0", "1.0000", "1.000000")
    again = cli("apply", run, "--review", review, "--strategy", "flag", "--dry-run")
    assert again.code == 0
    assert read_decisions(run / "decisions.jsonl") == words


def test_a_class_called_reject_or_not_x_is_a_class(tmp_path):
    from noisefix.cleaning.review import read_review

    path = tmp_path / "r.csv"
    path.write_text("id,decision\n1,reject\n2,not spam\n3,not not spam\n")
    review = read_review(path, ["1", "2", "3"], ["reject", "not spam", "spam"])
    assert review.choices == {"1": "reject", "2": "not spam"}
    [word] = [word for word in review.words if word.rejects]
    assert (word.id, word.choice) == ("3", "not spam")


def with_column(data: Path, cells: dict[str, str]) -> Path:
    path = data.with_name("with_not.csv")
    with data.open(newline="") as source, path.open("w", newline="") as file:
        lines = list(csv.DictReader(source))
        writer = csv.DictWriter(file, [*lines[0], "ruled_out"])
        writer.writeheader()
        writer.writerows({**line, "ruled_out": cells.get(line["id"], "")} for line in lines)
    return path


def test_a_column_is_evidence_that_may_be_wrong(cli, run, tmp_path):
    row = unsuspicious(run)
    given = row["given_label"]
    others = [name for name in probs_of(row, run) if name != given]
    data = with_column(run.parent / "tickets.csv", {row["id"]: given, "t2": "|".join(others)})
    out = tmp_path / "new"
    done = cli("detect", data, "--encoder", "tfidf", "-q", "-o", out, "--not-column", "ruled_out")
    assert done.code == 0, done.err
    before, after = row["p_error"], rows_of(out)[row["id"]]
    odds = before / (1 - before) * 0.96 / 0.04
    assert after["p_error"] == pytest.approx(odds / (1 + odds), rel=0.01)
    assert after["reasons"][0] == f"said to be not {given}"
    assert rows_of(out)["t2"]["reasons"][0] == f"said to be not {', '.join(sorted(others))}"
    untouched = {
        key: r["p_error"] for key, r in rows_of(run).items() if key not in (row["id"], "t2")
    }
    assert {key: rows_of(out)[key]["p_error"] for key in untouched} == untouched


def test_lists_of_labels(tmp_path):
    from noisefix.detection.not_column import not_labels
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    path = tmp_path / "d.parquet"
    columns = {
        "text": ["one", "two", "three"],
        "label": ["a", "b|c", "b"],
        "not": [["b", "b|c"], ["a"], None],
    }
    pq.write_table(pa.table(columns), path)
    data = load_dataset(read_source(path), text_column="text", label_column="label")
    table, warnings = not_labels(data, "not")
    assert table.to_pylist() == [
        {"id": "1", "label": "b"},
        {"id": "1", "label": "b|c"},
        {"id": "2", "label": "a"},
    ]
    assert warnings == ()


def test_refusals(cli, run):
    def refused(cells, column, code, *parts):
        data = with_column(run.parent / "tickets.csv", cells)
        done = cli("detect", data, "--encoder", "tfidf", "-q", "--not-column", column)
        assert done.code == code
        for part in ("error: ", "hint: ", *parts):
            assert part in done.err

    refused({}, "ruled_out", 3, "names no class of the data")
    refused({"t1": "x"}, "ruled_out", 3, "(but 'x')")
    refused({"t1": "refund"}, "nothing", 3, "no column 'nothing'")
    refused({"t1": "refund"}, "label", 2, "holds the texts, the labels or the ids")
    assert not (run.parent / "with_not.noisefix").exists()


def test_training_hears_it(run, tmp_path):
    from noisefix.classifiers.training_data import read_run
    from noisefix.detection.detect import detect
    from noisefix.run.folder import RunFolder

    folder = RunFolder.open(run)
    assert read_run(folder).data.not_likelihood is None
    row = unsuspicious(run)
    given = row["given_label"]
    data = with_column(run.parent / "tickets.csv", {row["id"]: given, "t2": "account"})
    out = tmp_path / "new"
    detect(data, out, encoder="tfidf", not_column="ruled_out")
    assert rows_of(out)["t2"]["not_labels"] == ["account"]
    said = read_run(RunFolder.open(out))
    place = said.ids.index("t2"), said.class_names.index("account")
    found = said.data.not_likelihood
    assert found[place] == pytest.approx(found[place[0]].max() * 0.04 / 0.96, rel=1e-3)
    assert (np.delete(found, [place[0], said.ids.index(row["id"])], axis=0) == 1).all()
    key = decision_key(rows_of(out)["t2"]["text"], rows_of(out)["t2"]["given_label"])
    word = PersonDecision(key, "t2", NOT, "account", "ann", now())
    append_decisions(out / "decisions.jsonl", [word])
    assert read_run(RunFolder.open(out)).data.not_likelihood[place] == 0
