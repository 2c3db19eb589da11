"""One writer at a time; a killed one locks nobody out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noisefix.errors import DataError
from noisefix.tables.lock import hold

HOLDER = """
import sys, time
from pathlib import Path
from noisefix.tables.lock import hold
with hold(Path(sys.argv[1]), "noisefix detect", wait_s=0):
    print("held", flush=True)
    time.sleep(60)
"""
COUNTER = """
import sys
from pathlib import Path
from noisefix.tables.lock import hold
path, count = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(50):
    with hold(path, "counter", wait_s=60):
        count.write_text(str(int(count.read_text()) + 1))
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / ".lock")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_who_holds_it_is_said(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(DataError) as caught, hold(tmp_path / ".lock", "x", wait_s=0.2):
        pass
    assert caught.value.message.startswith(f"{tmp_path}: noisefix detect (process {other.pid} on ")
    assert ", since 20" in caught.value.message
    assert "wait until it is done" in caught.value.hint


def test_a_killed_holder_locks_nobody_out(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / ".lock").exists()
    with hold(tmp_path / ".lock", "x", wait_s=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_thread_may_hold_it_twice_and_another_may_not(tmp_path: Path) -> None:
    path = tmp_path / ".lock"

    def attempt() -> str:
        try:
            with hold(path, "thread", wait_s=0):
                return "held"
        except DataError as error:
            return error.message

    with hold(path, "outer", wait_s=0), ThreadPoolExecutor() as pool:
        with hold(path, "inner", wait_s=0):
            pass
        assert f"outer (process {os.getpid()}" in pool.submit(attempt).result()
    assert attempt() == "held"
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_the_lock_is_free(tmp_path: Path) -> None:
    held, free = threading.Event(), threading.Event()

    def first() -> None:
        with hold(tmp_path / ".lock", "first", wait_s=0):
            held.set()
            free.wait(0.3)

    with ThreadPoolExecutor() as pool:
        done = pool.submit(first)
        held.wait()
        with hold(tmp_path / ".lock", "second", wait_s=30):
            done.result(timeout=10)


def test_no_change_is_lost_between_processes(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    command = [sys.executable, "-c", COUNTER, str(tmp_path / ".lock"), str(count)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert count.read_text() == "150"


def test_a_folder_that_cannot_hold_a_lock_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="does not exist"),
        hold(tmp_path / "none" / ".lock", "x", wait_s=0),
    ):
        pass
