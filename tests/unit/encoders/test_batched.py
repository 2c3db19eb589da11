import threading
import time

import numpy as np
import pytest
import torch

from noisefix import hardware
from noisefix.encoders import batched
from noisefix.encoders.batched import BatchedEncoder, torch_thread_map
from noisefix.errors import ModelError


class Letters:
    """A model whose tokens are letters and whose vectors say how many a's and b's there are."""

    dimension = 2
    is_padded = False
    cpu_batch_tokens = 12

    def __init__(self, *, device="cpu", max_tokens=8, room=None, is_thread_safe=True):
        self.device, self.max_tokens, self.room = device, max_tokens, room
        self.is_thread_safe = is_thread_safe
        self.seen, self.begun, self.waited_for = [], 0, []

    def prepare(self, texts):
        counts = np.array([len(text) + 2 for text in texts])
        return [text[: (self.max_tokens or 10**9) - 2] for text in texts], counts

    def embed(self, items):
        if self.room is not None and sum(len(item) + 2 for item in items) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.seen.append(list(items))
        counts = [(item.count("a") + 1.0, item.count("b")) for item in items]
        vectors = np.array(counts, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def start(self, items):
        found = self.embed(items)  # what has no room says so at once
        self.begun += 1

        def wait():
            self.waited_for.append(self.begun)
            return found

        return wait


def encoder_of(model):
    return BatchedEncoder(model, name="letters", precision="fp32", fingerprint="f")


TEXTS = ["ab", "", "bbbb", "ab", "aaaaaaaaaaaa", "b", "ab"]


@pytest.mark.parametrize("is_thread_safe", [True, False])
def test_each_distinct_text_is_embedded_once_and_lands_in_its_rows(is_thread_safe):
    model = Letters(is_thread_safe=is_thread_safe)
    found = encoder_of(model).embed(TEXTS)
    seen = [item for batch in model.seen for item in batch]
    assert sorted(seen) == ["", "aaaaaa", "ab", "b", "bbbb"]
    for row, text in enumerate(TEXTS):
        alone = model.embed([text[:6]])[0]
        assert found.vectors[row].tolist() == alone.tolist()
    assert found.is_truncated.tolist() == [False] * 4 + [True] + [False] * 2


def test_batches_keep_to_the_budget_after_truncation():
    model = Letters()
    encoder_of(model).encode(["a" * n for n in range(40)])
    assert max(sum(len(item) + 2 for item in batch) for batch in model.seen) <= 12


def test_no_texts_give_no_rows():
    found = encoder_of(Letters()).embed([])
    assert found.vectors.shape == (0, 2)
    assert found.is_truncated.shape == (0,)
    assert encoder_of(Letters()).token_counts([]).shape == (0,)


def test_without_a_limit_nothing_is_truncated():
    found = encoder_of(Letters(max_tokens=None)).embed(["a" * 500, "b"])
    assert not found.is_truncated.any()


def test_progress_counts_rows_and_ends_at_the_end():
    steps = []
    encoder_of(Letters()).encode(TEXTS, steps.append)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    last = steps[-1]
    assert (last.done, last.total, last.unit) == (7, 7, "texts")
    assert last.done_tokens == last.total_tokens == 8 + 6 + 4 + 3 + 2
    assert last.seconds_left == 0
    assert steps[0].seconds_left > 0
    assert last.texts_per_s > 0


def test_out_of_memory_halves_the_batches_and_goes_on(monkeypatch):
    freed = []
    monkeypatch.setattr(hardware, "free_memory", freed.append)
    model = Letters(device="cuda:0", room=20)
    texts = ["a" * (n % 7) for n in range(7)] + [f"{'b' * (n % 5)}{n}" for n in range(90)]
    found = encoder_of(model).encode(texts)
    plain = encoder_of(Letters()).encode(texts)
    assert np.array_equal(found, plain)
    assert freed
    assert set(freed) == {"cuda:0"}
    items = [item for batch in model.seen for item in batch]
    assert len(items) == len(set(items)) == len({text[:6] for text in texts})


def test_a_text_that_does_not_fit_alone_is_a_model_error(monkeypatch):
    monkeypatch.setattr(hardware, "free_memory", lambda device: None)
    with pytest.raises(ModelError, match="cuda:0: out of memory with a single text of 8 tokens"):
        encoder_of(Letters(device="cuda:0", room=5)).encode(["a" * 50])


def test_a_gpu_has_the_next_batch_before_the_last_one_is_waited_for(monkeypatch):
    monkeypatch.setattr(batched, "GPU_BATCH_TOKENS", 20)
    model = Letters(device="cuda:0")
    texts = [f"{'ab' * (n % 3)}{n}" for n in range(40)]
    found = encoder_of(model).encode(texts)
    assert np.array_equal(found, encoder_of(Letters()).encode(texts))
    n_batches = len(model.seen)
    assert model.waited_for == [*range(2, n_batches + 1), n_batches]


def test_a_gpu_gets_texts_piece_by_piece_tokenized_in_a_thread(monkeypatch):
    monkeypatch.setattr(batched, "GPU_PIECE", 7)
    threads, pieces = set(), []

    class Watched(Letters):
        def prepare(self, texts):
            threads.add(threading.current_thread().name.partition("_")[0])
            pieces.append(len(texts))
            return super().prepare(texts)

    texts = [f"{'ab' * (n % 5)}{n}" for n in range(40)] * 2
    steps = []
    found = encoder_of(Watched(device="cuda:0")).embed(texts, steps.append)
    plain = encoder_of(Letters()).embed(texts)
    assert np.array_equal(found.vectors, plain.vectors)
    assert np.array_equal(found.is_truncated, plain.is_truncated)
    assert threads == {"tokenize"}
    assert pieces == [7] * 5 + [5]
    assert (steps[-1].done, steps[-1].seconds_left) == (80, 0)


def test_a_model_of_one_thread_is_not_tokenized_for_beside_its_work(monkeypatch):
    monkeypatch.setattr(batched, "GPU_PIECE", 7)
    names = []

    class Watched(Letters):
        def prepare(self, texts):
            names.append(threading.current_thread().name)
            return super().prepare(texts)

    encoder_of(Watched(device="cuda:0", is_thread_safe=False)).encode([str(n) for n in range(20)])
    assert names == ["MainThread"]


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch):
    model = Letters(device="cuda:0")

    def broken(items):
        raise RuntimeError("device-side assert triggered")

    monkeypatch.setattr(model, "start", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        encoder_of(model).encode(["a"])


def test_results_come_in_order_from_threads_of_one_torch_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    seen = []

    def square(number):
        seen.append((threading.current_thread().name, torch.get_num_threads()))
        return number * number

    assert list(torch_thread_map(square, range(50))) == [n * n for n in range(50)]
    assert {threads for _, threads in seen} == {1}
    assert all(name.startswith("encode") for name, _ in seen)
    assert torch.get_num_threads() == before


def test_an_error_comes_through_and_stops_the_rest(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = []

    def work(number):
        if number == 3:
            raise KeyError("three")
        done.append(number)
        time.sleep(0.0005)  # or all is done before anybody could stop it

    with pytest.raises(KeyError, match="three"):
        list(torch_thread_map(work, range(10_000)))
    assert done[:3] == [0, 1, 2]
    assert len(done) < 9_999
