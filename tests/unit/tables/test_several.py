from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.cleaning.targets import content_sha256
from noisefix.errors import DataError
from noisefix.tables import stream as stream_module
from noisefix.tables.changes import Changes, split_changes
from noisefix.tables.dataset import load_dataset
from noisefix.tables.several import digest_of, files_of
from noisefix.tables.source import read_source
from noisefix.tables.stream import open_stream
from noisefix.tables.text_stream import open_texts

ONE = b'text,label\r\n"a, 1",x\r\nb,y\r\n'
TWO = "label;text\nz;\N{PARTY POPPER} c\nx;007".encode("utf-16")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "parts"
    (path / "deep").mkdir(parents=True)
    (path / "part-1.csv").write_bytes(ONE)
    (path / "deep" / "part-2.csv").write_bytes(TWO)
    (path / "README.md").write_text("no table")
    (path / "_SUCCESS").write_bytes(b"")
    (path / ".hidden.csv").write_bytes(b"x")
    return path


def test_the_files_of_a_folder_are_one_table(folder: Path) -> None:
    source = read_source(folder)
    assert source.columns == ("label", "text")
    assert source.table["text"].to_pylist() == ["\N{PARTY POPPER} c", "007", "a, 1", "b"]
    assert [part.name for part in source.parts] == ["deep/part-2.csv", "part-1.csv"]
    assert (source.name, source.path, source.format) == ("parts", None, "csv")
    assert source.row_ids == [
        "deep/part-2.csv:1",
        "deep/part-2.csv:2",
        "part-1.csv:1",
        "part-1.csv:2",
    ]
    assert load_dataset(source, needs_labels=False).ids == source.row_ids
    assert source.sha256 == digest_of(folder)
    with open_texts(folder) as stream:
        (block,) = stream.blocks()
        assert block.ids == source.row_ids


def test_patterns_and_lists_name_files(folder: Path) -> None:
    pattern = read_source(f"{folder}/*.csv")
    assert [part.name for part in pattern.parts] == ["part-1.csv"]
    both = read_source(f"{folder}/**/part-*.csv")
    assert len(both) == 4
    listed = read_source([folder / "part-1.csv", folder / "deep" / "part-2.csv"])
    assert [part.name for part in listed.parts] == ["part-1.csv", "deep/part-2.csv"]
    assert listed.columns == ("text", "label")
    assert listed.table["label"].to_pylist() == ["x", "y", "z", "x"]
    assert listed.name == "part-1.csv and 1 more"
    assert read_source([folder / "part-1.csv"]).path == folder / "part-1.csv"
    odd = folder / "a[1].csv"
    odd.write_bytes(ONE)
    assert read_source(odd).path == odd
    with pytest.raises(DataError, match="no file fits this pattern"):
        read_source(f"{folder}/none-*.csv")
    with pytest.raises(DataError, match="is named twice"):
        read_source([odd, odd])


def test_each_file_is_written_back_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    source = read_source(folder)
    files = source.files
    same = rewritten(files, source, tmp_path / "out")
    assert same == {part.name: path.read_bytes() for part, path in zip(source.parts, files)}  # noqa: B905
    assert content_sha256(same) == source.sha256
    new = rewritten(
        files, source, tmp_path / "out", edits={(2, "label"): "y", (3, "label"): "z"}, dropped=[4]
    )
    assert new == {
        "part-1.csv": ONE.replace(b",x", b",z").replace(b"b,y\r\n", b""),
        "deep/part-2.csv": TWO.decode("utf-16").replace("x;007", "y;007").encode("utf-16"),
    }


def written(path: Path, rows: list[dict[str, Any]], kind: str) -> None:
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_numbers_of_several_kinds_become_one_kind(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    written(folder / f"1.{kind}", [{"n": 1, "t": "a"}], kind)
    written(folder / f"2.{kind}", [{"n": 2.5, "t": "b"}], kind)
    written(folder / f"3.{kind}", [{"n": None, "t": "c"}], kind)
    assert read_source(folder).table.to_pylist() == [
        {"n": 1.0, "t": "a"},
        {"n": 2.5, "t": "b"},
        {"n": None, "t": "c"},
    ]
    written(folder / f"4.{kind}", [{"n": "x", "t": "d"}], kind)
    with pytest.raises(DataError, match=rf"d: column 'n' is int64 in 1\.{kind}, but .* in"):
        read_source(folder)


def test_files_that_do_not_go_together(folder: Path, tmp_path: Path) -> None:
    (folder / "part-3.csv").write_text("text,klass\na,b\n")
    with pytest.raises(DataError, match=r"parts: part-3\.csv .* lacks 'label'") as caught:
        read_source(folder)
    assert "same columns" in caught.value.hint
    (folder / "part-3.csv").write_text("text,label,more\na,b,c\n")
    with pytest.raises(DataError, match="has 'more' too"):
        read_source(folder)
    (folder / "part-3.csv").unlink()
    written(folder / "x.jsonl", [{"text": "a", "label": "b"}], "jsonl")
    with pytest.raises(DataError, match=r"part-2\.csv is CSV, but x\.jsonl is JSON Lines"):
        read_source(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="is a folder without tables in it"):
        read_source(empty)
    (empty / "run.json").write_text("{}")
    with pytest.raises(DataError, match="is a run folder, not a table"):
        read_source(empty)
    assert files_of("") is None


def test_changes_are_shared_out() -> None:
    changes = Changes({1: {"a": "x"}, 4: {"a": "y"}}, frozenset({3, 5}), {"n": list("12345")})
    assert split_changes(changes, [2, 0, 3]) == [
        Changes({1: {"a": "x"}}, frozenset(), {"n": ["1", "2"]}),
        Changes({}, frozenset(), {"n": []}),
        Changes({2: {"a": "y"}}, frozenset({1, 3}), {"n": ["3", "4", "5"]}),
    ]


def test_a_saved_hugging_face_data_set_is_its_tables(tmp_path: Path) -> None:
    for k, rows in enumerate(([{"text": "a", "label": 1}], [{"text": "b", "label": 0}])):
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_stream(tmp_path / f"data-{k:05}-of-00002.arrow", table.schema) as writer:
            writer.write_table(table)
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text("{}")
    assert read_source(tmp_path).table["text"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_files_are_streamed_one_after_the_other(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k, n_rows in enumerate((5, 1, 7)):
        rows = [{"n": str(row), "text": f"{k}: {row}"} for row in range(n_rows)]
        path = tmp_path / f"{k}.{kind}"
        if kind == "csv":
            path.write_text("n,text\n" + "".join(f"{r['n']},{r['text']}\n" for r in rows))
        else:
            written(path, rows, kind)
    source = read_source(tmp_path)
    assert [len(part) for part in source.parts] == [5, 1, 7]
    monkeypatch.setattr(stream_module, "read_source", None)  # nothing is read into memory
    with open_stream(tmp_path) as stream:
        assert (stream.n_rows, stream.head.sha256) == (13, source.sha256)
        blocks = list(stream.blocks(["text"], 4))
        assert [len(block) for block in blocks] == [4, 4, 4, 1]
        assert pa.concat_tables(blocks)["text"].to_pylist() == source.table["text"].to_pylist()
        for first in range(1, 14):
            for size in range(14 - first + 1):
                assert stream.row_ids(first, size) == source.row_ids[first - 1 : first - 1 + size]
    monkeypatch.undo()
    monkeypatch.setattr(stream_module, "_MOST_OPEN", 2)
    with open_stream(tmp_path) as stream:
        assert stream.row_ids(1, 13) == source.row_ids
