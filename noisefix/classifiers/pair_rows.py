"""``train --pairs``: edited texts as more rows to learn from, at half weight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noisefix.classifiers.fitting import check_reads_texts
from noisefix.classifiers.training_data import RunData
from noisefix.encoders.find import TFIDF
from noisefix.errors import DataError, UsageError
from noisefix.run.contrast_pairs import read_contrast_pairs
from noisefix.training.interface import TrainingData, heeds_weights
from noisefix.training.registry import METHODS, find_method

PAIR_WEIGHT = 0.5
"""What an edited text counts beside a row of the data: a decision."""


def check_heeds_weights(method: str) -> None:
    """Refuse a method that takes all rows alike.

    Raises:
        UsageError: it does.
    """
    if not heeds_weights(find_method(method).load()[0]):
        able = [name for name, spec in METHODS.items() if heeds_weights(spec.load()[0])]
        raise UsageError(
            f"--pairs: --method {method} has no weights for rows", f"choose {', '.join(able)}"
        )


def with_pairs(
    run: RunData, source: str | Path, method: str, device: str
) -> tuple[RunData, tuple[str, ...]]:
    """Return a run with the edited texts of its accepted pairs as rows, and what to tell.

    They are sure of their label, and in the group of the row that they come from, so that no fold
    has one without the other.

    Args:
        run: the run.
        source: the pairs, or the run folder that they are in.
        method: name of the training method.
        device: where to encode.

    Raises:
        DataError: there are no pairs, or none of a class of the run.
        UsageError: the method has no weights, or no encoder for texts is known.
    """
    check_heeds_weights(method)
    check_reads_texts(run, f"--pairs {source}")
    pairs = read_contrast_pairs(source)
    index = {name: k for k, name in enumerate(run.class_names)}
    known = [place for place, label in enumerate(pairs.edited_labels) if label in index]
    if not known:
        raise DataError(
            f"{pairs.path}: no label of its edited texts is a class of the run",
            f"the run's classes are {', '.join(run.class_names[:10])}",
        )
    texts = [pairs.edited_texts[place] for place in known]
    ids = [f"{pairs.ids[place]} edited" for place in known]
    labels = np.array([index[pairs.edited_labels[place]] for place in known], dtype=np.int64)
    place_of = {key: row for row, key in enumerate(run.ids)}
    rows = np.array([place_of.get(pairs.ids[place], -1) for place in known], dtype=np.int64)
    data = _extended(run.data, _features(run, texts, device), labels, rows)
    if data.word_features is not None:
        from noisefix.probing.ngrams import ngram_features

        data = replace(data, word_features=ngram_features([*run.texts, *texts]))
    more = replace(
        run,
        data=data,
        ids=[*run.ids, *ids],
        texts=[*run.texts, *texts],
        inputs={**run.inputs, "contrast_pairs": pairs.sha256},
    )
    return more, (f"edited texts of {pairs.path}, learnt at half weight: {len(known):,}",)


def _features(run: RunData, texts: list[str], device: str) -> np.ndarray:
    """Return (P, D) vectors; of tfidf, which is fitted anew on all texts, none yet."""
    from noisefix.training.model_info import EncoderReference
    from noisefix.training.predictor import load_reference

    dimension = run.data.features.shape[1]
    if run.encoder == TFIDF:
        return np.zeros((len(texts), dimension), np.float32)
    reference = EncoderReference(run.encoder, run.encoder_sha256, dimension)
    vectors: np.ndarray = load_reference(reference, device).encode(texts)
    return vectors


def _extended(
    data: TrainingData, features: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> TrainingData:
    """Return data with P rows after the N that are there.

    Args:
        data: the run's.
        features: (P, D).
        labels: (P,) class ids.
        rows: (P,) the rows that they come from, -1 where these are not in the run.
    """
    n_new = len(labels)
    one_hot = np.eye(data.n_classes, dtype=np.float32)[labels]
    new: dict[str, Any] = {
        "features": features,
        "given_labels": labels,
        "pred_probs": one_hot,
        "p_error": np.zeros(n_new),
        "true_label_probs": one_hot,
        "candidate_weights": one_hot,
        "is_certain": np.ones(n_new, bool),
        "repaired_labels": labels,
        "is_issue": np.zeros(n_new, bool),
        "not_likelihood": np.ones((n_new, data.n_classes)),
    }
    if data.groups is not None:
        own = data.groups.max(initial=0) + 1 + np.arange(n_new)
        new["groups"] = np.where(rows >= 0, data.groups[rows], own)
    extended: dict[str, Any] = {
        name: np.concatenate([old, values.astype(old.dtype)])
        for name, values in new.items()
        if (old := getattr(data, name)) is not None
    }
    weights = np.concatenate([np.ones(len(data.given_labels)), np.full(n_new, PAIR_WEIGHT)])
    return replace(data, **extended, weights=weights)
