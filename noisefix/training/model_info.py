"""What a model folder says of its model, beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noisefix.documents import misfit
from noisefix.errors import ModelError

TRAIN_AGAIN = "train again with noisefix train"


@dataclass(frozen=True)
class EncoderReference:
    """Which encoder makes the features.

    Attributes:
        name: sentence-transformers name, folder, or "tfidf".
        sha256: digest of its files; another digest is another encoder.
        dimension: D.
        is_tuned: it was trained along and lies in the model folder; the name is of the encoder
            that it was before, the digest of what it is now.
    """

    name: str
    sha256: str
    dimension: int
    is_tuned: bool = False


@dataclass(frozen=True)
class ModelInfo:
    """All that is known of a model beside its weights.

    Attributes:
        class_names: (K,) in canonical order.
        encoder: where its features come from.
        method: as in ``train --method``.
        parameters: the method's, as JSON values.
        seed: the seed.
        kind: of classifier, as in ``registry.CLASSIFIERS``.
        config: the classifier's own JSON.
        inputs: SHA-256 of each table it was trained on, by name.
        reading: how tables like these are read: text_column, and what was said of their labels.
        metrics: small facts, e.g. rows and the last loss.
        noisefix_version: version that wrote it.
    """

    class_names: tuple[str, ...]
    encoder: EncoderReference
    method: str
    parameters: dict[str, Any]
    seed: int
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    noisefix_version: str = ""


@dataclass(frozen=True)
class _Reading:
    """What ``ModelInfo.reading`` may hold."""

    text_column: str
    missing_labels: list[str]
    label_map: dict[str, str]
    merged_classes: list[str]


def read_info(path: Path, about: dict[str, Any]) -> ModelInfo:
    """Make a ModelInfo of what lies in model.json, each value of the kind that it should be."""
    encoder = about.get("encoder")
    if not isinstance(encoder, dict):
        raise ModelError(f"{path}: encoder is missing or no table", TRAIN_AGAIN)
    try:
        about = about | {"encoder": EncoderReference(**encoder)}
        about = {"reading": {}} | about  # models of before know nothing of it
        known = {name: about[name] for name in ModelInfo.__dataclass_fields__}
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path}: incomplete: {error}", TRAIN_AGAIN) from error
    wrong = misfit(EncoderReference, encoder) or misfit(ModelInfo, known)
    if wrong is None:
        wrong = misfit(_Reading, known["reading"])
    names = known["class_names"]
    if wrong is None and len(set(names)) < len(names):
        wrong = "a class name stands there twice"
    if wrong is not None:
        raise ModelError(f"{path}: {wrong}", TRAIN_AGAIN)
    return ModelInfo(**known | {"class_names": tuple(names)})
