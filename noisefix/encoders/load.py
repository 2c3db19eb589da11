"""Load an encoder by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from noisefix.encoders.find import DEFAULT_ENCODER, TFIDF, EncoderFiles, find_encoder
from noisefix.encoders.protocol import Encoder

if TYPE_CHECKING:
    from noisefix.encoders.batched import TextModel

_VERSION = 1
"""Raised when the same weights give other vectors than before."""


def load_encoder(
    name: str = DEFAULT_ENCODER, *, device: str = "auto", precision: str = "auto", seed: int = 0
) -> Encoder:
    """Find an encoder and load it.

    Args:
        name: sentence-transformers name, local folder, or "tfidf" (no weights).
        device: "auto", "cpu", "cuda", "mps" or one GPU, "cuda:1"; several GPUs share the work.
        precision: "auto" (bf16 where the hardware has it), "fp32" or "bf16".
        seed: of the tfidf encoder's SVD; others are not random.

    Raises:
        ModelError: it cannot be found, fetched or loaded, or the device is not there.
    """
    return open_encoder(find_encoder(name), device=device, precision=precision, seed=seed)


def open_encoder(
    files: EncoderFiles, *, device: str = "auto", precision: str = "auto", seed: int = 0
) -> Encoder:
    """Load an encoder that has been found; arguments and errors as for ``load_encoder``."""
    loader = LOADERS.get(files.name, _load_transformer)
    return loader(files, device, precision, seed)


def _load_tfidf(files: EncoderFiles, device: str, precision: str, seed: int) -> Encoder:
    from noisefix.encoders.tfidf import TfidfEncoder

    return TfidfEncoder(seed=seed, sha256=files.sha256)


def _load_transformer(files: EncoderFiles, device: str, precision: str, seed: int) -> Encoder:
    from noisefix.encoders.batched import BatchedEncoder
    from noisefix.encoders.hardware import choose_device, choose_precision, n_gpus
    from noisefix.encoders.parallel import ParallelEncoder

    device = choose_device(device)
    precision = choose_precision(precision, device)
    if device == "cuda" and n_gpus() > 1:
        devices = [f"cuda:{index}" for index in range(n_gpus())]
        return ParallelEncoder(partial(open_encoder, files, precision=precision), devices)
    model = _load_model(files, device, precision)
    facts = {
        "files": files.sha256,
        "model": type(model).__name__,
        "precision": precision,
        "version": _VERSION,
    }
    fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return BatchedEncoder(model, name=files.name, precision=precision, fingerprint=fingerprint)


def _load_model(files: EncoderFiles, device: str, precision: str) -> TextModel:
    """Load a plain BERT by our own means, anything else through sentence-transformers."""
    from noisefix.encoders.bert_files import read_bert_files

    assert files.folder is not None
    plain = read_bert_files(files.folder)
    if plain is not None:
        from noisefix.encoders.bert import PackedBert

        return PackedBert(plain, device=device, precision=precision)
    from noisefix.encoders.sentence_transformers import SentenceTransformerModel

    return SentenceTransformerModel(files.folder, device=device, precision=precision)


LOADERS: dict[str, Callable[[EncoderFiles, str, str, int], Encoder]] = {TFIDF: _load_tfidf}
"""Encoders that go by a word of their own; any other name is a transformer's."""
