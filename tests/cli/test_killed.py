"""SIGKILL at random moments in every command that writes: nothing half-written, nothing left.

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
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from noisefix.stages.ledger import read_ledger
from noisefix.tables.parquet import read_provenance

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
WALL_TIME = {"run.json"}
"""Files that say when something was done; what else they say is compared."""


def noisefix(folder: Path, arguments: tuple[object, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "noisefix", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"OPENAI_API_KEY": "none", "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def run_whole(folder: Path, arguments: tuple[object, ...]) -> float:
    started = time.monotonic()
    process = noisefix(folder, arguments)
    _, complaint = process.communicate()
    assert process.returncode == 0, complaint.decode()
    return time.monotonic() - started


def state(folder: Path) -> dict[str, object]:
    """Return what every file says, moments and seconds left out."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
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
def start(detected, tmp_path_factory) -> Path:
    """A folder with all that the commands read, and one earlier write in the ledger."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "tmp").mkdir()
    lines = (detected.parent / BASE).read_text().splitlines()
    rows = [lines[0] + ",second", *(line + "," + line.rsplit(",", 1)[1] for line in lines[1:])]
    (folder / BASE).write_text("\n".join(rows) + "\n")
    for arguments in (
        ("detect", BASE, "--label-column", "label", *QUICK),
        ("apply", RUN, "-o", "done.csv", "--strategy", "relabel", "--min-probability", 0.5, "-q"),
        ("train", RUN, "-o", "model", "--epochs", 1, "-q"),
    ):
        run_whole(folder, arguments)
    return folder


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory) -> Iterator[dict[str, tuple[dict[str, object], float]]]:
    """Of every command, what is there after a run that nobody kills, and its seconds."""
    found = {}
    for name, arguments in COMMANDS.items():
        folder = tmp_path_factory.mktemp("whole") / "w"
        shutil.copytree(start, folder)
        seconds = run_whole(folder, arguments)
        found[name] = state(folder), seconds
    return found


def is_whole(path: Path) -> bool:
    """Tell whether a file that is there after a kill is one that a reader can use."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        return data.startswith(b"PAR1") and data.endswith(b"PAR1")
    if path.suffix == ".json":
        return bool(json.loads(data))
    return data.endswith((b"\n", b"}")) or path.suffix in (".safetensors", ".lock", ".sqlite")


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(KILLS))
def test_killed_at_a_random_moment(start, whole, tmp_path, kill):
    rng = random.Random(SEED * 100_003 + kill)
    name = list(COMMANDS)[kill % len(COMMANDS)]
    expected, seconds = whole[name]
    folder = tmp_path / "w"
    shutil.copytree(start, folder)
    before = state(folder)
    process = noisefix(folder, COMMANDS[name])
    # The last third is where it writes: half of the kills go there.
    time.sleep(seconds * (rng.uniform(0.6, 1.0) if rng.random() < 0.6 else rng.random()))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(".") and ".noisefix-" not in str(path):
            assert is_whole(path), f"{name}: {path} is half-written"
    for path, content in before.items():
        if not path.startswith(str(RUN)) and path != "done.csv":
            assert state(folder)[path] == content, f"{name}: {path} has changed"
    if name == "revert" and process.returncode == 0:
        return  # there is nothing to take back a second time

    again = noisefix(folder, COMMANDS[name])
    _, complaint = again.communicate()
    already = name == "revert" and b"taken back already" in complaint
    assert again.returncode == 0 or already, complaint.decode()
    assert state(folder) == expected, f"{name} ends otherwise after a kill"
