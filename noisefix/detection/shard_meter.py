"""How far the embedding of shards has come: steps within a grain as steps of the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from noisefix.encoders.protocol import EncodeCallback, EncodeProgress
from noisefix.progress import Progress


class ShardMeter:
    """Counts texts, and characters for the work that they make."""

    def __init__(self, texts: Sequence[str], progress: Callable[[Progress], None] | None) -> None:
        """Start the clock.

        Args:
            texts: all distinct texts.
            progress: called with ``EncodeProgress`` steps.
        """
        self._n_texts, self._work_left = len(texts), _work(texts)
        self._progress = progress
        self._n_done = self._n_now = 0
        self._work_now = 0.0
        self._start = time.perf_counter()

    def skip(self, texts: Sequence[str]) -> None:
        """Count texts that an earlier run has done."""
        self._n_done += len(texts)
        self._work_left -= _work(texts)

    def within(self, texts: Sequence[str]) -> EncodeCallback | None:
        """Return what takes the steps of an encoder within some texts."""
        if self._progress is None:
            return None
        work = _work(texts)

        def step(inner: EncodeProgress) -> None:
            share = inner.done / max(inner.total, 1)
            if inner.done_tokens:
                share = inner.done_tokens / max(inner.total_tokens, 1)
            if share < 1:  # the last step is told when the texts are done
                self._tell(inner.done, share * work)

        return step

    def finish(self, texts: Sequence[str]) -> None:
        """Count texts as done now."""
        work = _work(texts)
        self._tell(len(texts), work)
        self._n_done += len(texts)
        self._n_now += len(texts)
        self._work_left -= work
        self._work_now += work

    def _tell(self, n_texts: int, work: float) -> None:
        if self._progress is None:
            return
        seconds = time.perf_counter() - self._start
        self._progress(
            EncodeProgress(
                "embed",
                self._n_done + n_texts,
                self._n_texts,
                "texts",
                texts_per_s=(self._n_now + n_texts) / max(seconds, 1e-9),
                seconds_left=seconds * (self._work_left - work) / max(self._work_now + work, 1e-9),
            )
        )


def _work(texts: Sequence[str]) -> float:
    return float(sum(map(len, texts)) + len(texts))
