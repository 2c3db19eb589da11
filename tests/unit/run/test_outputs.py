"""Where a command may write, whatever the file is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from noisefix.errors import DataError, UsageError
from noisefix.run import outputs
from noisefix.run.outputs import check_not_read, check_output, check_replaced_folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text("text,label\n")
    return path


def test_what_is_no_input_may_be_written(tmp_path: Path, data: Path) -> None:
    check_output(tmp_path / "new.csv", (data, None, "-", tmp_path / "none", "tfidf"))
    (tmp_path / "old.csv").write_text("")
    check_output(tmp_path / "old.csv", (data,))


def test_an_input_in_another_case_is_known_where_case_means_nothing(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_any_case = outputs._identity
    monkeypatch.setattr(outputs, "_identity", lambda path: of_any_case(str(path).lower()))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the input itself"):
        check_not_read("DATA.CSV", ("data.csv",))


def test_folders_and_special_files_are_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"):
        check_output(tmp_path, (data,))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a plain file"):
        check_output(tmp_path / "pipe", (data,))
    check_output(tmp_path / "pipe", (data,), takes_streams=True)
    with pytest.raises(UsageError, match="not written to standard output"):
        check_output("-", (data,), takes_streams=True)
    check_output("-", (data,), takes_stdout=True)
    with pytest.raises(DataError, match="does not exist"):
        check_output(tmp_path / "none" / "x.csv", (data,))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match="cannot be written"):
        check_output(tmp_path / "loop", (data,))


def test_nothing_read_lies_in_a_replaced_folder(tmp_path: Path, data: Path) -> None:
    for folder in (tmp_path, tmp_path.parent, data):
        with pytest.raises(UsageError, match=r"is read from it|the input itself"):
            check_replaced_folder(folder, (data,))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="is read from it"):
        check_replaced_folder(tmp_path / "link", (data,))
    check_replaced_folder(tmp_path / "model", (data, None))
