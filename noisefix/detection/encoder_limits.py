"""What is known of the default encoder only: its language, and the scale of p_error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from noisefix.common_options import DEFAULT_ENCODER

_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "and",
        "or",
        "of",
        "to",
        "in",
        "is",
        "it",
        "that",
        "for",
        "on",
        "with",
        "as",
        "at",
        "by",
        "this",
        "be",
        "are",
        "was",
        "from",
        "not",
        "have",
        "has",
        "i",
        "you",
        "he",
        "she",
        "we",
        "they",
        "my",
        "your",
        "his",
        "her",
        "its",
        "our",
        "their",
        "but",
        "if",
        "what",
        "which",
        "who",
        "how",
        "do",
        "does",
        "did",
        "can",
        "will",
        "would",
        "there",
        "all",
        "so",
        "no",
        "me",
        "him",
        "them",
        "when",
        "where",
        "than",
        "about",
        "just",
        "been",
        "were",
        "had",
        "one",
    ]
)
_LEAST_SHARE = 0.12
"""Of the words of English texts 22 to 51 % are among these (26 data sets: titles, chat, speech,
code comments), of Spanish and Hausa ones 6 %."""

_LEAST_WORDS = 300
_ENOUGH_VERIFIED = 30
_MOST_TEXTS = 2_000
_WORD = re.compile(r"[^\W\d_]+")


def language_warning(texts: Iterable[str | None], encoder: str) -> tuple[str, ...]:
    """Return a warning where the default encoder meets texts that are not English; else nothing.

    Args:
        texts: of which the first 2,000 are looked at.
        encoder: as the user named it; others than the default are the user's choice.
    """
    if encoder != DEFAULT_ENCODER:
        return ()
    words = [
        word
        for text in islice(texts, _MOST_TEXTS)
        for word in _WORD.findall((text or "")[:500].lower())
    ]
    if len(words) < _LEAST_WORDS:
        return ()
    share = sum(word in _ENGLISH for word in words) / len(words)
    if share >= _LEAST_SHARE:
        return ()
    return (
        f"the texts do not look English, which is the language that {encoder.rsplit('/', 1)[-1]} "
        "knows: its view counts as far as it predicts the labels, and the rest is left to the "
        "words; a multilingual encoder sees more (--encoder "
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2)",
    )


def calibration_note(encoder: str, n_verified: int) -> tuple[str, ...]:
    """Return a note where p_error's scale rests on another encoder than the one in use.

    Args:
        encoder: as the user named it.
        n_verified: verified rows that the estimate has learned from.
    """
    if encoder == DEFAULT_ENCODER or n_verified >= _ENOUGH_VERIFIED:
        return ()
    return (
        f"p_error was calibrated with {DEFAULT_ENCODER.rsplit('/', 1)[-1]}; with {encoder} the "
        "noise rate may read too high: 30 verified rows (--trusted-column) set it right",
    )
