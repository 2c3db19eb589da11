"""The encoder around a text model: each distinct text once, batches by tokens, progress."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import numpy as np

from noisefix.encoders.batching import Batch, distinct_texts, shrinking_batches, token_batches
from noisefix.encoders.protocol import Embedded, EncodeCallback, EncodeProgress
from noisefix.errors import ModelError
from noisefix.hardware import BatchTooLargeError, run_in_memory
from noisefix.threads import n_threads

T = TypeVar("T")
R = TypeVar("R")

GPU_BATCH_TOKENS = 1 << 16
GPU_PIECE = 1 << 13
"""Texts that are tokenized while a GPU works on as many others."""


class TextModel(Protocol):
    """What turns a batch of texts into vectors.

    Attributes:
        dimension: D.
        max_tokens: tokens read of a text; None: all.
        device: e.g. "cpu" or "cuda:0".
        is_padded: texts take as much room as the longest of their batch.
        is_thread_safe: ``prepare`` and ``embed`` may run in several threads at the same time.
        cpu_batch_tokens: tokens in a batch on a CPU.
    """

    dimension: int
    max_tokens: int | None
    device: str
    is_padded: bool
    is_thread_safe: bool
    cpu_batch_tokens: int

    def prepare(self, texts: Sequence[str]) -> tuple[Sequence[Any], np.ndarray]:
        """Return what ``embed`` takes for each text, and (N,) tokens before truncation."""
        ...

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        """Return (B, D) float32 unit vectors."""
        ...

    def start(self, items: Sequence[Any]) -> Callable[[], np.ndarray]:
        """Begin to embed, on a GPU; what is returned waits for the vectors."""
        ...


class BatchedEncoder:
    """An ``Encoder`` around a text model."""

    is_fitted = False

    def __init__(self, model: TextModel, *, name: str, precision: str, fingerprint: str) -> None:
        self.name = name
        self.precision = precision
        self.fingerprint = fingerprint
        self.dimension = model.dimension
        self.max_tokens = model.max_tokens
        self.device = model.device
        self._model = model

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N,) int64, tokens in each text before truncation."""
        if not texts:
            return np.empty(0, dtype=np.int64)
        return self._model.prepare([_as_utf8(text) for text in texts])[1]

    def encode(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> np.ndarray:
        """Return (N, D) float32 unit vectors."""
        return self.embed(texts, progress).vectors

    def embed(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> Embedded:
        """Embed texts; equal texts are worked on once.

        Raises:
            ModelError: a single text does not fit into the GPU's memory.
        """
        distinct, inverse = distinct_texts(texts)
        vectors = np.empty((len(distinct), self.dimension), dtype=np.float32)
        is_truncated = np.zeros(len(distinct), dtype=bool)
        limit = self.max_tokens or np.iinfo(np.int64).max
        pieces = self._pieces(distinct)
        meter = None
        for piece, (items, counts) in zip(pieces, self._prepared(distinct, pieces), strict=True):
            is_truncated[piece] = counts > limit
            work = np.minimum(counts, limit)
            if meter is None:
                expected = work if len(pieces) == 1 else _expected_tokens(distinct, limit)
                meter = Meter(np.bincount(inverse), expected)
            for batch, found in self._batches(items, work):
                vectors[piece[batch]] = found
                if progress is not None:
                    progress(meter.advance(piece[batch]))
        return Embedded(vectors[inverse], is_truncated[inverse])

    def _pieces(self, texts: Sequence[str]) -> list[Batch]:
        """Cut the texts into what is tokenized together; a GPU works on one and gets the next."""
        if self.device == "cpu" or not self._model.is_thread_safe:
            return [np.arange(len(texts))] if texts else []
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        return [order[i : i + GPU_PIECE] for i in range(0, len(order), GPU_PIECE)]

    def _prepared(
        self, texts: Sequence[str], pieces: Sequence[Batch]
    ) -> Iterator[tuple[Sequence[Any], np.ndarray]]:
        """Yield what the model takes for each text of a piece, and their tokens."""

        def prepare(piece: Batch) -> tuple[Sequence[Any], np.ndarray]:
            return self._model.prepare([_as_utf8(texts[i]) for i in piece])

        if len(pieces) <= 1:
            yield from map(prepare, pieces)
            return
        pool = ThreadPoolExecutor(1, "tokenize")
        try:
            yield from pool.map(prepare, pieces)
        finally:
            pool.shutdown(cancel_futures=True)

    def _batches(
        self, items: Sequence[Any], work: np.ndarray
    ) -> Iterator[tuple[Batch, np.ndarray]]:
        """Yield batches of positions and their vectors."""
        model = self._model
        if self.device != "cpu":
            yield from self._gpu_batches(items, work)
            return
        batches = token_batches(work, model.cpu_batch_tokens, is_padded=model.is_padded)

        def run(batch: Batch) -> np.ndarray:
            return model.embed([items[i] for i in batch])

        if model.is_thread_safe:
            shared = list(batches)
            yield from zip(shared, torch_thread_map(run, shared), strict=True)
        else:
            yield from ((batch, run(batch)) for batch in batches)

    def _gpu_batches(
        self, items: Sequence[Any], work: np.ndarray
    ) -> Iterator[tuple[Batch, np.ndarray]]:
        """Yield the vectors of a batch when the next one has been given to the GPU."""
        model = self._model

        def start(batch: Batch) -> Callable[[], np.ndarray]:
            return run_in_memory(self.device, lambda: model.start([items[i] for i in batch]))

        waiting: deque[tuple[Batch, Callable[[], np.ndarray]]] = deque()
        try:
            for begun in shrinking_batches(
                work, GPU_BATCH_TOKENS, start, is_padded=model.is_padded
            ):
                waiting.append(begun)
                if len(waiting) > 1:
                    batch, wait = waiting.popleft()
                    yield batch, wait()
        except BatchTooLargeError:
            raise ModelError(
                f"device {self.device}: out of memory with a single text of {work.max()} tokens",
                "free memory on the device, or use --device cpu",
            ) from None
        yield from ((batch, wait()) for batch, wait in waiting)


def torch_thread_map(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``function(item)`` for each item, in order, each worked out by one thread alone.

    A batch then has the same bytes whatever the number of threads, and no thread waits for another,
    as torch's own do after every operation. The first exception is raised as it is, and what has
    not begun is given up.
    """
    import torch

    before = torch.get_num_threads()
    # The number is kept for each thread; what new threads begin with is common to all.
    pool = ThreadPoolExecutor(n_threads(), "encode", torch.set_num_threads, (1,))
    try:
        yield from pool.map(function, items)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _as_utf8(text: str) -> str:
    """Replace lone surrogates by question marks: tokenizers take only what UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _expected_tokens(texts: Sequence[str], limit: int) -> np.ndarray:
    """Return about how many tokens will be read of each text, before any is tokenized."""
    return np.array([min(len(text) // 4 + 2, limit) for text in texts], dtype=np.int64)


class Meter:
    """Counts what is done, and from it how long the rest will take."""

    def __init__(self, rows: np.ndarray, tokens: np.ndarray) -> None:
        """Start the clock.

        Args:
            rows: (M,) rows that have each distinct text.
            tokens: (M,) tokens of each distinct text.
        """
        self._rows, self._tokens = rows, tokens
        self._total_rows, self._total_tokens = int(rows.sum()), int(tokens.sum())
        self._done_rows = self._done_tokens = 0
        self._start = time.perf_counter()

    def advance(self, batch: Batch) -> EncodeProgress:
        """Count a batch of distinct texts as done."""
        self._done_rows += int(self._rows[batch].sum())
        self._done_tokens += int(self._tokens[batch].sum())
        seconds = time.perf_counter() - self._start
        left = self._total_tokens - self._done_tokens
        return EncodeProgress(
            stage="embed",
            done=self._done_rows,
            total=self._total_rows,
            unit="texts",
            done_tokens=self._done_tokens,
            total_tokens=self._total_tokens,
            texts_per_s=self._done_rows / max(seconds, 1e-9),
            seconds_left=seconds * left / max(self._done_tokens, 1),
        )
