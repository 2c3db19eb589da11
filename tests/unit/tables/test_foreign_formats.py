from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from noisefix.errors import DataError
from noisefix.tables.source import read_source

FASTTEXT = "__label__praise I am happy, very\n__label__refund my money back\n"


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


def arrow() -> bytes:
    sink = pa.BufferOutputStream()
    feather.write_feather(pa.table({"text": ["a"]}), sink, compression="uncompressed")
    return bytes(sink.getvalue())


def numpy_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((2, 2)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        (zipped("[Content_Types].xml"), "an Excel workbook", "rename it to end in .xlsx"),
        (zipped("arr_0.npy"), "a NumPy archive", "--pred-probs"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel workbook", "save the sheet"),
        (b"7z\xbc\xaf\x27\x1crest", "a 7z archive", "7z x FILE"),
        (b"SQLite format 3\0rest", "an SQLite database", "sqlite:///FILE::TABLE"),
        (arrow(), "an Arrow", "rename it to end in .arrow"),
        (numpy_array(), "a NumPy array", "--pred-probs"),
        (b"<!DOCTYPE html>\n<html>", "a web page", "raw link"),
        (b"\0" * 4096, "nothing but NUL bytes", "copy or download"),
        (FASTTEXT.encode(), "a fastText file", "rename it to end in .txt"),
    ],
)
def test_other_files_are_named_for_what_they_are(
    tmp_path: Path, content: bytes, what: str, remedy: str
) -> None:
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(DataError, match=f"d.csv: this is {what}") as caught:
        read_source(tmp_path / "d.csv")
    assert remedy in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        '{"te\\ud800xt": 1}',
        '{"a": 1, "a": 2}',
        '{"a": ' + "[" * 300 + "]" * 300 + "}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_lines_that_no_table_can_hold(tmp_path: Path, line: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({"a": "b"}) + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"d\.jsonl: line 2 "):
        read_source(path)
    assert len(read_source(path, bad_rows="skip")) == 1
