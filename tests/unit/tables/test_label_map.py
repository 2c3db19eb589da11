"""Files that say what codes are called."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError
from noisefix.tables.label_map import read_label_map

NAMES = {"0": "refund", "1": "parcel", "refnd": "refund"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", "raw,name\n0,refund\n1,parcel\nrefnd,refund\n"),
        ("m.csv", "code;called\n 0 ; refund\n1;parcel\nrefnd;refund\n"),
        ("m.tsv", "note\tname\traw\n\trefund\t0\n\tparcel\t1\n\trefund\trefnd\n"),
        ("m.toml", '0 = "refund"\n1 = "parcel"\nrefnd = "refund"\n'),
        ("m.json", '\ufeff{"0": "refund", "1": " parcel", "refnd": "refund"}'),
        ("m.jsonl", '{"raw": 0, "name": "refund"}\n{"raw": 1, "name": "parcel"}\n'),
    ],
)
def test_every_kind_of_file_says_the_same(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    found = read_label_map(path)
    assert found == (NAMES if "refnd" in content else {"0": "refund", "1": "parcel"})


def test_numbers_in_parquet_are_codes(tmp_path):
    pq.write_table(pa.table({"raw": [0.0, 1.0], "name": ["refund", "parcel"]}), tmp_path / "m.pq")
    assert read_label_map(tmp_path / "m.pq") == {"0": "refund", "1": "parcel"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "raw,name\n0,refund\n0,parcel\n", "row 2: '0' is called 'parcel' and 'refund'"),
        ("m.json", '{"0": "a", "0": "b"}', "'0' is called 'b' and 'a'"),
        ("m.csv", "raw,name\n0,\n", "row 1: no name"),
        ("m.csv", "raw,name\n,a\n", "row 1: a name for an empty cell"),
        ("m.csv", "a,b,c\n0,1,2\n", "has the columns a, b, c"),
        ("m.toml", '[labels]\nrefund = "wants money"\n', "'labels'"),
        ("m.toml", "0 = refund\n", "cannot be read"),
        ("m.json", "[" * 100_000, "cannot be read"),
        ("m.json", "[1]", "is no code with its name"),
        ("m.json", '"x"', "holds no names by code"),
        ("m.json", '{"0": 1}', "is no code with its name"),
        ("m.json", "{}", "names no label"),
        ("m.json", b"\xff\xfe{", "cannot be read"),
    ],
)
def test_what_is_no_map_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_label_map(path)
    assert message in caught.value.message
    assert caught.value.hint
