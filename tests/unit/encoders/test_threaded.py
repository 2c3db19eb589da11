import threading
import time

import pytest
import torch

from noisefix.encoders.threaded import torch_thread_map


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
