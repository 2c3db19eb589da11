"""Classes in an order: rows ranked by how far off they seem, and what the summary says of it."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

WORDS = {
    "1": ("awful", "broken", "terrible"),
    "2": ("poor", "slow", "weak"),
    "3": ("average", "fine", "usual"),
    "4": ("good", "quick", "solid"),
    "5": ("perfect", "superb", "lovely"),
}
FAST = ("--encoder", "tfidf", "--quiet")
ORDER = "1,2,3,4,5"
NEAR, FAR = "8", "41"  # ids of a row given 4 in place of 3, and of one given 5 in place of 1


@pytest.fixture
def reviews(tmp_path):
    """A hundred texts of five classes; one label is a step off, one four steps."""
    lines = ["id,text,label"]
    for i in range(100):
        label = str(i % 5 + 1)
        words = WORDS[label]
        text = f"{words[i % 3]} and {words[(i // 3) % 3]} thing {i * 37 % 101}"
        given = {NEAR: "4", FAR: "5"}.get(str(i + 1), label)
        lines.append(f"{i + 1},{text},{given}")
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_further_off_the_more_suspicious(cli, reviews, tmp_path):
    run = tmp_path / "run"
    outcome = cli("detect", reviews, "-o", run, *FAST, "--ordinal", ORDER, "--json")
    found = json.loads(outcome.out)
    assert found["ordinal"]["order"] == ["1", "2", "3", "4", "5"]
    assert sum(found["ordinal"]["shares"]) == pytest.approx(1)
    table = pq.read_table(run / "issues.parquet").to_pylist()
    rows = {row["id"]: row for row in table}
    steps = [share * k for k, share in enumerate(found["ordinal"]["shares"])]
    assert found["ordinal"]["mean_distance"] == pytest.approx(sum(steps))
    ranked = sorted(table, key=lambda row: row["rank"])
    distances = [row["expected_distance"] for row in ranked]
    assert distances == sorted(distances, reverse=True)
    assert ranked[0]["id"] == FAR
    assert (rows[FAR]["suggested_label"], rows[NEAR]["suggested_label"]) == ("1", "3")
    assert "1 is 4 steps away in the order of the classes" in rows[FAR]["reasons"]
    assert not any("steps away" in reason for reason in rows[NEAR]["reasons"])


def test_the_summary_says_how_far(cli, reviews, tmp_path):
    outcome = cli("detect", reviews, "-o", tmp_path / "run", *FAST, "--ordinal", ORDER)
    assert "In the order 1 < 2 < 3 < 4 < 5, labels seem 0." in " ".join(outcome.out.split())


def test_the_first_rows_are_flagged_when_so_many_are_wanted(cli, reviews, tmp_path):
    run = tmp_path / "run"
    args = ("--ordinal", ORDER, "--flag-top", 1)
    assert cli("detect", reviews, "-o", run, *FAST, *args).code == 0
    flagged = [r["id"] for r in pq.read_table(run / "issues.parquet").to_pylist() if r["is_issue"]]
    assert flagged == [FAR]
    outcome = cli("check", reviews, *FAST, *args, "--max-issues", 0, "--json")
    assert (outcome.code, json.loads(outcome.out)["issues"]) == (1, 1)


def test_without_an_order_there_is_no_distance(cli, reviews, tmp_path):
    run = tmp_path / "run"
    outcome = cli("detect", reviews, "-o", run, *FAST, "--json")
    assert json.loads(outcome.out)["ordinal"] is None
    assert "expected_distance" not in pq.read_table(run / "issues.parquet").column_names


def test_a_class_left_out_of_the_order_is_told_before_the_long_work(cli, reviews, tmp_path):
    outcome = cli("detect", reviews, "-o", tmp_path / "run", *FAST, "--ordinal", "1,2,3,4")
    assert (outcome.code, "--ordinal leaves out '5'" in outcome.err) == (3, True)
    assert not (tmp_path / "run").exists()
