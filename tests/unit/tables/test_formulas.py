"""Cells that a spreadsheet would run are made harmless, numbers and all else stay."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisefix.cleaning.rewrite import rewrite_source
from noisefix.tables.formulas import defused, restored, restored_labels
from noisefix.tables.source import read_source

DANGEROUS = ["=cmd|'/c calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "'=1", "＝1"]
HARMLESS = ["-0.5", "+1", "-1e-3", "-,5", "1-2", "a=b", "", "it's", "'quoted'", "x@y.z", "plain"]


@pytest.mark.parametrize("cell", DANGEROUS)
def test_formulas_get_an_apostrophe_and_lose_it_again(cell):
    assert defused(cell) == f"'{cell}"
    assert restored(defused(cell)) == cell


@pytest.mark.parametrize("cell", HARMLESS)
def test_numbers_and_words_stay(cell):
    assert defused(cell) == cell
    assert restored(cell) == cell


@given(st.text(st.sampled_from("'=+-@\t\r\n 1.a＝"), max_size=8))
def test_every_cell_comes_back(cell):
    assert restored(defused(cell)) == cell


def test_labels_are_restored_only_to_known_ones():
    known = {"=x", "'=y"}
    assert restored_labels(["'=x", "'=y", "'=z", None], known) == ["=x", "'=y", "'=z", None]


@pytest.mark.parametrize(("name", "delimiter"), [("t.csv", ","), ("t.tsv", "\t"), ("u.csv", ";")])
def test_added_columns_are_defused_and_cells_of_the_input_are_not(tmp_path, name, delimiter):
    path, output = tmp_path / name, tmp_path / f"out-{name}"
    path.write_text(f"text{delimiter}label\n=1+1{delimiter}-x\n-0.5{delimiter}@y\n")
    added = {"new": ["=cmd|x", "-0.25"], "@why": ["+a", "b"]}
    rewrite_source(path, read_source(path), output, edits={(2, "label"): "=z"}, added=added)
    rows = list(csv.reader(io.StringIO(output.read_text()), delimiter=delimiter))
    assert rows == [
        ["text", "label", "new", "'@why"],
        ["=1+1", "-x", "'=cmd|x", "'+a"],
        ["-0.5", "=z", "-0.25", "b"],
    ]


def test_json_lines_hold_values_as_they_are(tmp_path):
    path, output = tmp_path / "t.jsonl", tmp_path / "out.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n')
    rewrite_source(path, read_source(path), output, added={"new": ["=cmd"]})
    assert '"new": "=cmd"' in output.read_text() or '"new":"=cmd"' in output.read_text()
