"""The files of a run folder: their names, and who may write there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.run.files import lock_if_run
from noisefix.run.folder import RunFolder
from noisefix.tables.source import Source, read_source

CSV = b"id,text,label\n1,a,x\n2,b,y\n"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "data.csv"
    path.write_bytes(CSV)
    return read_source(path)


@pytest.fixture
def run(tmp_path: Path, source: Source) -> RunFolder:
    run = RunFolder.create(tmp_path / "run", source)
    run.set_input(source, text_column="text", label_column="label", id_column="id")
    return run


def test_file_names_are_the_contract(run: RunFolder) -> None:
    tables = ["embeddings", "issues", "joint", "classes", "pairs", "duplicates", "candidates"]
    tables += ["relabels", "ledger"]
    assert [getattr(run, name) for name in tables] == [run.path / f"{n}.parquet" for n in tables]


def test_folders_with_something_else_are_left_alone(tmp_path: Path, source: Source) -> None:
    with pytest.raises(DataError, match="not empty, and not a run folder"):
        RunFolder.create(tmp_path, source)
    with pytest.raises(DataError, match="a file is in the way"):
        RunFolder.create(tmp_path / "data.csv", source)
    with pytest.raises(DataError, match="cannot be written"):
        RunFolder.create(tmp_path / "data.csv" / "run", source)
    assert (tmp_path / "data.csv").read_bytes() == CSV


def test_a_read_only_place_is_told(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match="read-only") as caught:
        RunFolder.create(tmp_path / "run", source)
    assert "-o" in caught.value.hint


def test_a_folder_with_the_lock_of_a_killed_process_counts_as_empty(
    tmp_path: Path, source: Source
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".run.lock").write_text("{}")
    run = RunFolder.create(tmp_path / "new", source)
    assert [path.name for path in run.path.iterdir()] == ["run.json"]


def test_locks_leave_nothing(run: RunFolder) -> None:
    with run.lock("a"), run.ledger_lock("b"):
        assert sorted(path.name for path in run.path.glob(".*")) == [".ledger.lock", ".run.lock"]
    assert not list(run.path.glob(".*"))
    with lock_if_run(run.path.parent, "c"):
        assert not list(run.path.parent.glob(".*"))
