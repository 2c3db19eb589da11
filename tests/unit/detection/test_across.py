"""``--against``: a test set's texts in the training set, with the same label or another one."""

from __future__ import annotations

import csv
import json
import random

import pyarrow.parquet as pq
import pytest

from noisefix.cli.app import main
from noisefix.detection.check import check
from noisefix.detection.detect import detect
from noisefix.errors import UsageError

WORDS = {
    "account": ["password", "login", "email address", "profile", "locked out", "username"],
    "refund": ["refund", "money back", "charged twice", "reimburse", "overcharged", "returned"],
    "shipping": ["parcel", "delivery", "tracking", "courier", "arrived late", "package"],
}


def rows():
    draw = random.Random(0)
    made = []
    for i in range(90):
        label = list(WORDS)[i % 3]
        one, two, three = draw.sample(WORDS[label], 3)
        text = f"{one} and {two} and {three}, case {draw.randrange(10**6)}"
        made.append({"id": f"t{i + 1}", "text": text, "label": label, "truth": ""})
    return made


def write(path, made):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    return path


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "train.csv", rows())


@pytest.fixture
def other(tmp_path):
    train = rows()
    made = [
        {"id": f"o{i}", "text": train[i]["text"].upper(), "label": train[i]["label"], "truth": ""}
        for i in range(5)
    ]
    made[3]["label"] = "account" if made[3]["label"] != "account" else "refund"
    made[4]["label"] = ""
    made += [
        {"id": f"n{i}", "text": f"nothing of the kind number {i}", "label": "refund", "truth": ""}
        for i in range(6)
    ]
    return write(tmp_path / "test.csv", made)


def find(data, other, **more):
    options = {"encoder": "tfidf", "text_column": "text", "label_column": "label"} | more
    return detect(data, against=other, **options)


def test_leaks_and_conflicts_are_counted_and_listed(data, other):
    found = find(data, other).across
    assert (found.other_name, found.other_rows) == ("test.csv", 11)
    assert (found.leaks, found.equal, found.conflicts) == (5, 5, 1)
    (conflict,) = found.examples
    assert (conflict.id, conflict.other_id, conflict.row_number) == ("t4", "o3", 4)
    assert conflict.given_label != conflict.other_label


def test_the_table_has_a_line_for_each_match(data, other):
    run = find(data, other).run
    table = pq.read_table(run / "across.parquet").to_pylist()
    assert [row["other_id"] for row in table] == ["o3", "o0", "o1", "o2", "o4"]
    assert [row["id"] for row in table] == ["t4", "t1", "t2", "t3", "t5"]
    assert [row["is_conflict"] for row in table] == [True, False, False, False, False]
    assert all(row["is_equal"] and row["rows"] == 1 for row in table)
    assert table[-1]["other_label"] is None


def test_nothing_is_done_twice_and_a_changed_file_is_looked_at_again(data, other):
    find(data, other)
    assert find(data, other).skipped[-2:] == ("against", "across")
    other.write_text(other.read_text() + f'o99,"{rows()[7]["text"]}",refund,\n')
    again = find(data, other)
    assert "against" not in again.skipped
    assert "embed" in again.skipped
    assert again.across.leaks == 6


def test_without_it_nothing_is_said(data):
    found = detect(data, encoder="tfidf", text_column="text", label_column="label")
    assert found.across is None
    assert not (found.run / "across.parquet").exists()


def test_a_file_without_labels_has_leaks_only(data, other, tmp_path):
    lines = [line.split(",") for line in other.read_text().replace('"', "").splitlines()]
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(f'"{",".join(cells[1:-2])}"' for cells in lines) + "\n")
    found = find(data, bare).across
    assert (found.leaks, found.conflicts) == (5, 0)


def test_labels_of_other_names_are_said(data, other):
    words = other.read_text()
    for name in ("refund", "shipping", "account"):
        words = words.replace(f",{name},", f",{name[0]},")
    other.write_text(words)
    assert any("no label in common" in warning for warning in find(data, other).across.warnings)


def test_the_same_file_and_standard_input_are_refused(data, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(data.read_bytes())
    for other, said in ((copy, "the very same rows"), ("-", "standard input is not read here")):
        with pytest.raises(UsageError, match=said):
            find(data, other)


def test_the_gate_holds_leaks_against_a_limit(data, other):
    options = {"encoder": "tfidf", "text_column": "text", "label_column": "label"}
    failed = check(data, against=other, max_leaks=4, **options)
    assert not failed.passed
    assert [(g.name, g.value, g.limit) for g in failed.gates] == [("max-leaks", 5, 4)]
    assert check(data, against=other, max_leaks=5, **options).passed
    both = check(data, against=other, max_leaks=0, max_issues=90, **options)
    assert [g.passed for g in both.gates] == [True, False]


def test_the_gate_needs_another_file(data, other):
    with pytest.raises(UsageError, match="--max-leaks needs another file"):
        check(data, max_leaks=0)
    run = detect(data, encoder="tfidf", text_column="text", label_column="label").run
    with pytest.raises(UsageError, match="compared with no other file"):
        check(run, max_leaks=0)
    with pytest.raises(UsageError, match="is a run folder"):
        check(run, against=other, max_leaks=0)
    find(data, other)
    assert check(run, max_leaks=5).passed
    assert not check(run, max_leaks=4).passed


def test_the_summary_says_so(data, other, capsys):
    line = ["detect", str(data), "--against", str(other), "--encoder", "tfidf", "-q"]
    line += ["--text-column", "text", "--label-column", "label"]
    assert main(line) == 0
    said = capsys.readouterr().out
    assert (
        "test.csv: 5 of 11 rows have (nearly) the text of a row in here (5 equal), 1 with" in said
    )
    assert "row 4: " in said
    assert main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["across"]["leaks"] == 5


def test_doubled_ids_of_the_other_file_give_way_to_row_numbers(data, other):
    other.write_text(other.read_text().replace("o1,", "o0,", 1))
    found = find(data, other)
    assert found.across.leaks == 5
    assert any("row numbers are" in warning for warning in found.across.warnings)
