"""Load an encoder by its name; on several GPUs, one in a worker process for each."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.encoders.batched import BatchedEncoder, Meter
from noisefix.encoders.batching import distinct_texts
from noisefix.encoders.find import DEFAULT_ENCODER, TFIDF, EncoderFiles, find_encoder
from noisefix.encoders.protocol import Embedded, EncodeCallback, Encoder
from noisefix.errors import ModelError

if TYPE_CHECKING:
    from noisefix.encoders.batched import TextModel

_VERSION = 1
"""Raised when the same weights give other vectors than before."""

_CHUNKS_PER_WORKER = 4
"""More than one, so that a worker with short texts takes over from one with long ones."""

_FACTS = ("name", "dimension", "max_tokens", "precision", "fingerprint")

LoadOn = Callable[..., Encoder]
"""Loads an encoder on the device that it is called with: ``device="cuda:0"``."""


def load_encoder(
    name: str = DEFAULT_ENCODER, *, device: str = "auto", precision: str = "auto", seed: int = 0
) -> Encoder:
    """Find an encoder and load it.

    Args:
        name: sentence-transformers name, local folder, "static:" and a folder, or "tfidf" (no
            weights).
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
    usual = _load_static if files.is_static else _load_transformer
    return LOADERS.get(files.name, usual)(files, device, precision, seed)


def _load_tfidf(files: EncoderFiles, device: str, precision: str, seed: int) -> Encoder:
    from noisefix.encoders.tfidf import TfidfEncoder

    return TfidfEncoder(seed=seed, sha256=files.sha256)


def _load_static(files: EncoderFiles, device: str, precision: str, seed: int) -> Encoder:
    from noisefix.encoders.static import StaticTextModel

    assert files.folder is not None
    return _batched(StaticTextModel(files.folder), files, "fp32")


def _load_transformer(files: EncoderFiles, device: str, precision: str, seed: int) -> Encoder:
    from noisefix.hardware import cards, choose_device, choose_precision

    device = choose_device(device)
    precision = choose_precision(precision, device)
    devices = cards(device)
    if len(devices) > 1:
        return ParallelEncoder(partial(open_encoder, files, precision=precision), devices)
    return _batched(_load_model(files, device, precision), files, precision)


def _batched(model: TextModel, files: EncoderFiles, precision: str) -> Encoder:
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
"""Encoders that go by a word of their own; any other name is a transformer's, or a static one's."""


class ParallelEncoder:
    """An ``Encoder`` that shares its texts among workers, each with a device of its own."""

    is_fitted = False

    def __init__(self, load: LoadOn, devices: Sequence[str]) -> None:
        """Start the workers.

        Args:
            load: loads the encoder on a device, see ``LoadOn``; can be pickled.
            devices: one worker for each, e.g. ``["cuda:0", "cuda:1"]``.

        Raises:
            ModelError: a worker cannot load the encoder, or cannot be started.
        """
        # A GPU's state does not survive a fork: each worker is a fresh interpreter.
        context = multiprocessing.get_context("spawn")
        free_devices: Any = context.Queue()
        for device in devices:
            free_devices.put(device)
        self._devices = list(devices)
        self._pool = ProcessPoolExecutor(len(devices), context, _start_worker, (load, free_devices))
        facts = next(self._results(_describe, [None]))
        self.name: str = facts["name"]
        self.precision: str = facts["precision"]
        self.device = ",".join(devices)
        self.dimension: int = facts["dimension"]
        self.max_tokens: int | None = facts["max_tokens"]
        self.fingerprint: str = facts["fingerprint"]

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown(cancel_futures=True)

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N,) int64, tokens in each text before truncation."""
        chunks = np.array_split(np.arange(len(texts)), len(self._devices))
        tasks = [[texts[i] for i in chunk] for chunk in chunks]
        return np.concatenate(list(self._results(_count, tasks)))

    def encode(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> np.ndarray:
        """Return (N, D) float32 unit vectors."""
        return self.embed(texts, progress).vectors

    def embed(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> Embedded:
        """Embed texts; equal texts are worked on once."""
        distinct, inverse = distinct_texts(texts)
        vectors = np.empty((len(distinct), self.dimension), dtype=np.float32)
        is_truncated = np.zeros(len(distinct), dtype=bool)
        lengths = np.array([len(text) for text in distinct], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        meter = Meter(np.bincount(inverse, minlength=len(distinct)), lengths + 1)
        chunks = np.array_split(order, len(self._devices) * _CHUNKS_PER_WORKER)
        chunks = [chunk for chunk in chunks if len(chunk)]
        tasks = [[distinct[i] for i in chunk] for chunk in chunks]
        for chunk, part in zip(chunks, self._results(_embed, tasks), strict=True):
            vectors[chunk], is_truncated[chunk] = part.vectors, part.is_truncated
            if progress is not None:
                progress(meter.advance(chunk))
        return Embedded(vectors[inverse], is_truncated[inverse])

    def _results(self, function: Any, tasks: Sequence[Any]) -> Iterator[Any]:
        """Yield what the workers make of each task, in order."""
        try:
            yield from self._pool.map(function, tasks)
        except BrokenProcessPool as error:
            raise ModelError(
                f"encoder on {len(self._devices)} devices: a worker process ended unexpectedly",
                "use one device, e.g. --device cuda:0; in a script of your own, keep the call "
                'under if __name__ == "__main__", for each worker reads the script again',
            ) from error


_start: tuple[LoadOn, str] | None = None
"""In a worker: what loads the encoder, and its device."""


def _start_worker(load: LoadOn, free_devices: Any) -> None:
    global _start
    _start = (load, free_devices.get())


@lru_cache(maxsize=1)
def _worker_encoder() -> Encoder:
    """Load the worker's encoder: with its first task, so that errors come back as results do."""
    if _start is None:
        raise RuntimeError("only a worker process has an encoder")
    load, device = _start
    return load(device=device)


def _describe(_: object) -> dict[str, Any]:
    encoder = _worker_encoder()
    return {name: getattr(encoder, name) for name in _FACTS}


def _count(texts: Sequence[str]) -> np.ndarray:
    return _worker_encoder().token_counts(texts)


def _embed(texts: Sequence[str]) -> Embedded:
    return _worker_encoder().embed(texts)
