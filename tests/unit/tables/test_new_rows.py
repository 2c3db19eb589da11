"""Rows put after all others: every byte before them stays."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.changes import NewRow
from noisefix.tables.source import read_source

NEW = (
    NewRow(2, {"text": 'say "a", b', "id": "9", "from": "2"}, frozenset({"label"})),
    NewRow(1, {"text": "=1+1", "from": "1"}, frozenset()),
)


def made(path, added=True):
    source = read_source(path)
    columns = {"from": [""] * len(source)} if added else {}
    return rewritten(path, source, path.with_name("o" + path.suffix), added=columns, new_rows=NEW)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_csv(tmp_path, end, is_ended):
    lines = ["id,text,label,who", '1,"one",x,ann', '2,two,"y, z",bob']
    path = tmp_path / "d.csv"
    path.write_bytes((end.join(lines) + end * is_ended).encode())
    new = ['9,"say ""a"", b","y, z",', ',"=1+1",,']
    assert made(path, added=False) == (end.join([*lines, *new]) + end * is_ended).encode()
    with_column = [*(line + more for line, more in zip(lines, (",from", ",", ","), strict=True))]
    new = ['9,"say ""a"", b","y, z",,2', ',"=1+1",,,1']
    assert made(path) == (end.join([*with_column, *new]) + end * is_ended).encode()


def test_json_lines(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"id":1,"text":"one","label":"x"}\n{"label":7,"text":"two","id":2,"k":[1]}\n')
    before = path.read_text()
    found = made(path, added=False).decode()
    assert found == before + '{"label":7,"text":"say \\"a\\", b","id":9}\n{"text":"=1+1"}\n'
    path.write_text(before.rstrip("\n"))
    assert made(path, added=False).decode() == found.rstrip("\n")


def test_a_list_in_json(tmp_path):
    path = tmp_path / "d.json"
    rows = [{"id": 1, "text": "one", "label": "x"}, {"id": 2, "text": "two", "label": "y"}]
    path.write_text(json.dumps({"rows": rows}, indent=2))
    found = made(path, added=False).decode()
    assert json.loads(found)["rows"] == [
        *rows,
        {"id": 9, "text": 'say "a", b', "label": "y"},
        {"text": "=1+1"},
    ]
    assert found.startswith(path.read_text().rstrip("}\n ]"))


def test_parquet_keeps_types(tmp_path):
    path = tmp_path / "d.parquet"
    schema = pa.schema(
        [
            pa.field("id", pa.int32()),
            pa.field("text", pa.large_string()),
            pa.field("label", pa.dictionary(pa.int8(), pa.string())),
            pa.field("n", pa.int64(), nullable=False),
        ]
    )
    rows = {"id": [1, 2], "text": ["one", "two"], "label": ["x", "y"], "n": [5, 6]}
    pq.write_table(pa.table(rows, schema=schema), path)
    found = pq.read_table(pa.BufferReader(made(path)))
    assert [f.type for f in found.schema][:4] == [f.type for f in schema]
    assert found.to_pylist()[2:] == [
        {"id": 9, "text": 'say "a", b', "label": "y", "n": 6, "from": "2"},
        {"id": None, "text": "=1+1", "label": None, "n": 5, "from": "1"},
    ]


def test_of_several_files_each_gets_its_own(tmp_path):
    for name, row in (("a", "1,one,x"), ("b", "2,two,y")):
        (tmp_path / f"{name}.csv").write_text(f"id,text,label\n{row}\n")
    source = read_source(tmp_path)
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    found = rewritten(files, source, tmp_path.with_name("out"), new_rows=NEW)
    assert found == {
        "a.csv": b"id,text,label\n1,one,x\n,=1+1,\n",
        "b.csv": b'id,text,label\n2,two,y\n9,"say ""a"", b",y\n',
    }


def test_what_takes_no_rows(tmp_path):
    path = tmp_path / "d.txt"
    path.write_text("__label__x one\n__label__y two\n")
    with pytest.raises(DataError, match="rows cannot be added to lines for fastText"):
        made(path, added=False)
    path = tmp_path / "d.csv"
    path.write_text("id,text,label\n1,one,x\n")
    with pytest.raises(DataError, match="no row 2"):
        made(path)
