import numpy as np
import pytest

from noisefix.encoders import batched
from noisefix.encoders.bert import PackedBert
from noisefix.encoders.bert_files import read_bert_files
from noisefix.encoders.load import load_encoder
from noisefix.errors import ModelError

TEXTS = ["a late parcel", "two words", "the same length here", "", "a late parcel again", "no"]


ROUNDING = {"fp32": 1e-6, "bf16": 3e-3}


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def precision(request):
    return request.param


@pytest.fixture(scope="module")
def model(precision, minilm_folder):
    return PackedBert(read_bert_files(minilm_folder), device="cpu", precision=precision)


def test_a_vector_does_not_depend_on_the_texts_beside_it(model, precision):
    ids, counts = model.prepare(TEXTS * 3)
    together = model.embed([ids[i] for i in np.argsort(-counts, kind="stable")])
    in_row_order = np.empty_like(together)
    in_row_order[np.argsort(-counts, kind="stable")] = together
    alone = np.concatenate([model.embed([each]) for each in ids])
    assert np.abs(in_row_order - alone).max() < ROUNDING[precision]
    assert (in_row_order * alone).sum(axis=1).min() > 0.9999


def test_the_order_within_a_batch_does_not_matter(model, precision):
    ids, _ = model.prepare(TEXTS)
    forward = model.embed(ids)
    backward = model.embed(ids[::-1])[::-1]
    assert np.abs(forward - backward).max() < ROUNDING[precision]
    assert np.abs(np.linalg.norm(forward, axis=1) - 1).max() < 1e-6


def test_idle_tokens_at_the_end_of_a_batch_change_no_vector(model, precision, monkeypatch):
    ids, _ = model.prepare(TEXTS)
    plain = model.embed(ids)
    monkeypatch.setattr(model, "_step", 64)  # as on a GPU
    with_idle = model.embed(ids)
    assert with_idle.shape == plain.shape
    assert np.abs(with_idle - plain).max() < ROUNDING[precision]


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_and_precision_gives_the_same_to_its_rounding(device, minilm, minilm_folder):
    texts = [f"{text} {'and more ' * (n % 9)}{n}" for n in range(8) for text in TEXTS]
    wanted = minilm.encode(texts)
    for precision, most, least_cosine in (("fp32", 1e-3, 0.999999), ("bf16", 0.02, 0.9995)):
        found = load_encoder(str(minilm_folder), device=device, precision=precision).encode(texts)
        assert np.abs(found - wanted).max() < most
        assert (found * wanted).sum(axis=1).min() > least_cosine


@pytest.mark.gpu
def test_a_gpu_without_room_for_a_batch_halves_it(minilm_folder, monkeypatch):
    import torch

    texts = [f"{n} {'word ' * 180}" for n in range(20_000)]  # 3.7 million tokens
    encoder = load_encoder(str(minilm_folder), device="cuda", precision="fp32")
    wanted = encoder.encode(texts[:64])
    monkeypatch.setattr(batched, "GPU_PIECE", len(texts))
    monkeypatch.setattr(batched, "GPU_BATCH_TOKENS", 1 << 23)
    tried = []
    run = batched.run_in_memory
    monkeypatch.setattr(batched, "run_in_memory", lambda *a: tried.append(1) or run(*a))
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 4e9 / total))
    steps = []
    try:
        found = encoder.encode(texts, steps.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert len(tried) > len(steps) > 1, "some batches had no room"
    assert np.abs(found[:64] - wanted).max() < 1e-3


def test_damaged_weights_are_a_model_error(minilm_copy):
    files = read_bert_files(minilm_copy)
    path = minilm_copy / "model.safetensors"
    data = path.read_bytes()[:1_000_000]
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"model\.safetensors: the weights cannot be read"):
        PackedBert(files, device="cpu", precision="fp32")


def test_a_missing_tensor_is_named(minilm_copy):
    from safetensors.torch import load_file, save_file

    files = read_bert_files(minilm_copy)
    path = minilm_copy / "model.safetensors"
    tensors = load_file(path)
    del tensors["encoder.layer.5.output.dense.bias"]
    path.unlink()
    save_file(tensors, path)
    with pytest.raises(ModelError, match=r"no tensor 'encoder\.layer\.5\.output\.dense\.bias'"):
        PackedBert(files, device="cpu", precision="fp32")
