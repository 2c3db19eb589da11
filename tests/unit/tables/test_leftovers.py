"""What killed processes left is removed by the next writer; what lives is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from noisefix.tables import leftovers
from noisefix.tables.atomic import atomic_path, write_bytes
from noisefix.tables.leftovers import remove_leftovers, scratch_folder, temporary_name

KILLED = """
import os, sys
from noisefix.tables.atomic import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def named(process: int, started: str, host: str | None = None) -> str:
    mine = temporary_name().split("-")
    return "-".join([mine[0], host or mine[1], str(process), started, mine[4]])


def test_the_next_writer_in_the_folder_cleans_up(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")], check=False)
    assert done.returncode == -signal.SIGKILL
    (leftover,) = names(tmp_path)
    assert leftover.endswith(".tmp")
    with atomic_path(tmp_path / "b.txt") as ours:
        ours.write_text("alive")
        remove_leftovers(tmp_path)
        assert names(tmp_path) == [ours.name]
    assert names(tmp_path) == ["b.txt"]
    remove_leftovers(tmp_path / "none")


def test_a_process_that_is_dead_but_not_yet_buried_counts_as_dead(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and leftovers._start_of(child.pid) != "":
        time.sleep(0.01)
    write_bytes(tmp_path / "b.txt", b"")
    assert names(tmp_path) == ["b.txt"]
    child.wait()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="starts are not known here")
def test_another_process_with_the_number_of_a_dead_one_does_not_keep_its_file(tmp_path: Path):
    (tmp_path / named(os.getpid(), "1")).mkdir()
    mine = tmp_path / temporary_name()
    mine.write_text("")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [mine.name]


def test_of_other_machines_only_what_is_old_is_removed(tmp_path: Path) -> None:
    fresh, old, theirs = (
        tmp_path / named(1, "1", "00000000"),
        tmp_path / named(2, "1", "00000000"),
        tmp_path / ".noisefix-notes.tmp",
    )
    for path in (fresh, old, theirs):
        path.write_text("x")
    long_ago = time.time() - 25 * 3600
    for path in (old, theirs):
        os.utime(path, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([fresh.name, theirs.name])


def test_scratch_folders_vanish_and_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / named(os.getpid(), "1")).mkdir()
    with scratch_folder() as scratch:
        (scratch / "file").write_text("x")
        assert names(tmp_path) == [scratch.name]
    assert names(tmp_path) == []
