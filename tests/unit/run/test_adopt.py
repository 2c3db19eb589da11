"""A folder of tables becomes a run folder: what is known of it, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError, UsageError
from noisefix.run.adopt import describe, foreign_tables
from noisefix.run.answers import read_verdicts
from noisefix.run.folder import RunFolder
from noisefix.run.outputs import check_not_foreign
from noisefix.run.schemas import CLASSES_TABLE, RELABELS

CSV = "text,label,same,key\none,a,a,k1\ntwo,b,b,k2\nthree,,,k3\n"


@pytest.fixture
def table(make_issues, verdict) -> pa.Table:
    rows = [verdict("a", "a", 0.9), verdict("b", "a", 0.8, is_issue=True), verdict(None, "b", 0.7)]
    return make_issues(rows, ("a", "b"), ids=["k1", "k2", "k3"], texts=["one", "two", "three"])


@pytest.fixture
def folder(tmp_path: Path, table: pa.Table) -> Path:
    path = tmp_path / "tables"
    path.mkdir()
    pq.write_table(table, path / "issues.parquet")
    return path


def relabels(folder: Path, *rows: dict[str, object]) -> None:
    empty = {column.name: None for column in RELABELS.columns}
    full = [empty | {"reasons": [], "is_probe": False, "action": "keep"} | row for row in rows]
    schema = RELABELS.arrow()
    pq.write_table(pa.Table.from_pylist(full, schema=schema), folder / "relabels.parquet")


def test_a_folder_without_tables_is_none(tmp_path: Path) -> None:
    (tmp_path / "joint.parquet").write_text("")
    assert describe(tmp_path) is None
    assert foreign_tables(tmp_path) == {}
    with pytest.raises(DataError, match=r"no run\.json in it, nor any tables"):
        RunFolder.open(tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_what_nobody_says_is_not_made_up(folder: Path) -> None:
    run = RunFolder.open(folder)
    known = run.read()
    columns = dict.fromkeys(("text", "label", "id"))
    assert known["input"] == {"name": "issues.parquet", "rows": 3, "columns": columns}
    assert known["stages"] == {}
    assert set(known["outside"]) == {"issues"}
    assert run.input_state() == "vanished"
    for ask in (lambda: run.input.files(), lambda: run.read()["input"]["dialect"]):
        with pytest.raises(DataError, match="do not say where the 3 rows") as caught:
            ask()
        assert "--data FILE" in caught.value.hint


def test_an_input_is_found_by_what_its_columns_hold(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text(CSV.replace("one,a,a", "one,a,b"))
    run = RunFolder.open(folder, data)
    assert run.read()["input"]["columns"] == {"text": "text", "label": "label", "id": "key"}
    assert RunFolder.open(folder).input.files()[0] == data
    data.write_text(CSV)
    with pytest.raises(DataError, match="is not the input"):
        RunFolder.open(folder, data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CSV, r"more than one column \(label, same\) holds every label"),
        (CSV.replace("two", "2"), "no column holds every text"),
        (CSV.replace("one,a,a", "one,a,b").replace("k2", "k9"), "no column holds every id"),
        (CSV + "four,a,b,k4\n", "has 4 rows, but the row_number"),
    ],
)
def test_a_file_of_other_rows_is_refused(folder, tmp_path, content, message):
    data = tmp_path / "data.csv"
    data.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        RunFolder.open(folder, data)
    assert caught.value.hint
    assert "path" not in RunFolder.open(folder).read()["input"]


def test_answers_made_elsewhere_are_weighed_in(folder: Path) -> None:
    relabels(folder, {"id": "k2", "action": "relabel", "final_label": "a", "annotator": "bob"})
    verdicts, _ = read_verdicts(RunFolder.open(folder))
    assert verdicts["action"].to_pylist() == [None, "relabel", None]
    assert verdicts["annotator"].to_pylist() == [None, "bob", None]
    with pytest.raises(UsageError, match="was not made by noisefix"):
        check_not_foreign([folder / "relabels.parquet"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "k9"}, "id 'k9' in row 1 is not in issues.parquet"),
        ({"id": "k1", "action": "relabel", "final_label": "c"}, "final_label, row 1: 'c' is no"),
    ],
)
def test_answers_about_other_rows_or_classes_are_refused(folder, row, message):
    relabels(folder, row)
    with pytest.raises(DataError, match=message):
        RunFolder.open(folder)


def test_tables_of_other_classes_are_refused(folder: Path) -> None:
    row = {column.name: 0 for column in CLASSES_TABLE.columns} | {"label": "c"}
    table = pa.Table.from_pylist([row], schema=CLASSES_TABLE.arrow())
    pq.write_table(table, folder / "classes.parquet")
    with pytest.raises(DataError, match="label, row 1: 'c' is no class of the issues"):
        RunFolder.open(folder)


def test_a_table_may_be_there_before_those_that_it_belongs_to(make_run, verdict) -> None:
    run = make_run(CSV, [verdict("a", "a", 0.9), verdict("b", "b", 0.8), verdict(None, "b", 0.7)])
    run.issues.unlink()
    relabels(run.path, {"id": "1"})
    assert set(RunFolder.open(run.path).read()["outside"]) == {"relabels"}


def test_a_table_that_is_replaced_is_listed_anew(folder: Path, table: pa.Table) -> None:
    before = RunFolder.open(folder).read()["outside"]["issues"]["sha256"]
    text = (folder / "run.json").read_bytes()
    RunFolder.open(folder)
    assert (folder / "run.json").read_bytes() == text
    pq.write_table(table.append_column("more", [[1, 2, 3]]), folder / "issues.parquet")
    RunFolder.open(folder)
    assert json.loads((folder / "run.json").read_text())["outside"]["issues"]["sha256"] != before
