"""SIGKILL at random moments in every command that writes: nothing half-written, nothing left.

Most kills come right before a change to a file (it is made, renamed, removed), some at any time.
``NOISEFIX_KILLS=100 pytest -m slow tests/cli/test_killed.py`` kills more often than by default.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from noisefix.cleaning.ledger import read_ledger
from noisefix.run.parquet import read_provenance

KILLS = int(os.environ.get("NOISEFIX_KILLS", "26"))
SEED = int(os.environ.get("NOISEFIX_KILL_SEED", "0"))

BASE = Path("tickets.csv")
RUN = Path("tickets.noisefix")
EMBEDDINGS = RUN / "embeddings.parquet"
QUICK = ("--encoder", "tfidf", "-q")
COMMANDS = {
    "detect": ("detect", BASE, "-o", "new.noisefix", *QUICK),
    "embed": ("embed", BASE, "-o", "e.parquet", *QUICK),
    "joint": ("joint", EMBEDDINGS, "-o", "j", "-q"),
    "candidates": ("candidates", EMBEDDINGS, RUN / "issues.parquet", "-o", "c.parquet", "-q"),
    "relabel": ("relabel", RUN, "--annotator", "column:second", "-q"),
    "apply": ("apply", RUN, "-o", "clean.csv", "--strategy", "drop", "-q"),
    "review": ("apply", RUN, "--review-csv", "review.csv", "-q"),
    "revert": ("apply", RUN, "--revert", "-o", "done.csv", "-q"),
    "check": ("check", BASE, "--max-issues", 99, "--junit", "r.xml", *QUICK),
    "export": ("relabel", RUN, "--model", "m", "--base-url", "http://127.0.0.1:9/v1",
               "--export-batch", "b.jsonl", "-q"),
    "train": ("train", RUN, "-o", "m", "--epochs", 3, "-q"),
    "predict": ("predict", "model", BASE, "-o", "p.parquet", "-q"),
    "noise": ("noise", BASE, "-o", "n.csv", "-q"),
}  # fmt: skip
FORKS = """
import json, os, signal, sys, time
import numpy, pyarrow.parquet, sklearn.linear_model, torch  # noqa
import noisefix.cli.app as app

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "fcntl.flock"}
n_changes = 0

def is_change(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return bool(writes or str(path).endswith(".tmp"))
    return event in CHANGES

def child(job):
    os.chdir(job["folder"])
    sys.stdout = open(os.devnull, "w")
    sys.stderr = open(job["folder"] + "/../stderr", "w")

    def watch(event, arguments):
        global n_changes
        if is_change(event, arguments):
            n_changes += 1
            if n_changes == job["at_change"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    code = app.main(job["arguments"])
    with open(job["folder"] + "/../changes", "w") as file:
        file.write(str(n_changes))
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    job = json.loads(line)
    started = time.monotonic()
    process = os.fork()
    if not process:
        child(job)
    if job["after_s"] is not None:
        time.sleep(job["after_s"])
        os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    print(json.dumps([code, time.monotonic() - started]), flush=True)
"""
"""Runs commands in forks of a process that has imported everything: a kill costs no start."""


class Forks:
    """Runs ``noisefix`` in a folder, and kills it before its nth change to a file, or in time."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", FORKS],
            env=os.environ | {"OPENAI_API_KEY": "none", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        folder: Path,
        arguments: tuple[object, ...],
        *,
        at_change: int | None = None,
        after_s: float | None = None,
    ) -> tuple[int, float, str]:
        """Return the exit code, the seconds, and what was said on stderr."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        words = [str(argument) for argument in arguments]
        job = {"folder": str(folder), "arguments": words, "at_change": at_change}
        self._server.stdin.write(json.dumps(job | {"after_s": after_s}) + "\n")
        self._server.stdin.flush()
        code, seconds = json.loads(self._server.stdout.readline())
        return code, seconds, (folder.parent / "stderr").read_text()

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


def state(folder: Path, *, halves: bool = False) -> dict[str, object]:
    """Return what every file says, moments and seconds left out."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if halves and name.startswith("."):
            continue
        if path.is_dir():
            found[name] = "a folder"
        elif path.name == "run.json":
            about = json.loads(path.read_text())
            for stage in about["stages"].values():
                del stage["seconds"], stage["finished_at"]
            about["input"].pop("path", None)
            found[name] = about
        elif path.name == "ledger.parquet":
            found[name] = entries(path)
        elif path.suffix in (".sqlite", ".lock"):
            found[name] = "a store"
        elif path.name == "relabels.parquet":
            found[name] = read_provenance(path).results
        else:
            found[name] = path.read_bytes()
    return found


def entries(path: Path) -> list[tuple[str, str, str]]:
    """Return what was written, without when; doubled entries once: a kill may come after one."""
    writes = read_ledger(path).writes
    assert len({write.decided_at for write in writes}) == len(writes)
    found = [(Path(write.output).name, write.action, write.sha256) for write in writes]
    return sorted(set(found))


@pytest.fixture(scope="module")
def start(forks, detected, tmp_path_factory) -> Path:
    """A folder with all that the commands read, and one earlier write in the ledger."""
    folder = tmp_path_factory.mktemp("start") / "w"
    folder.mkdir()
    lines = (detected.parent / BASE).read_text().splitlines()
    rows = [lines[0] + ",second", *(line + "," + line.rsplit(",", 1)[1] for line in lines[1:])]
    (folder / BASE).write_text("\n".join(rows) + "\n")
    for arguments in (
        ("detect", BASE, "--label-column", "label", *QUICK),
        ("apply", RUN, "-o", "done.csv", "--strategy", "flag", "-q"),
        ("train", RUN, "-o", "model", "--epochs", 1, "-q"),
    ):
        code, _, said = forks.run(folder, arguments)
        assert code == 0, said
    return folder


@dataclass(frozen=True)
class Unbroken:
    """A run that nobody kills: what is there afterwards, its seconds, its changes to files."""

    state: dict[str, object]
    seconds: float
    n_changes: int


@pytest.fixture(scope="module")
def unbroken(forks, start, tmp_path_factory) -> dict[str, Unbroken]:
    found = {}
    for name, arguments in COMMANDS.items():
        folder = tmp_path_factory.mktemp(name) / "w"
        shutil.copytree(start, folder)
        code, seconds, said = forks.run(folder, arguments)
        assert code == 0, said
        n_changes = int((folder.parent / "changes").read_text())
        assert n_changes > 2, name
        found[name] = Unbroken(state(folder), seconds, n_changes)
    return found


def is_whole(path: Path) -> bool:
    """Tell whether a file that is there after a kill is one that a reader can use."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        return data.startswith(b"PAR1") and data.endswith(b"PAR1")
    if path.suffix == ".json":
        return bool(json.loads(data))
    return data.endswith((b"\n", b"}")) or path.suffix == ".safetensors"


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(KILLS))
def test_killed_at_a_random_moment(forks, start, unbroken, tmp_path, kill):
    rng = random.Random(SEED * 100_003 + kill)
    name = list(COMMANDS)[kill % len(COMMANDS)]
    expected = unbroken[name]
    folder = tmp_path / "w"
    shutil.copytree(start, folder)
    before = state(folder)
    if rng.random() < 0.8:
        at = {"at_change": rng.randint(1, expected.n_changes)}
    else:
        at = {"after_s": rng.uniform(0, expected.seconds)}
    code, _, said = forks.run(folder, COMMANDS[name], **at)
    assert code in (-signal.SIGKILL, 0), said
    after = state(folder, halves=True)
    for path in folder.rglob("*"):
        is_ours = any(part.startswith(".") for part in path.parts) or "annotations." in path.name
        if path.is_file() and not is_ours:
            assert is_whole(path), f"{name} {at}: {path} is half-written"
    for path, content in before.items():
        if not path.startswith(str(RUN)) and path != "done.csv":
            assert after[path] == content, f"{name} {at}: {path} has changed"

    code, _, said = forks.run(folder, COMMANDS[name])
    is_done = name == "revert" and "taken back already" in said
    assert code == 0 or is_done, f"{name} {at}: {said}"
    assert state(folder) == expected.state, f"{name} {at}: ends otherwise after a kill"
