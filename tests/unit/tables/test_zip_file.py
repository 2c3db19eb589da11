from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from noisefix.cleaning.rewrite import rewritten
from noisefix.errors import DataError
from noisefix.tables.source import read_source
from noisefix.tables.stream import open_stream

CSV = b"id,text,label\r\n1,a,x\r\n2,b,y\r\n"


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_one_file_in_it_is_read(tmp_path: Path) -> None:
    beside = {"data/": b"", "__MACOSX/d.csv": b"x", "data/.DS_Store": b"x"}
    path = zip_of(tmp_path / "d.zip", {"data/d.csv": CSV, **beside})
    source = read_source(path)
    assert source.table["text"].to_pylist() == ["a", "b"]
    assert (source.name, source.path, source.format) == ("d.zip", path, "csv")
    assert source.warnings == ()


def test_of_several_files_one_is_named(tmp_path: Path) -> None:
    members = {"a.csv": CSV, "b.jsonl": b'{"text": "c"}\n', "c.csv.gz": gzip.compress(CSV)}
    path = zip_of(tmp_path / "d.zip", members)
    with pytest.raises(DataError, match=r"d\.zip: holds 3 files") as caught:
        read_source(path)
    assert "d.zip::a.csv, d.zip::b.jsonl, d.zip::c.csv.gz" in caught.value.hint
    with pytest.raises(DataError, match=r"d\.zip: has no file 'x\.csv'"):
        read_source(f"{path}::x.csv")
    assert read_source(f"{path}::b.jsonl").table["text"].to_pylist() == ["c"]
    for name in ("a.csv", "c.csv.gz"):
        source = read_source(f"{path}::{name}")
        assert source.table["text"].to_pylist() == ["a", "b"]
        with open_stream(f"{path}::{name}") as stream:
            assert stream.head.table.equals(source.table)
            assert (stream.head.sha256, stream.warnings) == (source.sha256, ())
        new = rewritten(path, source, tmp_path / "o.zip", edits={(1, "label"): "z"})
        (tmp_path / "o.zip").write_bytes(new)
        again = read_source(f"{tmp_path / 'o.zip'}::{name}")
        assert again.table["label"].to_pylist() == ["z", "y"]
        other = read_source(f"{tmp_path / 'o.zip'}::b.jsonl")
        assert other.table["text"].to_pylist() == ["c"]
        plain = rewritten(path, source, tmp_path / "o.csv", edits={(1, "label"): "z"})
        assert plain == CSV.replace(b",x", b",z")


def test_a_plain_file_can_be_written_as_zip(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(CSV)
    new = rewritten(path, read_source(path), tmp_path / "o.csv.zip")
    with zipfile.ZipFile(io.BytesIO(new)) as archive:
        assert archive.namelist() == ["o.csv"]
        assert archive.read("o.csv") == CSV
    assert new == rewritten(path, read_source(path), tmp_path / "o.csv.zip")


def test_bad_zip_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w"):
        pass
    with pytest.raises(DataError, match="there is no file in it"):
        read_source(path)
    path.write_bytes(CSV)
    with pytest.raises(DataError, match="not a whole zip file") as caught:
        read_source(path)
    assert "unzip -t" in caught.value.hint
    zip_of(path, {"a.csv": CSV * 10_000})
    monkeypatch.setenv("NOISEFIX_MAX_UNPACKED", "100K")
    with pytest.raises(DataError, match="unpacks to more than 100 KiB"):
        read_source(path)
    raw = bytearray(zip_of(path, {"a.csv": CSV}).read_bytes())
    for at in (raw.index(b"PK\x03\x04") + 6, raw.index(b"PK\x01\x02") + 8):
        raw[at] |= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"a\.csv is locked with a password"):
        read_source(path)


def test_a_sheet_of_a_workbook_in_a_zip_file(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for title, text in (("one", "a"), ("two", "b")):
        sheet = book.create_sheet(title)
        sheet.append(["text"])
        sheet.append([text])
    del book["Sheet"]
    file = io.BytesIO()
    book.save(file)
    path = zip_of(tmp_path / "d.zip", {"b.xlsx": file.getvalue()})
    assert read_source(f"{path}::b.xlsx::two").table["text"].to_pylist() == ["b"]
    with pytest.raises(DataError, match="only zip files have files inside"):
        read_source(f"{zip_of(path, {'a.csv': CSV})}::a.csv::two")
    plain = tmp_path / "d.csv"
    plain.write_bytes(CSV)
    with pytest.raises(DataError, match=r"d\.csv::two: only zip files"):
        read_source(f"{plain}::two")
    odd = tmp_path / "a::b.csv"
    odd.write_bytes(CSV)
    assert read_source(odd).inside == ()
