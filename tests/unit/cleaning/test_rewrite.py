from __future__ import annotations

import errno
import gzip
import io
import os
from pathlib import Path

import pytest

from noisefix.cleaning.rewrite import rewrite_source
from noisefix.errors import DataError, UsageError
from noisefix.tables.compression import GZIP
from noisefix.tables.source import read_source

CSV = b'id,text,label\r\n1,=cmd(),x\r\n2,"b",y'
EDIT = {(2, "label"): "z"}
EDITED = CSV[:-1] + b"z"


def test_the_output_is_the_input_but_for_the_edit(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(CSV)
    source = read_source(tmp_path / "d.csv")
    rewrite_source(tmp_path / "d.csv", source, tmp_path / "out.csv", edits=EDIT)
    assert (tmp_path / "out.csv").read_bytes() == EDITED
    assert (tmp_path / "d.csv").read_bytes() == CSV


def test_bytes_of_standard_input(tmp_path: Path) -> None:
    source = read_source("-", io.BytesIO(CSV))
    assert source.content is not None
    rewrite_source(source.content, source, tmp_path / "out.csv", edits=EDIT)
    assert (tmp_path / "out.csv").read_bytes() == EDITED


def test_gzip_by_the_outputs_name(tmp_path: Path) -> None:
    odd = gzip.compress(CSV, compresslevel=1)
    (tmp_path / "d.csv.gz").write_bytes(odd)
    source = read_source(tmp_path / "d.csv.gz")

    def written(name: str, **changes: object) -> bytes:
        rewrite_source(tmp_path / "d.csv.gz", source, tmp_path / name, **changes)  # type: ignore[arg-type]
        return (tmp_path / name).read_bytes()

    assert written("same.csv.gz") == odd
    assert written("plain.csv") == CSV
    assert written("edited.csv", edits=EDIT) == EDITED
    assert written("edited.csv.gz", edits=EDIT) == GZIP.pack(EDITED)


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(CSV)
    source = read_source(path)
    (tmp_path / "link.csv").symlink_to(path)
    os.link(path, tmp_path / "hard.csv")
    for name in ("d.csv", "link.csv", "hard.csv"):
        with pytest.raises(UsageError, match="is the input itself") as caught:
            rewrite_source(path, source, tmp_path / name, edits=EDIT)
        assert "-o" in caught.value.hint
    with pytest.raises(UsageError, match="is the input itself"):
        rewrite_source(CSV, source, path, edits=EDIT)
    assert path.read_bytes() == CSV


def test_an_input_that_changed_or_vanished_is_told(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(CSV)
    source = read_source(path)
    path.write_bytes(CSV + b"\r\n")
    with pytest.raises(DataError, match=r"d\.csv: the file has changed since it was read"):
        rewrite_source(path, source, tmp_path / "out.csv", edits=EDIT)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        rewrite_source(path, source, tmp_path / "out.csv", edits=EDIT)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.csv").write_bytes(CSV)
    (tmp_path / "out.csv").write_bytes(b"old")
    source = read_source(tmp_path / "d.csv")

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="disk is full"):
        rewrite_source(tmp_path / "d.csv", source, tmp_path / "out.csv", edits=EDIT)
    assert (tmp_path / "out.csv").read_bytes() == b"old"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["d.csv", "out.csv"]
