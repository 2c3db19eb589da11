from __future__ import annotations

import bz2
import errno
import gzip
import hashlib
import io
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from noisefix.errors import DataError
from noisefix.tables.source import read_source

CSV = b"id,text,label\n1,a,x\n2,b,y\n"
ROWS = [{"id": "1", "text": "a", "label": "x"}, {"id": "2", "text": "b", "label": "y"}]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet_bytes(table: pa.Table | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS) if table is None else table, sink)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("name", "raw", "kind"),
    [
        ("d.csv", CSV, "csv"),
        ("d.CSV", CSV, "csv"),
        ("d.tsv", CSV.replace(b",", b"\t"), "csv"),
        ("d.txt", CSV.replace(b",", b"|"), "csv"),
        ("d.jsonl", JSONL, "jsonl"),
        ("d.ndjson", JSONL, "jsonl"),
        ("d.json", JSONL, "jsonl"),
        ("d.parquet", parquet_bytes(), "parquet"),
        ("d.csv.gz", gzip.compress(CSV, mtime=0), "csv"),
        ("d.tsv.gz", gzip.compress(CSV.replace(b",", b"\t"), mtime=0), "csv"),
        ("d.jsonl.gz", gzip.compress(JSONL, mtime=0), "jsonl"),
        ("d.csv.GZ", gzip.compress(CSV, mtime=0), "csv"),
        ("d.csv", gzip.compress(CSV, mtime=0), "csv"),
        ("d.csv.bz2", bz2.compress(CSV), "csv"),
        ("d.jsonl.xz", lzma.compress(JSONL), "jsonl"),
        ("d.csv.zst", pa.Codec("zstd").compress(CSV, asbytes=True), "csv"),
        ("d.csv.gz", bz2.compress(CSV), "csv"),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, raw: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    source = read_source(path)
    assert source.table.to_pylist() == ROWS
    assert (source.name, source.path, source.format) == (name, path, kind)
    assert source.columns == ("id", "text", "label")
    assert source.sha256 == hashlib.sha256(raw).hexdigest()
    assert (source.dialect is not None) == (kind == "csv")
    assert (len(source), source.warnings, source.content) == (2, (), None)


def test_standard_input_is_csv_and_keeps_its_bytes() -> None:
    source = read_source("-", io.BytesIO(CSV))
    assert (source.name, source.path, source.format) == ("<stdin>", None, "csv")
    assert source.table.to_pylist() == ROWS
    assert source.content == CSV
    assert read_source("-", io.BytesIO(gzip.compress(CSV, mtime=0))).table.to_pylist() == ROWS


@pytest.mark.parametrize(
    ("name", "raw", "kind"),
    [
        ("data", CSV, "CSV"),
        ("data.dat", b"\n" + JSONL, "JSON Lines"),
        ("data.bin", parquet_bytes(), "Parquet"),
        ("data.gz", gzip.compress(CSV, mtime=0), "CSV"),
    ],
)
def test_a_name_without_format_is_told_after_looking_inside(
    tmp_path: Path, name: str, raw: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    source = read_source(tmp_path / name)
    assert source.table.to_pylist() == ROWS
    assert source.warnings == (f"{name}: the name does not say the format; read as {kind}",)


@pytest.mark.parametrize(
    ("name", "raw", "message", "hint"),
    [
        ("d.csv", b"", "the file is empty", "header"),
        ("d.jsonl", b"", "the file is empty", ""),
        ("d.parquet", b"", "the file is empty", ""),
        ("d.csv", parquet_bytes(), "this is a Parquet file, not CSV", "rename"),
        ("d.csv", b"PK\x03\x04rest", "not a whole zip file", "unzip -t"),
        ("d.csv.gz", CSV, "not a whole gzip file", "gzip -t"),
        ("d.parquet", CSV, "not a whole Parquet file", "cut short"),
        ("d.parquet", parquet_bytes()[:-20], "not a whole Parquet file", "cut short"),
        ("d.parquet", parquet_bytes(pa.table({"text": pa.array([], pa.string())})), "no rows", ""),
        ("d.csv", b"id,text,text\n1,a,b\n", "column 'text' appears 2 times", "rename"),
    ],
)
def test_bad_files_are_refused_with_a_remedy(
    tmp_path: Path, name: str, raw: bytes, message: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        read_source(tmp_path / name)
    assert name in caught.value.message
    assert hint in caught.value.hint


def test_missing_files_folders_and_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_source(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_source(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "d.csv").write_bytes(CSV)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="permission denied"):
        read_source(tmp_path / "d.csv")


def test_doubled_parquet_columns_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(DataError, match="column 'text' appears twice"):
        read_source(tmp_path / "d.parquet")
