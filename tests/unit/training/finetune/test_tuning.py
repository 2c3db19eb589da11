from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch

from noisefix.encoders.find import find_encoder
from noisefix.errors import UsageError
from noisefix.training.checkpoints import FileCheckpoint, training_key
from noisefix.training.finetune.encoder import TrainableEncoder
from noisefix.training.finetune.tuning import Tuning, TuningParams
from noisefix.training.interface import TrustedRows, finish
from noisefix.training.methods import ce, elr, noiseal

HEADS = ("ce", "prune", "repair", "gce", "sce", "elr", "ldr", "coteaching", "cpc", "ill")


def accuracy(classifier, problem) -> float:
    probs = classifier.predict_probs(problem.data.tuning.encode(problem.test_texts))
    return float((probs.argmax(axis=1) == problem.test_labels).mean())


def test_the_encoder_learns_and_the_one_it_began_with_stays_as_it_was(tiny_bert, make_texts):
    problem = make_texts(tiny_bert, noise=0.1)
    before = TrainableEncoder(tiny_bert.folder, device="cpu").weights
    classifier = finish(ce.fit(problem.data, ce.Params(epochs=8), seed=0, device="cpu"))
    assert accuracy(classifier, problem) >= 0.85
    # The folder that it began with is as it was, and every weight of the tuned one has moved.
    tuned = TrainableEncoder(problem.data.tuning.folder, device="cpu").weights
    assert all((tuned[name] != value).any() for name, value in before.items())
    assert find_encoder(str(tiny_bert.folder)).sha256 == tiny_bert.sha256


@pytest.mark.slow
@pytest.mark.parametrize("method", HEADS)
def test_every_method_with_a_head_trains_an_encoder(tiny_bert, make_texts, method):
    problem = make_texts(tiny_bert, n_rows=64)
    module = import_module(f"noisefix.training.methods.{method}")
    steps = []
    training = module.fit(problem.data, module.Params(epochs=6), seed=0, device="cpu")
    classifier = finish(training, steps.append)
    assert [step.epoch for step in steps] == [1, 2, 3, 4, 5, 6]
    assert accuracy(classifier, problem) > 0.7


def test_noiseal_says_that_its_heads_have_features_of_their_own(tiny_bert, make_texts):
    from dataclasses import replace

    from noisefix.probing.ngrams import ngram_features

    problem = make_texts(tiny_bert)
    data = replace(problem.data, word_features=ngram_features(problem.texts))
    with pytest.raises(UsageError, match="features of their own"):
        finish(noiseal.fit(data, noiseal.Params(epochs=1), seed=0, device="cpu"))


def test_same_seed_same_bytes_other_seed_others(tiny_bert, make_texts):
    digests = []
    for seed in (1, 1, 2):
        problem = make_texts(tiny_bert)
        finish(ce.fit(problem.data, ce.Params(epochs=1), seed=seed, device="cpu"))
        digests.append(find_encoder(str(problem.data.tuning.folder)).sha256)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.slow
@pytest.mark.parametrize("patience", [0, 2])
def test_going_on_after_a_kill_gives_the_same_as_an_unbroken_run(
    tiny_bert, make_texts, tmp_path, patience
):
    params = elr.Params(epochs=4, patience=patience)

    def fit(checkpoint):
        problem = make_texts(tiny_bert)
        return problem, elr.fit(problem.data, params, seed=4, device="cpu", checkpoint=checkpoint)

    def checkpoint():
        key = training_key(make_texts(tiny_bert).data, "elr", params, 4)
        return FileCheckpoint(tmp_path / "state", key, every_s=0)

    whole, training = fit(None)
    wanted = finish(training)
    _, broken = fit(checkpoint())
    for _ in range(2):
        next(broken)
    broken.close()
    problem, training = fit(checkpoint())
    steps = []
    found = finish(training, steps.append)
    assert steps[0].epoch == 3
    for name, value in wanted.state()[0].items():
        assert (found.state()[0][name] == value).all(), name
    texts = whole.test_texts
    assert (problem.data.tuning.encode(texts) == whole.data.tuning.encode(texts)).all()


def test_the_saved_encoder_gives_what_the_training_saw(tiny_bert, make_texts):
    from noisefix.encoders.bert_files import read_bert_files

    problem = make_texts(tiny_bert)
    tuning = problem.data.tuning
    source = tuning.start("cpu")
    weights = {name: value.detach() * 1.1 for name, value in source.weights.items()}
    wanted = source.everything(weights).numpy()
    tuning.finish(weights)
    assert read_bert_files(tuning.folder) is not None  # the fast loader takes it
    np.testing.assert_allclose(tuning.encode(problem.texts), wanted, atol=0.02)  # bf16 products
    folder = tuning.folder
    tuning.close()
    assert not folder.exists()


def test_trusted_rows_are_embedded_by_the_encoder_of_the_epoch(tiny_bert, make_texts):
    from dataclasses import replace

    problem = make_texts(tiny_bert, noise=0.0)
    tuning = Tuning(
        tiny_bert, problem.texts, problem.data.tuning.params, trusted_texts=problem.test_texts
    )
    frozen = np.zeros((len(problem.test_texts), 32), np.float32)
    trusted = TrustedRows(frozen, problem.test_labels)
    data = replace(problem.data, trusted=trusted, tuning=tuning)
    steps = []
    finish(ce.fit(data, ce.Params(epochs=6, patience=6), seed=0, device="cpu"), steps.append)
    scores = [step.metrics["trusted_score"] for step in steps]
    assert max(scores) > scores[0] + 0.2


def test_the_digest_is_of_all_that_matters(tiny_bert, still_bert):
    first = Tuning(tiny_bert, ["a", "b"])
    others = (
        Tuning(still_bert, ["a", "b"]),
        Tuning(tiny_bert, ["b", "a"]),
        Tuning(tiny_bert, ["a", "b"], TuningParams(encoder_rate=0.5)),
        Tuning(tiny_bert, ["a", "b"], trusted_texts=["c"]),
        Tuning(tiny_bert, ["a"], trusted_texts=["b"]),
    )
    digests = {tuning.digest() for tuning in (first, *others)}
    assert len(digests) == 6
    assert Tuning(tiny_bert, ["a", "b"]).digest() == first.digest()


def test_wrong_options_are_usage_errors(tiny_bert):
    for wrong in (
        {"encoder_rate": 0.0},
        {"token_budget": 0},
        {"precision": "int4"},
    ):
        with pytest.raises(UsageError):
            TuningParams(**wrong)
    with pytest.raises(UsageError, match="no layers to tune"):
        Tuning(find_encoder("tfidf"), ["a"])
    with pytest.raises(UsageError, match="max_tokens is 17"):
        Tuning(tiny_bert, ["a"], TuningParams(max_tokens=17)).start("cpu")


def test_fewer_tokens_are_read_ever_after(tiny_bert, make_texts):
    problem = make_texts(tiny_bert, max_tokens=4)
    tuning = problem.data.tuning
    source = tuning.start("cpu")
    tuning.finish({name: value.detach() for name, value in source.weights.items()})
    short, long = tuning.encode(["cat1 the1", "cat1 the1 dog3 dog2 the2 the3"])
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_an_encoder_that_is_no_bert_is_tuned_too(make_texts, tmp_path, tiny_bert):
    import shutil

    from transformers import MPNetConfig, MPNetModel

    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_bert.folder / name, tmp_path)
    config = MPNetConfig(
        vocab_size=17,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
        pad_token_id=0,
    )
    MPNetModel(config).save_pretrained(tmp_path)
    problem = make_texts(find_encoder(str(tmp_path)), n_rows=48, precision="bf16")
    classifier = finish(ce.fit(problem.data, ce.Params(epochs=1), seed=0, device="cpu"))
    assert np.isfinite(accuracy(classifier, problem))
    assert problem.data.tuning.encode(["cat1"]).shape == (1, 32)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_device_learns_the_same(still_bert, make_texts, device):
    """Without dropout, whose draws differ, only rounding is left between devices."""

    def fit(on):
        problem = make_texts(still_bert)
        params = ce.Params(epochs=4)
        steps = []
        model = finish(ce.fit(problem.data, params, seed=0, device=on), steps.append)
        probs = model.predict_probs(problem.data.tuning.encode(problem.test_texts))
        return [step.loss for step in steps], probs

    (losses, probs), (cpu_losses, cpu_probs) = fit(device), fit("cpu")
    np.testing.assert_allclose(losses, cpu_losses, rtol=0.02)
    np.testing.assert_allclose(probs, cpu_probs, atol=0.05)


def test_a_step_brings_nothing_back_from_the_device(still_bert, make_texts, monkeypatch):
    """What a GPU is asked for while it trains, it must stop for."""
    asked = []
    for name in ("cpu", "item", "tolist", "__float__", "__bool__", "__int__"):
        plain = getattr(torch.Tensor, name)

        def watched(self, *args, name=name, plain=plain, **kwargs):
            if self.dtype != torch.bool:  # transformers looks whether a mask hides anything
                asked.append(name)
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, watched)
    problem = make_texts(still_bert)
    training = ce.fit(problem.data, ce.Params(epochs=2), seed=0, device="cpu")
    next(training)
    asked.clear()
    next(training)
    assert asked == ["__float__"], "the loss of the epoch, and nothing else"


def test_no_token_noise_is_plain_training(tiny_bert, make_texts):
    found = []
    for params in ({}, {"token_noise": 0.0, "noise_agreement": 3.0}):
        problem = make_texts(tiny_bert, n_rows=32, **params)
        finish(ce.fit(problem.data, ce.Params(epochs=1), seed=0, device="cpu"))
        found.append(problem.data.tuning.encode(problem.test_texts[:8]))
    np.testing.assert_array_equal(*found)


def test_token_noise_makes_predictions_hold_still_under_it(tiny_bert, make_texts):
    """Held to agree, both passes come nearer to each other than without, and labels are learnt."""
    from noisefix.training.losses import divergence

    apart = []
    for agreement in (0.0001, 2.0):
        problem = make_texts(tiny_bert, noise=0.1, token_noise=1.0, noise_agreement=agreement)
        head = finish(ce.fit(problem.data, ce.Params(epochs=8), seed=0, device="cpu"))
        assert accuracy(head, problem) > 0.75
        encoder = TrainableEncoder(problem.data.tuning.folder, device="cpu")
        rows = problem.test_texts[:100]
        logits = []
        for is_noised in (None, torch.ones(100, dtype=torch.bool)):
            with torch.no_grad(), torch.random.fork_rng():
                torch.manual_seed(0)
                encoder.learn(False)
                vectors = encoder.vectors(rows, is_noised, 1.0)
            logits.append(torch.from_numpy(head.logits(vectors.numpy())[0]))
        apart.append(float(divergence(*logits).mean()))
    assert apart[1] < 0.8 * apart[0], apart


@pytest.mark.parametrize("name", ["token_noise", "noise_agreement"])
@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan")])
def test_token_noise_out_of_range(name, value):
    with pytest.raises(UsageError, match=name):
        TuningParams(**{name: value})
