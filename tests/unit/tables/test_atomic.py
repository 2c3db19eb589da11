"""Files are written whole or not at all, and every failure says what to do."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.tables import atomic
from noisefix.tables.atomic import (
    atomic_folder,
    atomic_path,
    check_can_make,
    read_bytes,
    sha256_file,
    write_bytes,
)
from noisefix.tables.leftovers import temporary_name


def leftovers(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir() if item.name.endswith(".tmp"))


def test_success_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic_path(target) as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_failure_keeps_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_halfway() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail_halfway()
    assert target.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_the_mode_of_a_replaced_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o640)
    write_bytes(target, b"new")
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


def test_a_symlink_stays_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [
        (errno.ENOSPC, "disk is full", "free some space"),
        (errno.EDQUOT, "quota", "free some space"),
        (errno.EROFS, "read-only", "choose another place"),
        (errno.EACCES, "read-only", "permissions"),
        (errno.EIO, "Input/output error", "another place"),
    ],
)
def test_a_failing_disk_is_told_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str, hint: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError) as caught:
        write_bytes(target, b"new")
    assert message in caught.value.message
    assert str(target) in caught.value.message
    assert hint in caught.value.hint
    assert target.read_text() == "old"
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_is_really_full_is_told(tmp_path: Path) -> None:
    def fill() -> None:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_bytes(b"x" * 100_000)

    with pytest.raises(DataError, match="disk is full"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist") as caught:
        write_bytes(tmp_path / "no" / "such" / "a.txt", b"")
    assert caught.value.hint == f"make it first: mkdir -p {tmp_path / 'no' / 'such'}"


def test_a_folder_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "a.txt", b"")


def test_only_plain_files_are_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it is a folder"):
        write_bytes(tmp_path, b"x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(DataError, match="it is not a plain file"):
            write_bytes(tmp_path / "socket", b"x")


def test_a_pipe_gets_the_whole_content_or_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def fail() -> None:
        with atomic_path(pipe) as temporary:
            temporary.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()  # would wait for a reader if it opened the pipe
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        write_bytes(pipe, b"whole")
        assert read.result(timeout=10) == b"whole"
    assert pipe.is_fifo()
    write_bytes("/dev/null", b"x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output_has_many_names(
    tmp_path: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bytes(name, b"a,b\n\xff")
    assert capfdbinary.readouterr().out == b"a,b\n\xff"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o444)
    with pytest.raises(DataError, match="read-only"):
        write_bytes(target, b"new")


def test_reading_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_bytes(tmp_path / "none")
    with pytest.raises(DataError, match="is a folder"):
        read_bytes(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="permission denied") as caught:
        read_bytes(tmp_path / "secret")
    assert "chmod u+r" in caught.value.hint


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(DataError, match="no such file"):
        sha256_file(tmp_path / "b")


def make(folder: Path, content: str) -> None:
    with atomic_folder(folder) as temporary:
        (temporary / "file").write_text(content)
        (temporary / "more").mkdir()
        (temporary / "more" / "file").write_text(content)


@pytest.mark.parametrize("has_exchange", [True, False])
def test_a_folder_is_made_and_replaced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_exchange: bool
) -> None:
    if not has_exchange:
        monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    target = tmp_path / "deep" / "folder"
    make(target, "old")
    (target / "extra").write_text("old")
    make(target, "new")
    assert sorted(p.name for p in target.iterdir()) == ["file", "more"]
    assert (target / "more" / "file").read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["folder"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    make(target, "old")

    def fail() -> None:
        with atomic_folder(target) as temporary:
            (temporary / "file").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (target / "file").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    name = temporary_name().replace(f"-{os.getpid()}-", f"-{done.stdout.strip()}-")
    leftover = tmp_path / name
    leftover.mkdir()
    (leftover / "file").write_text("half")
    mine = tmp_path / temporary_name()
    mine.mkdir()
    make(tmp_path / "folder", "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([mine.name, "folder"])


def test_a_place_where_nothing_can_be_made_is_said_beforehand(tmp_path: Path) -> None:
    check_can_make(tmp_path / "a" / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file, not a folder"):
        check_can_make(tmp_path / "file" / "a" / "b")
