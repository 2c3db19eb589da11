"""Static encoders, by model2vec: a text's vector is the mean of its tokens' vectors, from a table.

No transformer runs, so tens of thousands of texts take a second; and no word knows its neighbours.

Source: library model2vec, https://github.com/MinishLab/model2vec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from noisefix.encoders.unit import unit_rows
from noisefix.errors import ModelError

MAX_CHARACTERS = 20_000
"""Only the beginning of a text is read: no more of it would change a mean of thousands of words."""

_REMEDY = (
    "static: takes a folder that model2vec has saved (StaticModel.save_pretrained); name any other "
    "encoder without static:"
)


class StaticTextModel:
    """A model2vec model; its tokens, as far as they are counted, are characters.

    Attributes:
        dimension: D.
        max_tokens: characters read of a text.
        device: "cpu".
        is_padded: False.
        is_thread_safe: False: its tokenizer has threads of its own.
        cpu_batch_tokens: characters in a batch.
    """

    max_tokens: int | None = MAX_CHARACTERS
    device = "cpu"
    is_padded = False
    is_thread_safe = False
    cpu_batch_tokens = 1 << 20

    def __init__(self, folder: Path) -> None:
        """Load a folder; no code that it brings is run, and no network asked.

        Raises:
            ModelError: model2vec is not installed, or cannot load the folder.
        """
        try:
            from model2vec import StaticModel
        except ImportError as error:
            raise ModelError(
                "static encoders need the library model2vec, which is not installed",
                'pip install "noisefix[static]"',
            ) from error
        try:
            # Tables are often kept in fp16, in which long texts would be summed up too.
            self._model = StaticModel.from_pretrained(folder, quantize_to="float32")
        except Exception as error:  # anything can be wrong with a model that is not ours
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"{folder}: model2vec cannot load this encoder: {reason}", _REMEDY
            ) from error
        self.dimension = int(self._model.dim)

    def prepare(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """Return the texts, cut, and (N,) characters before that, at least 1."""
        counts = np.fromiter((max(len(text), 1) for text in texts), np.int64, len(texts))
        return [text[:MAX_CHARACTERS] for text in texts], counts

    def embed(self, items: Sequence[str]) -> np.ndarray:
        """Return (B, D) float32 unit vectors; texts without a known token share one."""
        found = self._model.encode(list(items), max_length=None, use_multiprocessing=False)
        return unit_rows(np.asarray(found, dtype=np.float32))

    def start(self, items: Sequence[str]) -> Callable[[], np.ndarray]:
        """Do the work of ``embed``; what is returned has the vectors."""
        found = self.embed(items)
        return lambda: found
