"""SIGKILL in the middle of ``train``: the same command goes on, and ends with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

METHODS = {"ce": 3, "coteaching": 3, "sidyp": 5}
"""Method: checkpoints after which it is killed."""

KILLED_BY_CHECKPOINT = """
import os, signal, sys
from noisefix.cli.app import main
from noisefix.training import checkpoints

count = int(sys.argv[1])
save, init = checkpoints.FileCheckpoint.save, checkpoints.FileCheckpoint.__init__
n_saved = 0

def often(self, path, key, *, every_s=0.0):
    init(self, path, key, every_s=0.0)

def killed(self, tensors, facts):
    global n_saved
    save(self, tensors, facts)
    n_saved += 1
    if n_saved == count:
        os.kill(os.getpid(), signal.SIGKILL)

checkpoints.FileCheckpoint.__init__, checkpoints.FileCheckpoint.save = often, killed
sys.exit(main(sys.argv[2:]))
"""

KILLED_WHILE_WRITING = """
import os, signal, sys
from noisefix.cli.app import main
from noisefix.training import model_folder

def killed(path, content):
    path.write_text("{")
    os.kill(os.getpid(), signal.SIGKILL)

model_folder._write_json = killed
sys.exit(main(sys.argv[2:]))
"""


def killed(script, count, arguments):
    command = [sys.executable, "-c", script, str(count), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def arguments(detected, target, method):
    return ["train", detected, "-o", target, "--method", method, "--epochs", 6, "-q", "--seed", 3]


@pytest.mark.parametrize(
    ("method", "count"),
    [
        pytest.param(method, count, marks=() if method == "ce" else pytest.mark.slow)
        for method, count in METHODS.items()
    ],
)
def test_killed_and_run_again(cli, detected, tmp_path, method, count):
    whole, broken = tmp_path / "a" / "m", tmp_path / "b" / "m"
    assert cli(*arguments(detected, whole, method)).code == 0
    killed(KILLED_BY_CHECKPOINT, count, arguments(detected, broken, method))
    left = [path.name for path in broken.parent.iterdir()]
    assert left == [".m.training"], "a checkpoint, and no half-written model"

    from noisefix.training import checkpoints

    taken_up = []
    load = checkpoints.FileCheckpoint.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            checkpoints.FileCheckpoint,
            "load",
            lambda self: taken_up.append(load(self)) or taken_up[-1],
        )
        assert cli(*arguments(detected, broken, method)).code == 0
    assert any(state is not None for state in taken_up), "it started from the beginning"
    assert contents(broken) == contents(whole)
    assert [path.name for path in broken.parent.iterdir()] == ["m"]


@pytest.mark.slow
def test_killed_while_the_model_is_written(cli, detected, tmp_path):
    target = tmp_path / "m"
    assert cli(*arguments(detected, target, "gce")).code == 0
    before = contents(target)
    killed(KILLED_WHILE_WRITING, 0, arguments(detected, target, "ce"))
    assert contents(target) == before
    assert len(list(tmp_path.glob(".noisefix-*"))) == 1
    assert cli(*arguments(detected, target, "ce")).code == 0
    assert contents(target) != before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
