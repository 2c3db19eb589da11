"""A BERT tokenizer: texts to token ids, all texts in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noisefix.errors import ModelError

CHARACTERS_PER_TOKEN = 1000
"""Only so many characters of a text are looked at for each token that the encoder reads.

A text of ten megabytes would take gigabytes as tokens; MiniLM reads the first 256 of them, which
lie in its first thousand characters or so."""


class WordPieces:
    """The tokenizer of a plain BERT encoder."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Load tokenizer.json.

        Args:
            path: the file.
            max_tokens: token ids kept of a text, the special ones at both ends included.

        Raises:
            ModelError: it cannot be loaded, or is no BERT tokenizer.
        """
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing more specific
            raise ModelError(f"{path}: the tokenizer cannot be loaded: {error}") from error
        # tokenizer.json may carry the truncation and padding of the training.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._max_tokens = max_tokens
        empty = self._tokenizer.encode("")
        if len(empty.ids) != 2 or any(empty.type_ids):
            raise ModelError(f"{path}: not a BERT tokenizer: no text is {len(empty.ids)} tokens")

    def tokenize(self, texts: Sequence[str]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return each text's token ids, int64, truncated; and (N,) its tokens before that."""
        limit = CHARACTERS_PER_TOKEN * self._max_tokens
        ids = [
            np.array(encoding.ids, dtype=np.int64)
            for encoding in self._tokenizer.encode_batch_fast([text[:limit] for text in texts])
        ]
        counts = np.fromiter((len(each) for each in ids), dtype=np.int64, count=len(ids))
        return [self._truncate(each) for each in ids], counts

    def _truncate(self, ids: np.ndarray) -> np.ndarray:
        if len(ids) <= self._max_tokens:
            return ids
        return np.append(ids[: self._max_tokens - 1], ids[-1])
