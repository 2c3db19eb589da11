import os
import signal
from functools import partial

import numpy as np
import pytest

from noisefix.encoders.find import find_encoder
from noisefix.encoders.load import ParallelEncoder, open_encoder
from noisefix.errors import ModelError

TEXTS = [f"{'word ' * (n % 9)}{n}" for n in range(50)] + ["again", "again", "", "x " * 300]


def loader_of(folder):
    return partial(open_encoder, find_encoder(str(folder)), precision="fp32")


@pytest.fixture(scope="module")
def two_workers(minilm_folder):
    encoder = ParallelEncoder(loader_of(minilm_folder), ["cpu", "cpu"])
    yield encoder
    encoder.close()


def test_workers_give_what_one_process_gives(two_workers, minilm):
    steps = []
    found, alone = two_workers.embed(TEXTS, steps.append), minilm.embed(TEXTS)
    assert np.abs(found.vectors - alone.vectors).max() < 1e-6
    assert found.is_truncated.tolist() == alone.is_truncated.tolist()
    assert found.is_truncated.sum() == 1
    assert (steps[-1].done, steps[-1].total) == (len(TEXTS), len(TEXTS))
    assert len(steps) > 1


def test_workers_describe_their_encoder(two_workers, minilm):
    for name in ("name", "dimension", "max_tokens", "fingerprint", "is_fitted", "precision"):
        assert getattr(two_workers, name) == getattr(minilm, name)
    assert two_workers.device == "cpu,cpu"
    assert two_workers.token_counts(TEXTS).tolist() == minilm.token_counts(TEXTS).tolist()


def test_no_texts_give_no_rows(two_workers):
    assert two_workers.encode([]).shape == (0, 384)
    assert two_workers.token_counts([]).shape == (0,)


def test_a_worker_that_cannot_load_says_why(minilm_folder):
    with pytest.raises(ModelError, match=r"device cuda:63: torch .* finds no such device"):
        ParallelEncoder(loader_of(minilm_folder), ["cuda:63"])


def test_a_worker_that_dies_is_a_model_error(minilm_folder):
    encoder = ParallelEncoder(loader_of(minilm_folder), ["cpu"])
    for pid in list(encoder._pool._processes):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ModelError, match="a worker process ended") as caught:
        encoder.encode(["a"])
    assert "__main__" in caught.value.hint
