from __future__ import annotations

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.handover.table import table_bytes
from noisefix.tables.source import read_source

ADDED = {"verdict": ["=1+1", "-0.5", "fine"]}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text('text;label\n"=a; b";x\n"two\nlines";y\n;z\n')
    return read_source(path)


def test_csv_keeps_the_inputs_cells_and_defuses_ours(source):
    content = table_bytes(source, np.array([1, 0]), ADDED, "csv").decode()
    assert list(csv.reader(io.StringIO(content, newline=""), delimiter=";")) == [
        ["text", "label", "verdict"],
        ["two\nlines", "y", "-0.5"],
        ["=a; b", "x", "'=1+1"],
    ]


def test_json_lines_hold_the_values_raw(source):
    lines = table_bytes(source, np.array([0, 2]), ADDED, "jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"text": "=a; b", "label": "x", "verdict": "=1+1"},
        {"text": "", "label": "z", "verdict": "fine"},
    ]


def test_parquet_holds_types_and_values(tmp_path):
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"n": [1, 2, 3], "text": ["a", None, "c"]}), path)
    content = table_bytes(read_source(path), np.array([2, 1]), ADDED, "parquet")
    assert pq.read_table(io.BytesIO(content)).to_pydict() == {
        "n": [3, 2],
        "text": ["c", None],
        "verdict": ["fine", "-0.5"],
    }


def test_no_rows_are_a_header(source):
    content = table_bytes(source, np.array([], dtype=np.int64), ADDED, "csv")
    assert content == b"text;label;verdict\n"
