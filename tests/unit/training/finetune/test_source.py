from __future__ import annotations

import numpy as np
import pytest
import torch

from noisefix.errors import ModelError
from noisefix.training.finetune import source as source_module
from noisefix.training.finetune.encoder import TrainableEncoder
from noisefix.training.finetune.source import TunedFeatures

ROWS = torch.arange(12).flip(0)


def make_source(files, texts, budget):
    return TunedFeatures(
        TrainableEncoder(files.folder, device="cpu"),
        texts,
        learning_rate=1e-3,
        device="cpu",
        precision="fp32",
        token_budget=budget,
    )


def loss_of(features):
    """Return a loss that compares the rows of a batch: no sum of losses of its parts."""
    return (features @ features.T).softmax(-1).square().sum()


def gradients(source):
    for value in source.weights.values():
        value.grad = None
    features = source.batch(ROWS, [0, 1, 2])
    torch.autograd.backward(loss_of(features))
    source.spread(features)
    return {name: value.grad.clone() for name, value in source.weights.items()}


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, atol=2e-5, err_msg=name)


@pytest.mark.parametrize(("budget", "kept"), [(10_000, 8), (30, 8), (30, 1), (30, 0)])
def test_the_gradient_is_that_of_the_whole_batch(still_bert, make_texts, monkeypatch, budget, kept):
    texts = make_texts().texts
    monkeypatch.setattr(source_module, "_KEPT", kept)
    source = make_source(still_bert, texts, budget)
    found = gradients(source)
    assert len(source._parts) == 1 if budget == 10_000 else len(source._parts) > 2

    plain = TrainableEncoder(still_bert.folder, device="cpu")
    torch.autograd.backward(loss_of(plain.vectors([texts[i] for i in ROWS])))
    assert_equal(found, {f"encoder.{name}": value.grad for name, value in plain.weights.items()})


def test_what_is_computed_twice_has_the_same_dropout(tiny_bert, make_texts, monkeypatch):
    source = make_source(tiny_bert, make_texts().texts, 30)
    kept = gradients(source)
    monkeypatch.setattr(source_module, "_KEPT", 0)
    assert_equal(gradients(source), kept)


def test_dropout_differs_from_step_to_step_and_is_the_same_for_a_seed(tiny_bert, make_texts):
    source = make_source(tiny_bert, make_texts().texts, 1000)
    first, again, other = (source.batch(ROWS, [7, step]).detach() for step in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    before = torch.random.get_rng_state()
    source.batch(ROWS, [7, 0])
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


def test_out_of_memory_halves_the_token_budget_and_goes_on(still_bert, make_texts):
    source = make_source(still_bert, make_texts().texts, 10_000)
    wanted, vectors = gradients(source), source.everything()
    source.encoder = Small(source.encoder, 4)
    assert_equal(gradients(source), wanted)
    assert source.encoder.failed > 0
    assert source.token_budget < 100
    torch.testing.assert_close(source.everything(), vectors, atol=1e-5, rtol=0)


def test_out_of_memory_on_the_way_back(still_bert, make_texts, monkeypatch):
    source = make_source(still_bert, make_texts().texts, 60)
    wanted = gradients(source)
    backward, calls = torch.autograd.backward, []

    def fails_once(*args, **kwargs):
        calls.append(1)
        backward(*args, **kwargs)
        if len(calls) == 2:  # the first is the loss's own
            raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch.autograd, "backward", fails_once)
    assert_equal(gradients(source), wanted)
    assert source.token_budget == 30


def test_a_single_text_that_does_not_fit_is_a_model_error(still_bert, make_texts):
    source = make_source(still_bert, make_texts().texts, 100)
    source.encoder = Small(source.encoder, 0)
    for ask in (lambda: source.batch(ROWS, [0]), source.everything):
        with pytest.raises(ModelError, match="single text") as caught:
            ask()
        assert "max_tokens" in caught.value.hint


def test_other_weights_for_a_look_only(tiny_bert, make_texts):
    source = make_source(tiny_bert, make_texts().texts, 100)
    own = source.everything()
    others = {name: value.detach() + 0.1 for name, value in source.weights.items()}
    assert (source.everything(others) != own).any()
    assert (source.everything() == own).all()
    np.testing.assert_allclose(own.norm(dim=1), 1, atol=1e-5)


def noised_source(files, texts, budget=10_000, noise=0.1):
    return TunedFeatures(
        TrainableEncoder(files.folder, device="cpu"),
        texts,
        learning_rate=1e-3,
        device="cpu",
        precision="fp32",
        token_budget=budget,
        token_noise=noise,
        agreement=1.0,
    )


def test_noised_rows_follow_the_plain_ones(still_bert, make_texts):
    texts = make_texts().texts
    plain = make_source(still_bert, texts, 10_000).batch(ROWS, [0]).detach()
    both = noised_source(still_bert, texts).batch(ROWS, [0]).detach()
    assert len(both) == 2 * len(ROWS)
    torch.testing.assert_close(both[: len(ROWS)], plain)
    moved = (both[len(ROWS) :] - plain).norm(dim=1)
    assert (moved > 1e-3).all()
    more = noised_source(still_bert, texts, noise=0.4).batch(ROWS, [0]).detach()
    assert (more[len(ROWS) :] - plain).norm(dim=1).mean() > 2 * moved.mean()


def test_noise_is_as_large_as_it_is_said_to_be(still_bert, make_texts):
    texts = make_texts().texts[:40]
    encoder = TrainableEncoder(still_bert.folder, device="cpu")
    seen = []
    handle = encoder._words.register_forward_hook(lambda module, given, out: seen.append(out))
    is_noised = torch.arange(40) < 20
    with torch.random.fork_rng():
        encoder.vectors(texts)
        handle.remove()
        with encoder._noised(is_noised, 0.5):  # this hook comes first, and changes what is seen
            handle = encoder._words.register_forward_hook(lambda m, given, out: seen.append(out))
            encoder.vectors(texts)
        handle.remove()
        encoder.vectors(texts)
    drawn = (seen[1] - seen[0]) / encoder._words.weight.std()
    assert drawn[:20].std() == pytest.approx(0.5, rel=0.05)
    assert drawn[:20].mean() == pytest.approx(0, abs=0.02)
    assert not drawn[20:].any()


def test_without_noise_there_is_no_second_pass(still_bert, make_texts):
    texts = make_texts().texts
    assert noised_source(still_bert, texts, noise=0.0).agreement == 0
    assert_equal(
        gradients(noised_source(still_bert, texts, noise=0.0)),
        gradients(make_source(still_bert, texts, 10_000)),
    )


@pytest.mark.parametrize("kept", [8, 0])
def test_the_noise_is_the_same_where_it_is_computed_twice(
    still_bert, make_texts, monkeypatch, kept
):
    source = noised_source(still_bert, make_texts().texts, budget=30)
    wanted = gradients(source)
    assert len(source._parts) > 2
    monkeypatch.setattr(source_module, "_KEPT", kept)
    assert_equal(gradients(source), wanted)
