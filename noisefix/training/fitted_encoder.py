"""Encoders that are fitted on the texts (tfidf): their state goes into the model folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noisefix.documents import misfit
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

    check_tfidf_state(tensors, config)
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
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the encoder's state is incomplete: {error}") from error
    encoder._vectorizers = vectorizers
    encoder._components = tensors["components"]
    return encoder


@dataclass(frozen=True)
class _Config:
    """What lies in encoder.json."""

    encoder: str
    dimension: int
    words: list[list[str]]


def check_tfidf_state(tensors: State, config: Mapping[str, Any]) -> None:
    """Check that arrays and vocabulary are whole and fit together; loads nothing for it.

    Raises:
        ModelError: they are not.
    """
    missing = sorted(_Config.__dataclass_fields__.keys() - config.keys())
    wrong = f"{missing[0]} is missing" if missing else misfit(_Config, config)
    if wrong is not None:
        raise ModelError(f"the encoder's state is incomplete: {wrong}")
    words: list[list[str]] = config["words"]
    idf_names = [f"idf.{index}" for index in range(len(words))]
    lacking = sorted({"components", *idf_names} - tensors.keys())
    if lacking:
        raise ModelError(f"the encoder's state is incomplete: there is no array {lacking[0]}")
    components, idfs = tensors["components"], [tensors[name] for name in idf_names]
    if (
        config["encoder"] != TfidfEncoder.name
        or any(len(set(part)) != len(part) for part in words)
        or [idf.shape for idf in idfs] != [(len(part),) for part in words]
        or components.ndim != 2
        or components.shape[0] > config["dimension"]
        or components.shape[1] != sum(map(len, words))
    ):
        raise ModelError("the encoder's vocabulary and weights do not fit together")


def fit_tfidf(texts: Sequence[str], seed: int) -> TfidfEncoder:
    """Fit an encoder as the embed stage does: on the distinct texts, in their order."""
    from noisefix.encoders.batching import distinct_texts

    encoder = TfidfEncoder(seed=seed)
    encoder.encode(distinct_texts(texts)[0])
    return encoder
