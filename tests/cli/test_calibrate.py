"""``calibrate`` from end to end: the table, the JSON, the gate and its errors."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import noisefix
from noisefix.cli.app import main


def write(path, right, *, seed=0, rows=600, with_truth=200, spell=str):
    rng = np.random.default_rng(seed)
    names = np.array(["billing", "delivery", "refund"])
    true = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    said = np.where(rng.random(rows) < right, true, rng.integers(0, 3, rows))
    asked = set(rng.permutation(rows)[:with_truth].tolist())
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "llm", "human"])
        for i in range(rows):
            truth = names[true[i]] if i in asked else ""
            table.writerow([f"text {i}", spell(names[said[i]]), truth])
    return path


COLUMNS = ("--label-column", "llm", "--truth-column", "human")


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data.csv", 0.85)


def test_the_table_says_how_good_and_what_next(data, capsys):
    assert main(["calibrate", str(data), *COLUMNS]) == 0
    said = capsys.readouterr().out
    assert "llm is right in 9" in said
    assert "as 200 rows with human tell" in said
    for words in ("Cohen's kappa", "Given instead", "Rogan-Gladen", "all 600 labelled rows"):
        assert words in said
    assert f"noisefix detect {data} --label-column llm --trusted-column human" in said


def test_the_json_holds_what_the_twin_returns(data, capsys):
    assert main(["calibrate", str(data), *COLUMNS, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = noisefix.calibrate(data, label_column="llm", truth_column="human")
    assert told["accuracy"]["value"] == found.accuracy.value
    assert told["compared"] == found.compared == 200
    assert [s["label"] for s in told["shares"]] == ["billing", "delivery", "refund"]
    assert told["drifts"] == []
    assert told["passed"] is True


def test_columns_are_guessed_where_names_are_clear(tmp_path, capsys):
    data = write(tmp_path / "d.csv", 0.9)
    data.write_text(data.read_text().replace("llm,human", "label,true_label", 1))
    assert main(["calibrate", str(data)]) == 0
    said = capsys.readouterr()
    assert "truth column: true_label (guessed from its name)" in said.err
    assert "label is right in" in said.out


def test_drift_is_a_gate(data, tmp_path, capsys):
    before, worse = tmp_path / "before.json", write(tmp_path / "worse.csv", 0.4, seed=1)
    assert main(["calibrate", str(data), *COLUMNS, "-o", str(before)]) == 0
    gate = ["--baseline", str(before), "--max-drift", "0.05"]
    same = write(tmp_path / "same.csv", 0.85, seed=2)
    capsys.readouterr()
    assert main(["calibrate", str(same), *COLUMNS, *gate, "-q"]) == 0
    assert "passed: nothing fell by more than is allowed" in capsys.readouterr().out
    assert main(["calibrate", str(worse), *COLUMNS, *gate]) == 1
    assert "FAILED accuracy: fell from 0.9" in capsys.readouterr().out
    assert main(["calibrate", str(worse), *COLUMNS, *gate, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert [d["measure"] for d in told["drifts"]][:2] == ["accuracy", "kappa"]


def test_spelling_and_unanswered_rows_are_said(tmp_path, capsys):
    data = write(tmp_path / "d.csv", 0.9, spell=lambda name: name.replace("refund", "Refund"))
    text = data.read_text().splitlines()
    row = next(i for i, line in enumerate(text) if line.endswith(",billing"))
    text[row] = f"{text[row].split(',')[0]},,billing"
    data.write_text("\n".join(text) + "\n")
    assert main(["calibrate", str(data), *COLUMNS]) == 0
    said = capsys.readouterr().err
    assert "Refund: written otherwise than in the column of the truth" in said
    assert "1 row has a truth but no label" in said


def test_few_rows_are_said(tmp_path, capsys):
    data = write(tmp_path / "d.csv", 0.9, with_truth=20)
    assert main(["calibrate", str(data), *COLUMNS]) == 0
    assert "only 20 rows have both labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--max-drift", "0.1"], 2, "--max-drift and --baseline belong together"),
        (["--truth-column", "llm"], 2, "are both llm"),
        (["--truth-column", "none"], 3, "none"),
        (["--max-drift", "2", "--baseline", "b.json"], 2, "--max-drift is 2"),
        (["-o", "result.csv"], 2, "promises CSV"),
    ],
)
def test_what_cannot_be_is_said(data, capsys, more, code, said):
    assert main(["calibrate", str(data), *COLUMNS, *more]) == code
    assert said in capsys.readouterr().err


def test_without_a_row_with_both_there_is_nothing_to_say(tmp_path, capsys):
    data = write(tmp_path / "d.csv", 0.9, with_truth=0)
    assert main(["calibrate", str(data), *COLUMNS]) == 3
    assert "label 50 to 500 rows" in capsys.readouterr().err


def test_a_terminal_is_not_harmed_by_class_names(tmp_path, capsys):
    data = write(
        tmp_path / "d.csv", 0.6, spell=lambda name: f"{name}\x1b[31m" if name[0] == "r" else name
    )
    assert main(["calibrate", str(data), *COLUMNS]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
