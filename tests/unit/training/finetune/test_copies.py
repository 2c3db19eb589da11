"""Several devices: here a CPU named more than once, each time with an encoder of its own."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noisefix.encoders.batching import token_batches
from noisefix.errors import ModelError
from noisefix.hardware import BatchTooLargeError
from noisefix.training.finetune import source as source_module
from noisefix.training.finetune.copies import Copies, deal
from noisefix.training.finetune.encoder import TrainableEncoder
from noisefix.training.finetune.source import TunedFeatures
from noisefix.training.interface import finish
from noisefix.training.loop import torch_seed
from noisefix.training.methods import ce

ROWS = torch.arange(24).flip(0)


def make_source(files, texts, n_devices, *, budget=30, noise=0.0):
    return TunedFeatures(
        TrainableEncoder(files.folder, device="cpu"),
        texts,
        learning_rate=1e-3,
        device="cpu",
        precision="fp32",
        token_budget=budget,
        token_noise=noise,
        agreement=1.0,
        more_devices=["cpu"] * (n_devices - 1),
    )


def loss_of(features):
    """Return a loss that compares the rows of a batch: no sum of losses of its parts."""
    return (features @ features.T).softmax(-1).square().sum()


def step(source, number=0):
    """Return a batch's vectors and the gradients that come of it."""
    for value in source.weights.values():
        value.grad = None
    features = source.batch(ROWS, [0, number, 2])
    torch.autograd.backward(loss_of(features))
    source.spread(features)
    return features.detach(), {name: value.grad.clone() for name, value in source.weights.items()}


def watch(source):
    """Return a list to which each device's number is added when it makes vectors."""
    seen = []
    plain = source._encoder

    def watched(device):
        seen.append(device)
        return plain(device)

    source._encoder = watched
    return seen


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("kept", [8, 0])
@pytest.mark.parametrize("n_devices", [2, 3])
def test_the_number_of_devices_changes_no_gradient(
    tiny_bert, make_texts, monkeypatch, n_devices, kept, noise
):
    texts = make_texts().texts
    monkeypatch.setattr(source_module, "_KEPT", kept)
    alone = make_source(tiny_bert, texts, 1, noise=noise)
    several = make_source(tiny_bert, texts, n_devices, noise=noise)
    seen = watch(several)
    for number in range(2):  # copies begin the second step without what they had of the first
        (wanted_vectors, wanted), (vectors, found) = step(alone, number), step(several, number)
        assert wanted_vectors.abs().max() > 0
        assert (vectors == wanted_vectors).all()
        assert_equal(found, wanted)
    assert max(value.abs().max() for value in wanted.values()) > 1e-3, "there is a gradient"
    assert set(seen) == set(range(n_devices))


def test_the_number_of_devices_changes_no_training(tiny_bert, make_texts, monkeypatch):
    def fit(devices):
        monkeypatch.setattr("noisefix.hardware.cards", lambda device: devices)
        problem = make_texts(tiny_bert, token_budget=16, encoder_rate=1e-3)
        params = ce.Params(epochs=3, batch_size=8, patience=2)
        steps = []
        model = finish(ce.fit(problem.data, params, seed=0, device="cpu"), steps.append)
        return [s.loss for s in steps], problem.data.tuning.saved(), model.state()[0]

    loaded = []
    plain = TrainableEncoder.copy_to

    def copy_to(encoder, device):
        loaded.append(device)
        return plain(encoder, device)

    monkeypatch.setattr(TrainableEncoder, "copy_to", copy_to)
    losses, weights, heads = fit(["cpu"])
    assert loaded == []
    found = fit(["cpu"] * 3)
    assert loaded == ["cpu"] * 2
    assert losses[-1] < losses[0], "it learns"
    np.testing.assert_allclose(found[0], losses, rtol=1e-3)
    before = TrainableEncoder(tiny_bert.folder, device="cpu").weights
    moved, apart = 0.0, 0.0
    for name, value in weights.items():
        moved += np.square(value - before[name.removeprefix("encoder.")].detach().numpy()).sum()
        apart += np.square(found[1][name] - value).sum()
    assert np.sqrt(apart / moved) < 1e-3
    for name, value in heads.items():
        np.testing.assert_allclose(found[2][name], value, atol=5e-3, err_msg=name)


def test_one_device_works_in_this_thread_with_the_seeds_of_its_parts(
    tiny_bert, make_texts, monkeypatch
):
    """Bit by bit what the parts give one after the other."""
    monkeypatch.setattr("noisefix.training.finetune.copies.ThreadPoolExecutor", None)
    texts = make_texts().texts
    source = make_source(tiny_bert, texts, 1)
    features, gradients = step(source)
    everything = source.everything()

    plain = TrainableEncoder(tiny_bert.folder, device="cpu")
    rows = ROWS.numpy()
    plain.learn(True)
    leaf, parts = torch.empty(len(rows), 32), []
    batches = list(token_batches(plain.token_counts(texts)[rows], 30, is_padded=True))
    assert len(batches) > 3
    for number, places in enumerate(batches):
        with torch_seed([0, 0, 2, number]):
            parts.append((places, plain.vectors([texts[i] for i in rows[places]])))
        leaf[places] = parts[-1][1].detach()
    assert (leaf == features).all()
    leaf.requires_grad_()
    torch.autograd.backward(loss_of(leaf))
    shares = [leaf.grad[torch.from_numpy(places)] for places, _ in parts]
    torch.autograd.backward([vectors for _, vectors in parts], shares)
    for name, value in plain.weights.items():
        assert (gradients[f"encoder.{name}"] == value.grad).all(), name
    plain.learn(False)
    with torch.no_grad():
        for places in token_batches(plain.token_counts(texts), 4 * 30, is_padded=True):
            found = plain.vectors([texts[i] for i in places])
            assert (everything[torch.from_numpy(places)] == found).all()


def test_looks_at_all_rows_are_shared_too(tiny_bert, make_texts):
    texts = make_texts().texts
    alone, several = make_source(tiny_bert, texts, 1), make_source(tiny_bert, texts, 3)
    others = {name: value.detach() * 1.1 for name, value in alone.weights.items()}
    seen = watch(several)
    for weights in (None, others, None):
        torch.testing.assert_close(
            several.everything(weights), alone.everything(weights), atol=1e-5, rtol=0
        )
    assert set(seen) == {0, 1, 2}
    assert (alone.everything(others) - alone.everything()).abs().max() > 1e-3


def test_a_copy_is_loaded_when_there_is_work_for_it(tiny_bert, make_texts):
    source = make_source(tiny_bert, make_texts().texts, 4, budget=10_000)
    step(source)
    source.everything()
    assert source._copies._encoders == []
    source.token_budget = int(source._counts[ROWS].max()) * 12  # two parts
    step(source)
    assert len(source._copies._encoders) == 1


def test_what_is_drawn_elsewhere_stays_as_it_was(tiny_bert, make_texts):
    source = make_source(tiny_bert, make_texts().texts, 2)
    before = torch.random.get_rng_state()
    step(source)
    assert (torch.random.get_rng_state() == before).all()


class Small:
    """An encoder on a device that holds so many texts at a time."""

    def __init__(self, encoder, most):
        self._encoder, self.most, self.failed = encoder, most, 0

    def __getattr__(self, name):
        return getattr(self._encoder, name)

    def vectors(self, texts):
        if len(texts) > self.most:
            self.failed += 1
            raise torch.OutOfMemoryError("out of memory")
        return self._encoder.vectors(texts)


@pytest.mark.parametrize("most", [2, 0])
def test_a_device_out_of_memory_halves_the_budget_of_all(still_bert, make_texts, most):
    texts = make_texts().texts
    alone, several = make_source(still_bert, texts, 1), make_source(still_bert, texts, 2, budget=60)
    step(several)
    small = Small(several._copies._encoders[0], most)
    several._copies._encoders[0] = small
    if not most:
        for ask in (lambda: step(several), several.everything):
            with pytest.raises(ModelError, match="single text") as caught:
                ask()
            assert "max_tokens" in caught.value.hint
        return
    assert_equal(step(several)[1], step(alone)[1])
    assert small.failed > 0
    assert several.token_budget < 60
    torch.testing.assert_close(several.everything(), alone.everything(), atol=1e-5, rtol=0)


def test_out_of_memory_on_the_way_back(still_bert, make_texts, monkeypatch):
    """After another device has done its part: nothing is counted twice."""
    texts = make_texts().texts
    wanted = step(make_source(still_bert, texts, 1))[1]
    source = make_source(still_bert, texts, 2, budget=60)
    backward, main = torch.autograd.backward, threading.get_ident()
    failed = []

    def fails_once(*args, **kwargs):
        backward(*args, **kwargs)
        if threading.get_ident() != main and len(failed) < 2:  # both devices, after their work
            failed.append(threading.get_ident())
            raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch.autograd, "backward", fails_once)
    assert_equal(step(source)[1], wanted)
    assert len(failed) == 2
    assert source.token_budget == 30


def test_every_device_has_ended_when_an_error_is_raised():
    ended = []

    def task(number):
        if number == 1:
            raise torch.OutOfMemoryError("out of memory")
        if number == 2:
            threading.Event().wait(0.2)
        ended.append(number)

    with pytest.raises(BatchTooLargeError):
        Copies(["cpu"] * 3).work(3, task)
    assert sorted(ended) == [0, 2]


def test_other_errors_come_through_as_they_are():
    def task(number):
        if number:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        Copies(["cpu", "cpu"]).work(2, task)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 9))
def test_parts_are_dealt_out_evenly(tokens, n_devices):
    takers = deal(tokens, n_devices)
    assert len(takers) == len(tokens)
    assert set(takers) == set(range(min(n_devices, len(tokens))))
    loads = [sum(t for t, k in zip(tokens, takers, strict=True) if k == d) for d in set(takers)]
    assert max(loads) - min(loads) <= max(tokens)


@pytest.mark.gpu
def test_a_card_draws_what_torch_draws_from_the_seed():
    def draw():
        return torch.rand(100, device="cuda")

    copies = Copies(["cuda"])
    before = torch.cuda.get_rng_state()
    with copies.drawing(0, [3, 4]):
        found = draw()
    assert (torch.cuda.get_rng_state() == before).all()
    with torch_seed([3, 4]):
        assert (draw() == found).all()


@pytest.mark.gpu
def test_two_cards_learn_what_one_does(tiny_bert, make_texts):
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    texts = make_texts().texts
    alone, several = (
        TunedFeatures(
            TrainableEncoder(tiny_bert.folder, device="cuda"),
            texts,
            learning_rate=1e-3,
            device="cuda",
            precision="fp32",
            token_budget=60,
            more_devices=more,
        )
        for more in ([], ["cuda:1"])
    )
    (wanted_vectors, wanted), (vectors, found) = step(alone), step(several)
    torch.testing.assert_close(vectors, wanted_vectors, atol=1e-4, rtol=0)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, atol=1e-3, rtol=0, msg=name)
