"""What an encoder is: texts in, unit-length vectors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from noisefix.progress import Progress


@dataclass(frozen=True)
class EncodeProgress(Progress):
    """How far the encoding has come.

    Attributes:
        done_tokens: tokens of the texts that are done.
        total_tokens: tokens of all texts.
        texts_per_s: texts done a second, so far. The time left follows from the tokens, not from
            this: long texts come first.
    """

    done_tokens: int = 0
    total_tokens: int = 0
    texts_per_s: float = 0.0


EncodeCallback = Callable[[EncodeProgress], None]


@dataclass(frozen=True)
class Embedded:
    """Embeddings and what was lost on the way.

    Attributes:
        vectors: (N, D) float32, rows of unit length.
        is_truncated: (N,) bool, True where the text was longer than the encoder reads.
    """

    vectors: np.ndarray
    is_truncated: np.ndarray


class Encoder(Protocol):
    """Texts to vectors; the same texts give the same bytes on the same machine.

    Attributes:
        name: as it was asked for.
        dimension: D.
        max_tokens: tokens read of a text, special ones included; None: all.
        precision: "fp32" or "bf16", as used.
        device: as used, e.g. "cpu" or "cuda:0".
        fingerprint: SHA-256 of all that the vectors depend on: weights, precision, kind.
        is_fitted: True: the vectors of a text depend on the texts embedded with it.
    """

    name: str
    dimension: int
    max_tokens: int | None
    precision: str
    device: str
    fingerprint: str
    is_fitted: bool

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N,) int64, tokens in each text before truncation."""
        ...

    def embed(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> Embedded:
        """Embed texts; equal texts are worked on once."""
        ...

    def encode(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> np.ndarray:
        """Return only the vectors, (N, D) float32, rows of unit length."""
        ...
