"""How much an edit changes a text: by the run's own encoder, else by the words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

import numpy as np

from noisefix.encoders.find import GIVEN, TFIDF
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_provenance

WORDS = "words"
"""The measure where the run's vectors were given, so that no encoder is known."""

_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|\w+|[^\w\s]")

Encode = Callable[[Sequence[str]], np.ndarray]


def run_encoder(folder: RunFolder, texts: Sequence[str], device: str) -> tuple[str, Encode | None]:
    """Return the name of a run's encoder, and what makes vectors of texts with it.

    Args:
        folder: the run folder.
        texts: (N,) its texts, which ``tfidf`` is fitted on again.
        device: where to encode.

    Returns:
        ``WORDS`` and None where the vectors were given.

    Raises:
        ModelError: the encoder cannot be loaded.
    """
    made = read_provenance(folder.embeddings)
    name = str(made.parameters.get("encoder") or GIVEN)
    if name == GIVEN:
        return WORDS, None
    if name == TFIDF:
        from noisefix.training.fitted_encoder import fit_tfidf

        return name, fit_tfidf(texts, int(made.seed or 0)).encode
    from noisefix.encoders.load import load_encoder

    precision = str(made.parameters.get("precision", "auto"))
    return name, load_encoder(name, device=device, precision=precision).encode


def edit_similarities(
    before: Sequence[str], after: Sequence[str], encode: Encode | None
) -> np.ndarray:
    """Return (E,) how like each other texts and their edits are; 1 = alike.

    Args:
        before: (E,) texts.
        after: (E,) edited texts.
        encode: makes unit vectors: cosines, in [-1, 1]; None: 1 less ``changed_words``, in [0, 1].
    """
    if not len(before):
        return np.zeros(0)
    if encode is None:
        return np.array([1 - changed_words(a, b) for a, b in zip(before, after, strict=True)])
    vectors = encode([*before, *after]).astype(np.float64)
    one, other = vectors[: len(before)], vectors[len(before) :]
    cosines: np.ndarray = np.clip((one * other).sum(axis=1), -1.0, 1.0)
    return cosines


def changed_words(one: str, other: str) -> float:
    """Return the share of the longer text's words that are not in the other in the same order.

    Signs are words, and so is each character of scripts without blanks. Of two texts without any
    word: 0.
    """
    words, others = _WORD.findall(one), _WORD.findall(other)
    longest = max(len(words), len(others))
    if not longest:
        return 0.0
    blocks = SequenceMatcher(None, words, others, autojunk=False).get_matching_blocks()
    return 1 - sum(block.size for block in blocks) / longest
