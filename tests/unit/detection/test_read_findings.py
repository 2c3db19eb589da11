"""What ``detect`` returns: the tables of a run folder as plain numbers and names."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from noisefix.detection.read_findings import read_detection
from noisefix.errors import DataError
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import write_table
from noisefix.run.provenance import Provenance
from noisefix.run.schemas import CLASSES_TABLE, ISSUES, PAIRS

FACTS = {
    "rows": 4,
    "labelled": 3,
    "issues": 1,
    "noise_rate": 0.25,
    "noise_rate_low": 0.1,
    "noise_rate_high": 0.5,
    "duplicate_conflicts": 2,
    "outside": 0,
    "order": None,
    "flagged_wrong": 1.5,
    "flagged_wrong_low": 1.0,
    "flagged_wrong_high": 2.0,
    "labelled_by": "people",
    "verdict": "many",
    "unverified_class": "a",
    "flagged_label": "b",
    "hoc": {"noise_rate": 0.3, "class_shares": {"a": 0.5, "b": 0.5}, "rows": 3, "reason": None},
    "disputed_rows": 4,
    "overused_label": "a",
    "collapsed_into": "b",
    "can_relabel": True,
    "relabel_reason": "50 verified rows vouch for the estimate",
}


def provenance(name: str) -> Provenance:
    return Provenance(name, 1, "0", class_names=("a", "b"), results=FACTS)


def write_run(folder: Path, issues: pa.Table, pairs: list[dict[str, object]] | None = None) -> None:
    write_table(issues, folder / "issues.parquet", ISSUES, provenance("issues"))
    classes = [
        {"label": "a", "rows": 2, "given_share": 0.6, "true_share": 0.4, "issues": 1},
        {"label": "b", "rows": 1, "given_share": 0.4, "true_share": 0.6, "issues": 0},
    ]
    rates = {"noise_rate": 0.3, "noise_rate_low": 0.2, "noise_rate_high": 0.4}
    table = pa.Table.from_pylist([row | rates for row in classes], schema=CLASSES_TABLE.arrow())
    write_table(table, folder / "classes.parquet", CLASSES_TABLE, provenance("classes"))
    pair = {"given_label": "a", "suggested_label": "b", "expected_rows": 0.9, "issues": 1}
    table = pa.Table.from_pylist([pair] if pairs is None else pairs, schema=PAIRS.arrow())
    write_table(table, folder / "pairs.parquet", PAIRS, provenance("pairs"))


@pytest.fixture
def run(tmp_path, make_issues, verdict):
    issues = make_issues(
        [
            verdict("a", "a", 0.7),
            verdict("a", "b", 0.9, is_issue=True),
            verdict(None, "b", 0.8),
            verdict("b", "b", 0.99, is_trusted=True),
        ],
        ("a", "b"),
        texts=["one", "two", "three", "four"],
    )
    write_run(tmp_path, issues)
    return RunFolder(tmp_path)


def test_the_findings_are_those_of_the_tables(run):
    found = read_detection(
        run,
        input_name="x.csv",
        encoder="tfidf",
        notes=("n",),
        warnings=("w",),
        seconds={"joint": 1.0},
        skipped=("embed",),
    )
    assert (found.rows, found.labelled, found.unlabelled, found.n_issues) == (4, 3, 1, 1)
    assert (found.noise_rate, found.noise_rate_low, found.noise_rate_high) == (0.25, 0.1, 0.5)
    assert found.classes == ("a", "b")
    assert (found.input_name, found.encoder, found.run) == ("x.csv", "tfidf", run.path)
    assert (found.notes, found.warnings, found.skipped) == (("n",), ("w",), ("embed",))
    assert found.seconds == {"joint": 1.0}
    assert found.duplicate_conflicts == 2
    assert (found.flagged_wrong_low, found.flagged_wrong, found.flagged_wrong_high) == (1, 1.5, 2)
    assert (found.labelled_by, found.disputed_rows) == ("people", 4)
    assert (found.overused_label, found.collapsed_into) == ("a", "b")
    assert (found.verdict, found.second_noise_rate) == ("many", 0.3)
    assert (found.unverified_class, found.flagged_label) == ("a", "b")
    assert found.can_relabel is True
    assert found.relabel_reason == FACTS["relabel_reason"]
    first = found.class_rows[0]
    assert (first.label, first.rows, first.issues) == ("a", 2, 1)
    assert (first.given_share, first.true_share) == (0.6, 0.4)
    assert (first.low, first.noise_rate, first.high) == (0.2, 0.3, 0.4)
    pair = found.pairs[0]
    assert (pair.given_label, pair.suggested_label, pair.issues) == ("a", "b", 1)
    assert (pair.example_id, pair.similarity) == (None, None)


def test_the_top_rows_are_neither_trusted_nor_unlabelled(run):
    top = read_detection(run, input_name="x.csv", encoder="tfidf").top
    assert [(row.id, row.row_number, row.text) for row in top] == [("2", 2, "two"), ("1", 1, "one")]
    assert (top[0].given_label, top[0].suggested_label) == ("a", "b")
    assert top[0].p_error == pytest.approx(0.9)
    assert top[0].reasons == ("9 of 10 nearest rows say b",)


def test_a_hundred_rows_are_enough(tmp_path, make_issues, verdict):
    verdicts = [verdict("a", "b", 0.5 + i / 1000) for i in range(150)]
    write_run(tmp_path, make_issues(verdicts, ("a", "b")), pairs=[])
    found = read_detection(RunFolder(tmp_path), input_name="x.csv", encoder="tfidf")
    assert [row.row_number for row in found.top] == list(range(150, 50, -1))
    assert found.pairs == ()


def test_a_missing_text_is_an_empty_one(tmp_path, make_issues, verdict):
    issues = make_issues([verdict("a", "b", 0.9), verdict("b", "b", 0.9)], ("a", "b"))
    issues = issues.set_column(2, "text", pa.array([None, "t"], pa.large_string()))
    write_run(tmp_path, issues)
    top = read_detection(RunFolder(tmp_path), input_name="x.csv", encoder="tfidf").top
    assert top[0].text == ""


@pytest.mark.parametrize("name", ["issues", "classes", "pairs"])
def test_a_table_that_is_missing_or_broken(run, name):
    path = run.path / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{name}\.parquet"):
        read_detection(run, input_name="x.csv", encoder="tfidf")
    path.unlink()
    with pytest.raises(DataError, match=rf"{name}\.parquet"):
        read_detection(run, input_name="x.csv", encoder="tfidf")
