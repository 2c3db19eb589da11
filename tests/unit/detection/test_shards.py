import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest

from noisefix.detection import shards
from noisefix.detection.encoder_source import Loaded
from noisefix.detection.shard_store import discard_shards
from noisefix.detection.shards import embed_in_shards
from noisefix.encoders.protocol import Embedded, EncodeProgress
from noisefix.errors import DataError, ModelError
from noisefix.tables.atomic import write_error

TEXTS = [f"{'x' * (n % 13)}{n}" for n in range(50)] + ["x" * 99, "x" * 99]


@pytest.fixture(autouse=True)
def small_grains(monkeypatch):
    monkeypatch.setattr(shards, "GRAIN", 10)


class Counting:
    """An encoder that remembers what it was asked for; a vector depends on its batch."""

    name = "counting"
    dimension = 3
    max_tokens = 50
    precision = "fp32"
    device = "cpu"
    is_fitted = False

    def __init__(self, fingerprint="one"):
        self.fingerprint = fingerprint
        self.calls = []

    def embed(self, texts, progress=None):
        self.calls.append(list(texts))
        n = len(texts)
        vectors = np.array([[len(text), hash(text) % 7, n] for text in texts], dtype=np.float32)
        for done in (1, len(texts)):
            if progress is not None:
                step = EncodeProgress("embed", done, len(texts), "texts")
                progress(replace(step, done_tokens=done, total_tokens=len(texts)))
        return Embedded(vectors, np.array([len(text) > 50 for text in texts]))


def run(encoder, folder, texts=TEXTS, shard_size=20, progress=None, **others):
    return embed_in_shards(
        texts, Loaded(encoder), folder, shard_size=shard_size, progress=progress, **others
    )


def matrix(found):
    return found.vectors.rows(0, len(found.vectors))


def same(found, expected):
    assert len(found.vectors) == len(expected.vectors)
    return np.array_equal(matrix(found), matrix(expected)) and (
        found.n_truncated,
        found.facts,
    ) == (expected.n_truncated, expected.facts)


@pytest.fixture
def expected(tmp_path):
    return run(Counting(), tmp_path / "nowhere", shard_size=len(TEXTS))


def test_each_row_has_the_vector_of_its_text(expected):
    found = matrix(expected)
    assert found[:, 0].tolist() == [len(text) for text in TEXTS]
    assert expected.n_truncated == 2, "rows are counted, not distinct texts"
    assert found[:50, 2].tolist() == [10] * 50, "what is encoded together is a grain"
    assert found[50:, 2].tolist() == [1, 1]


def test_fewer_texts_than_a_shard_are_saved_nowhere(tmp_path, expected):
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("shard_size", [1, 10, 19, 20, 30])
def test_the_size_of_a_shard_changes_no_byte(shard_size, tmp_path, expected):
    encoder = Counting()
    assert same(run(encoder, tmp_path / "parts", shard_size=shard_size), expected)
    assert [len(call) for call in encoder.calls] == [10] * 5 + [1]
    assert len(list((tmp_path / "parts").iterdir())) == -(-51 // (-(-shard_size // 10) * 10))


def test_vectors_are_read_by_blocks_and_in_any_order(tmp_path, expected):
    vectors, whole = run(Counting(), tmp_path / "parts").vectors, matrix(expected)
    assert vectors.shape == (52, 3)
    assert np.array_equal(vectors.rows(18, 43), whole[18:43])
    assert np.array_equal(vectors.take(np.array([51, 3, 3, 25])), whole[[51, 3, 3, 25]])
    assert vectors.rows(7, 7).shape == (0, 3)


def test_finished_shards_are_not_redone(tmp_path, expected):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    second = Counting()
    assert same(run(second, folder), expected)
    assert second.calls == []


@pytest.mark.parametrize("damage", ["removed", "cut", "emptied", "garbage", "other flags"])
def test_only_what_is_not_whole_is_redone(damage, tmp_path, expected):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    path = sorted(folder.iterdir())[1]
    data = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(
            {
                "cut": data[: len(data) // 2],
                "emptied": b"",
                "garbage": b"xx",
                "other flags": data[:-1] + b"x",
            }[damage]
        )
    second = Counting()
    assert same(run(second, folder), expected)
    assert [len(call) for call in second.calls] == [10, 10]


@pytest.mark.parametrize("change", ["encoder", "texts", "shard_size"])
def test_shards_of_something_else_are_not_used_and_removed(change, tmp_path):
    folder = tmp_path / "parts"
    run(Counting(), folder)
    before = set(folder.iterdir())
    encoder = Counting("two" if change == "encoder" else "one")
    texts = [*TEXTS[:-3], "other", *TEXTS[-2:]] if change == "texts" else TEXTS
    size = 30 if change == "shard_size" else 20
    found = run(encoder, folder, texts, size)
    assert matrix(found)[:, 0].tolist() == [len(text) for text in texts]
    assert sum(len(call) for call in encoder.calls) == 51
    assert not before & set(folder.iterdir())


class Fitted(Counting):
    """An encoder whose vectors depend on the first texts that it has seen."""

    is_fitted = True
    n_fitted = 0

    def embed(self, texts, progress=None):
        self.n_fitted = self.n_fitted or len(texts)
        done = super().embed(texts, progress)
        return Embedded(done.vectors + self.n_fitted, done.is_truncated)


def test_a_fitted_encoder_embeds_a_few_texts_in_one_go(tmp_path):
    encoder = Fitted()
    found = run(encoder, tmp_path / "parts")
    assert [len(call) for call in encoder.calls] == [51]
    assert matrix(found)[:, 0].tolist() == [len(text) + 51 for text in TEXTS]
    assert not (tmp_path / "parts").exists()


def test_a_fitted_encoder_is_fitted_to_a_sample_of_many(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_MOST_FITTED", 25)
    found = [
        run(Fitted(), tmp_path / f"parts{n}", shard_size=size) for n, size in ((1, 20), (2, 99))
    ]
    assert matrix(found[0])[:, 0].tolist() == [len(text) + 25 for text in TEXTS]
    assert np.array_equal(matrix(found[0]), matrix(found[1]))
    first, other = Fitted(), Fitted()
    run(first, tmp_path / "parts3", seed=1)
    run(other, tmp_path / "parts4", seed=2)
    assert first.calls[0] != other.calls[0]
    assert first.calls[1:] == other.calls[1:]


def test_progress_goes_on_from_what_is_done(tmp_path):
    folder = tmp_path / "parts"
    first, second = [], []
    run(Counting(), folder, progress=first.append)
    assert [step.done for step in first] == [1, 10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
    assert {step.total for step in first} == {51}
    assert first[-1].seconds_left == 0
    assert all(a.seconds_left > 0 for a in first[:-1])
    sorted(folder.iterdir())[2].unlink()
    run(Counting(), folder, progress=second.append)
    assert [step.done for step in second] == [41, 50, 51]
    assert second[-1].seconds_left == 0


class Fails(Counting):
    """An encoder that a text breaks."""

    def __init__(self, breaks):
        super().__init__()
        self.breaks = breaks

    def embed(self, texts, progress=None):
        if self.breaks(texts):
            raise ValueError("a secret text")
        return super().embed(texts, progress)


@pytest.mark.parametrize("row", [1, 17, 26, 51])
def test_a_text_that_breaks_the_encoder_is_named_by_its_row(row, tmp_path):
    encoder = Fails(lambda texts: TEXTS[row - 1] in texts)
    with pytest.raises(DataError, match=f"^data.csv, row {row}: encoder counting fails") as caught:
        run(encoder, tmp_path / "parts", where="data.csv")
    assert "secret" not in caught.value.message + caught.value.hint
    kept = len(list((tmp_path / "parts").iterdir()))
    assert kept == (row - 1) // 20, "finished shards are kept"


def test_an_error_that_no_single_text_makes_is_a_bug_and_stays_what_it_is(tmp_path):
    with pytest.raises(ValueError, match="secret"):
        run(Fails(lambda texts: len(texts) > 1), tmp_path / "parts")


def test_a_worker_with_another_encoder_is_refused(tmp_path):
    class Other(Loaded):
        def open(self):
            Other.n += 1
            return Counting("one" if Other.n == 1 else "two")

    Other.n = 0
    with pytest.raises(ModelError, match="gives other vectors on"):
        embed_in_shards(TEXTS, Other(Counting()), tmp_path / "parts", shard_size=20)


class Elsewhere:
    """Workers whose files nobody else sees."""

    n_workers, is_here = 2, False

    def map(self, function, tasks, *, on_gpu=False):
        for task in tasks:
            done = function(task)
            if isinstance(task, shards.Shard):
                task.path.unlink()
            yield done


def test_a_shard_that_is_not_there_afterwards_is_an_error(tmp_path):
    with pytest.raises(DataError, match="has written it, and it is not there"):
        run(Counting(), tmp_path / "parts", executor=Elsewhere())


def test_a_folder_that_cannot_be_made_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="parts: cannot be written"):
        run(Counting(), tmp_path / "file" / "parts")


def test_a_full_disk_ends_with_what_is_finished_kept(tmp_path, monkeypatch):
    folder, saved = tmp_path / "parts", shards.save_shard

    def full(path, shard):
        if len(list(folder.iterdir())) == 2:
            raise write_error(OSError(errno.ENOSPC, "no space"), path)
        saved(path, shard)

    monkeypatch.setattr(shards, "save_shard", full)
    with pytest.raises(DataError, match="the disk is full") as caught:
        run(Counting(), folder)
    assert "run the same command again" in caught.value.hint
    monkeypatch.undo()
    monkeypatch.setattr(shards, "GRAIN", 10)
    encoder = Counting()
    run(encoder, folder)
    assert [len(call) for call in encoder.calls] == [10, 1], "two shards of 20 were kept"


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
from noisefix.detection import shards
from noisefix.detection.encoder_source import Loaded

class Slow:
    name, dimension, is_fitted, fingerprint = "slow", 3, False, "slow"
    max_tokens, precision, device = 50, "fp32", "cpu"
    def embed(self, texts, progress=None):
        if len(list(folder.glob("shard-*.f32"))) >= 2:
            print("two are done", flush=True)
            time.sleep(60)
        vectors = np.array([[len(text), 0, 1] for text in texts], dtype=np.float32)
        return Embedded(vectors, np.zeros(len(texts), dtype=bool))

shards.GRAIN = 10
folder = Path(sys.argv[1])
texts = [f"text {n}" for n in range(95)]
shards.embed_in_shards(texts, Loaded(Slow()), folder, shard_size=20)
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
    assert encoder.calls == [10] * 5 + [5]
    assert matrix(found)[:, 0].tolist() == [len(f"text {n}") for n in range(95)]
    assert all(path.stat().st_mtime_ns == mtime < started for path, mtime in saved.items())
