from __future__ import annotations

import json
from pathlib import Path

import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError, UsageError
from noisefix.run.folder import RunFolder
from noisefix.tables.bad_rows import BadRow, bad_rows_warning, list_beside, skips, write_bad_rows
from noisefix.tables.source import Source, read_source
from noisefix.tables.stream import open_stream

HEADER = "id,text,label\n"
BAD = '2,"never closed,x\n'
FILE = HEADER + "1,one,x\n" + BAD + '3,"two, three",y\n' + "4,too,many,cells\n5,five,x\n6,cut"
LINES = b'{"id": 1, "label": "x"}\n{"id": 2, "label"\n[1]\n\n{"id": 5, "label": "y"}\n{"id": \xff}'


def test_two_ways_and_no_other() -> None:
    assert (skips("skip"), skips("stop")) == (True, False)
    with pytest.raises(UsageError, match="--bad-rows drop"):
        skips("drop")


def read(tmp_path: Path, content: str | bytes, name: str = "d.csv") -> Source:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_source(path, bad_rows="skip")


def test_good_rows_are_numbered_as_if_the_others_were_not_there(tmp_path: Path) -> None:
    source = read(tmp_path, FILE)
    assert source.table["id"].to_pylist() == ["1", "3", "5"]
    assert [(row.line, row.reason) for row in source.bad] == [
        (3, "the quote opened on line 3 is closed on line 4, but more text follows in the cell"),
        (5, "found 4 fields, expected 3"),
        (7, "found 2 fields, expected 3"),
    ]
    assert source.bad[0].text == BAD.rstrip("\n")
    assert "3 rows that cannot be read are left out (lines 3, 5, 7)" in source.warnings[0]
    with pytest.raises(DataError, match=r"row 2 \(line 3\)") as caught:
        read_source(tmp_path / "d.csv")
    assert "--bad-rows skip" in caught.value.hint


def test_they_stay_in_the_output_byte_for_byte(tmp_path: Path) -> None:
    source = read(tmp_path, FILE)
    out = tmp_path / "out.csv"
    assert rewritten(tmp_path / "d.csv", source, out) == FILE.encode()
    edited = rewritten(tmp_path / "d.csv", source, out, edits={(2, "label"): "z"}, dropped=[3])
    assert edited.decode() == FILE.replace('three",y', 'three",z').replace("5,five,x\n", "")
    added = rewritten(tmp_path / "d.csv", source, out, added={"flag": ["p", "q", "r"]})
    assert BAD in added.decode()
    assert '3,"two, three",y,q\n' in added.decode()


def test_lines_of_json(tmp_path: Path) -> None:
    source = read(tmp_path, LINES, "d.jsonl")
    assert source.table["id"].to_pylist() == [1, 5]
    assert [row.line for row in source.bad] == [2, 3, 6]
    out = tmp_path / "out.jsonl"
    edited = rewritten(tmp_path / "d.jsonl", source, out, edits={(2, "label"): "z"}, dropped=[1])
    assert edited == LINES.replace(b'"y"', b'"z"').removeprefix(b'{"id": 1, "label": "x"}\n')


@pytest.mark.parametrize(("name", "content"), [("d.csv", FILE.encode()), ("d.jsonl", LINES)])
def test_a_stream_leaves_the_same_rows_out(tmp_path: Path, name: str, content: bytes) -> None:
    source = read(tmp_path, content, name)
    with open_stream(tmp_path / name, bad_rows="skip") as stream:
        assert stream.bad == source.bad
        assert stream.warnings == source.warnings
        ids = [row["id"] for table in stream.blocks(["id"]) for row in table.to_pylist()]
    assert ids == source.table["id"].to_pylist()


def test_broken_bytes_are_one_bad_row(tmp_path: Path) -> None:
    text = (HEADER + "1,größe für dich,x\n2,b").encode() + b"\xff" + ",x\n3,süß,y\n".encode()
    source = read(tmp_path, text)
    assert source.table["id"].to_pylist() == ["1", "3"]
    assert [(row.line, row.reason) for row in source.bad] == [(3, "byte 0xFF is not valid UTF-8")]


def test_when_no_row_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no row that can be read; line 3: found 2 fields"):
        read(tmp_path, "sep=,\n" + HEADER + "a,b\nc,d,e,f\n")


def test_the_run_folder_lists_them_and_reads_the_input_the_same_way(tmp_path: Path) -> None:
    source = read(tmp_path, FILE)
    run = RunFolder.create(tmp_path / "run", source)
    run.set_input(source, text_column="text", label_column="label", id_column="id")
    listed = [json.loads(line) for line in run.bad_rows_list.read_text().splitlines()]
    assert [row["line"] for row in listed] == [3, 5, 7]
    assert listed[0]["text"] == BAD.rstrip("\n")
    assert run.input.source().table["id"].to_pylist() == ["1", "3", "5"]


def test_an_older_list_goes_when_nothing_is_left_out(tmp_path: Path) -> None:
    path = list_beside(tmp_path / "out.parquet")
    assert path.name == "out.parquet.bad_rows.jsonl"
    assert str(path) in write_bad_rows([BadRow(2, 2, "why", "a\x1bb")], path)[0]
    assert path.read_text() == (
        '{"line": 2, "last_line": 2, "reason": "why", "text": "a\\u001bb"}\n'
    )
    assert write_bad_rows([], path) == ()
    assert not path.exists()


def test_the_warning_counts() -> None:
    rows = [BadRow(line, line, "why", "") for line in range(2, 9)]
    assert bad_rows_warning(rows, "x.csv") == (
        "x.csv: 7 rows that cannot be read are left out (lines 2, 3, 4, 5, 6, ...): why"
    )
