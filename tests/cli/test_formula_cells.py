"""Tables with columns of ours can be opened in a spreadsheet; cells of the input stay."""

from __future__ import annotations

import csv
import json

import pytest

LABELS = ("=cmd|' /c calc'!A0", "@SUM(A1)", "-0.5")
TOPICS = ("refund money charged", "parcel delivery courier", "password login locked")


@pytest.fixture
def table(tmp_path):
    rows = [["text", "label"]]
    for i in range(60):
        words = TOPICS[i % 3].split()
        rows.append([f"={words[i // 3 % 3]} {words[i // 9 % 3]} {i}", LABELS[i % 3]])
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path


def cells(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def is_formula(cell):
    return cell.startswith(("=", "+", "@")) or (cell.startswith("-") and cell != "-0.5")


def test_columns_of_ours_hold_no_formula_and_are_read_back(cli, table, tmp_path):
    noisy, flagged, weighted = (tmp_path / f"{name}.csv" for name in ("noisy", "flag", "weight"))
    assert cli("noise", table, "-o", noisy, "--rate", 0.2, "-q").code == 0
    before, after = cells(table), cells(noisy)
    assert [row["text"] for row in after] == [row["text"] for row in before]
    assert {row["label"] for row in after} == set(LABELS)
    assert {row["true_label"] for row in after} == {f"'{LABELS[0]}", f"'{LABELS[1]}", "-0.5"}

    run = tmp_path / "run"
    assert (
        cli("detect", noisy, "--label-column", "label", "--encoder", "tfidf", "-o", run).code == 0
    )
    scored = json.loads(cli("evaluate", run, "--truth", "true_label", "--json").out)
    assert scored["errors"] == sum(
        a["label"] != b["label"] for a, b in zip(before, after, strict=True)
    )

    assert cli("apply", run, "-o", flagged).code == 0
    assert cli("apply", run, "--strategy", "weight", "-o", weighted).code == 0
    for path in (flagged, weighted):
        for row, original in zip(cells(path), after, strict=True):
            assert {name: row[name] for name in original} == original
            assert not any(is_formula(row[name]) for name in row.keys() - original.keys())
    suggested = {row["noisefix_suggested_label"] for row in cells(flagged)}
    assert suggested == {f"'{LABELS[0]}", f"'{LABELS[1]}", "-0.5"}
