"""Encoders that are fitted on the texts (tfidf): their state goes into the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from noisefix.encoders.tfidf import TfidfEncoder
from noisefix.errors import ModelError
from noisefix.training.interface import State


def tfidf_state(encoder: TfidfEncoder) -> tuple[State, dict[str, Any]]:
    """Return the arrays and the vocabulary of a fitted encoder."""
    vectorizers = encoder._vectorizers
    if vectorizers is None:
        raise ModelError("the tfidf encoder has not been fitted")
    tensors = {"components": np.ascontiguousarray(encoder._components, np.float32)}
    words: list[list[str]] = []
    for index, vectorizer in enumerate(vectorizers):
        tensors[f"idf.{index}"] = np.ascontiguousarray(vectorizer.idf_, np.float32)
        words.append([str(word) for word in vectorizer.get_feature_names_out()])
    return tensors, {"encoder": "tfidf", "dimension": encoder.dimension, "words": words}


def tfidf_from_state(tensors: State, config: dict[str, Any]) -> TfidfEncoder:
    """Make the encoder again.

    Raises:
        ModelError: the state is incomplete or does not fit together.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    from noisefix.encoders.tfidf import _VIEWS

    try:
        encoder = TfidfEncoder(dimension=int(config["dimension"]))
        vectorizers = []
        for index, (view, words) in enumerate(zip(_VIEWS, config["words"], strict=True)):
            vectorizer = TfidfVectorizer(
                **view,
                sublinear_tf=True,
                vocabulary={word: place for place, word in enumerate(words)},
                dtype=np.float32,
            )
            vectorizer.idf_ = tensors[f"idf.{index}"]
            vectorizers.append(vectorizer)
        components = tensors["components"]
        if components.shape[1] != sum(len(words) for words in config["words"]):
            raise ModelError("the encoder's vocabulary and weights do not fit together")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the encoder's state is incomplete: {error}") from error
    encoder._vectorizers = vectorizers
    encoder._components = components
    return encoder


def fit_tfidf(texts: Sequence[str], seed: int) -> TfidfEncoder:
    """Fit an encoder as the embed stage does: on the distinct texts, in their order."""
    from noisefix.encoders.batching import distinct_texts

    encoder = TfidfEncoder(seed=seed)
    encoder.encode(distinct_texts(texts)[0])
    return encoder
