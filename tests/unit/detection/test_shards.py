import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest

from noisefix.detection.shards import discard_shards, embed_in_shards
from noisefix.encoders.protocol import Embedded, EncodeProgress
from noisefix.errors import DataError

TEXTS = [f"{'x' * (n % 13)}{n}" for n in range(50)] + ["x" * 99, "x" * 99]


class Counting:
    """An encoder that remembers what it was asked for."""

    dimension = 3
    is_fitted = False

    def __init__(self, fingerprint="one"):
        self.fingerprint = fingerprint
        self.calls = []

    def embed(self, texts, progress=None):
        self.calls.append(list(texts))
        vectors = np.array([[len(text), hash(text) % 7, 1] for text in texts], dtype=np.float32)
        for done in (1, len(texts)):
            if progress is not None:
                step = EncodeProgress("embed", done, len(texts), "texts")
                progress(replace(step, done_tokens=done, total_tokens=len(texts)))
        return Embedded(vectors, np.array([len(text) > 50 for text in texts]))


def run(encoder, folder, texts=TEXTS, shard_size=20, progress=None):
    return embed_in_shards(texts, encoder, folder, shard_size=shard_size, progress=progress)


def same(found, expected):
    return np.array_equal(found.vectors, expected.vectors) and np.array_equal(
        found.is_truncated, expected.is_truncated
    )


@pytest.fixture
def expected():
    return Counting().embed(TEXTS)


def test_shards_give_what_one_go_gives(tmp_path, expected):
    encoder = Counting()
    assert same(run(encoder, tmp_path / "parts"), expected)
    assert [len(call) for call in encoder.calls] == [20, 20, 11]
    assert encoder.calls[0][0] == "x" * 99, "long texts come first"
    assert expected.is_truncated.sum() == 2


def test_finished_shards_are_not_redone(tmp_path, expected):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    second = Counting()
    assert same(run(second, folder), expected)
    assert second.calls == []


@pytest.mark.parametrize("damage", ["removed", "cut", "emptied", "garbage", "other shape"])
def test_only_what_is_not_whole_is_redone(damage, tmp_path, expected):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    path = sorted(folder.iterdir())[1]
    if damage == "removed":
        path.unlink()
    elif damage == "other shape":
        with path.open("wb") as file:
            np.savez(file, vectors=np.zeros((1, 3), np.float32), is_truncated=np.zeros(1, bool))
    else:
        data = path.read_bytes()
        path.write_bytes({"cut": data[: len(data) // 2], "emptied": b"", "garbage": b"xx"}[damage])
    second = Counting()
    assert same(run(second, folder), expected)
    assert [len(call) for call in second.calls] == [20]


@pytest.mark.parametrize("change", ["encoder", "texts", "shard_size"])
def test_shards_of_something_else_are_not_used_and_removed(change, tmp_path):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    before = set(folder.iterdir())
    encoder = Counting("two" if change == "encoder" else "one")
    texts = [*TEXTS[:-3], "other", *TEXTS[-2:]] if change == "texts" else TEXTS
    size = 21 if change == "shard_size" else 20
    found = run(encoder, folder, texts, size)
    assert same(found, Counting().embed(texts))
    assert sum(len(call) for call in encoder.calls) == 51
    assert not before & set(folder.iterdir())


def test_one_shard_and_fitted_encoders_save_nothing(tmp_path, expected):
    folder = tmp_path / "parts"
    assert same(run(Counting(), folder, shard_size=51), expected)
    fitted = Counting()
    fitted.is_fitted = True
    assert same(run(fitted, folder), expected)
    assert [len(call) for call in fitted.calls] == [51]
    assert not folder.exists()


def test_progress_goes_on_from_what_is_done(tmp_path):
    folder = tmp_path / "parts"
    first, second = [], []
    run(Counting(), folder, progress=first.append)
    assert [step.done for step in first] == [1, 20, 21, 40, 41, 51]
    assert {step.total for step in first} == {51}
    assert first[-1].seconds_left == 0
    assert all(a.seconds_left > 0 for a in first[:-1])
    sorted(folder.iterdir())[2].unlink()
    run(Counting(), folder, progress=second.append)
    assert [step.done for step in second] == [41, 51]


def test_a_folder_that_cannot_be_made_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="parts: cannot be written"):
        run(Counting(), tmp_path / "file" / "parts")


def test_discarding_leaves_what_is_not_ours(tmp_path):
    folder = tmp_path / "parts"
    discard_shards(folder)
    run(Counting(), folder)
    (folder / "mine.txt").write_text("keep")
    discard_shards(folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    discard_shards(folder)
    assert not folder.exists()


PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from noisefix.encoders.protocol import Embedded
from noisefix.detection.shards import embed_in_shards

class Slow:
    dimension, is_fitted, fingerprint = 3, False, "slow"
    def embed(self, texts, progress=None):
        if len(list(folder.glob("shard-*.npz"))) >= 2:
            print("two are done", flush=True)
            time.sleep(60)
        vectors = np.array([[len(text), 0, 1] for text in texts], dtype=np.float32)
        return Embedded(vectors, np.zeros(len(texts), dtype=bool))

folder = Path(sys.argv[1])
embed_in_shards([f"text {n}" for n in range(95)], Slow(), folder, shard_size=20)
"""


def test_a_killed_run_goes_on_after_its_finished_shards(tmp_path):
    folder = tmp_path / "parts"
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"two are done\n"
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    saved = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(saved) == 2

    class Rest(Counting):
        def embed(self, texts, progress=None):
            self.calls.append(len(texts))
            vectors = np.array([[len(text), 0, 1] for text in texts], dtype=np.float32)
            return Embedded(vectors, np.zeros(len(texts), dtype=bool))

    encoder = Rest("slow")
    started = time.time_ns()
    found = run(encoder, folder, [f"text {n}" for n in range(95)])
    assert encoder.calls == [20, 20, 15]
    assert found.vectors[:, 0].tolist() == [len(f"text {n}") for n in range(95)]
    assert all(path.stat().st_mtime_ns == mtime < started for path, mtime in saved.items())
