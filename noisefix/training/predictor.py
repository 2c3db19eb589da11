"""A trained model with its encoder: texts in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisefix.encoders.find import GIVEN
from noisefix.encoders.protocol import Encoder
from noisefix.errors import DataError, ModelError
from noisefix.tables.vectors import as_matrix, unit_rows
from noisefix.training.interface import Classifier
from noisefix.training.model_folder import StoredModel, read_model
from noisefix.training.model_info import EncoderReference, ModelInfo

_TUNED_ENDINGS = {".safetensors", ".json", ".txt", ".model", ".md"}
"""Of a tuned encoder's files: no ".bin" or ".pt", which are pickles, and no ".py"."""

_REMEDY = "copy the model folder again, or train again with noisefix train"


@dataclass(frozen=True)
class Prediction:
    """What the model says of one text."""

    label: str
    confidence: float


class Model:
    """A trained classifier of texts.

    The encoder is loaded with the first text, so that looking at a model costs nothing.

    Attributes:
        info: what is known of it.
        classifier: its head, features to probabilities.
    """

    def __init__(self, stored: StoredModel, *, device: str = "auto") -> None:
        self.info: ModelInfo = stored.info
        self.classifier: Classifier = stored.classifier
        self._encoder_state = stored.encoder_state
        self._tuned_encoder = stored.tuned_encoder
        self._device = device
        self._encoder: Encoder | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """(K,) class names, in the order of the probabilities."""
        return self.info.class_names

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the most probable label of each text."""
        return [self.class_names[k] for k in self.predict_probs(texts).argmax(axis=1)]

    def predict_probs(
        self, texts: Sequence[str], progress: Callable[[Any], None] | None = None
    ) -> np.ndarray:
        """Return (N, K) probabilities in the order of ``class_names``.

        Raises:
            ModelError: the encoder cannot be had, is not the one that the model was trained on, or
                gives no numbers.
        """
        if not len(texts):
            return np.empty((0, len(self.class_names)), np.float32)
        features = self.features(texts, progress)
        self._check_finite(features, f"encoder {self.info.encoder.name}: its vector")
        probs = self.classifier.predict_probs(features)
        self._check_finite(probs, f"method {self.info.method}: the model's answer")
        return probs

    @property
    def reads_texts(self) -> bool:
        """Whether an encoder is known; else it was trained on vectors, and takes only those."""
        return self.info.encoder.name != GIVEN

    def predict_vectors(self, vectors: Any) -> np.ndarray:
        """Return (N, K) probabilities of rows whose vectors are given.

        Args:
            vectors: (N, D) numbers, made as those that the model was trained on; of any length.

        Raises:
            DataError: they are not of D numbers, not finite, or zero.
        """
        matrix = as_matrix(vectors, "the vectors")
        if matrix.shape[1] != self.info.encoder.dimension:
            raise DataError(
                f"the vectors: {matrix.shape[1]} numbers a row, and the model was trained on "
                f"{self.info.encoder.dimension}",
                "make them as those were made",
            )
        if not len(matrix):
            return np.empty((0, len(self.class_names)), np.float32)
        probs = self.classifier.predict_probs(unit_rows(matrix, "the vectors"))
        self._check_finite(probs, f"method {self.info.method}: the model's answer")
        return probs

    def features(
        self, texts: Sequence[str], progress: Callable[[Any], None] | None = None
    ) -> np.ndarray:
        """Return (N, D) float32 embeddings, as the classifier takes them."""
        if self._encoder is None:
            self._encoder = self._load_encoder()
        return self._encoder.encode(list(texts), progress)

    @staticmethod
    def _check_finite(values: np.ndarray, what: str) -> None:
        is_bad = ~np.isfinite(values).all(axis=1)
        if is_bad.any():
            raise ModelError(
                f"{what} for text {int(np.flatnonzero(is_bad)[0]) + 1} of {len(values)} holds NaN "
                f"or infinity ({int(is_bad.sum())} such texts)",
                "the weights are damaged, or the precision is too low: copy the files again, or "
                "use --device cpu",
            )

    def _load_encoder(self) -> Encoder:
        if self._encoder_state is not None:
            from noisefix.training.fitted_encoder import tfidf_from_state

            return tfidf_from_state(*self._encoder_state)
        if self._tuned_encoder is not None:
            return open_tuned(self._tuned_encoder, self.info.encoder, self._device)
        return load_reference(self.info.encoder, self._device)


def load_reference(reference: EncoderReference, device: str) -> Encoder:
    """Load the encoder that a model names.

    Raises:
        ModelError: it cannot be had, or what goes by this name now is another one.
    """
    from noisefix.encoders import find_encoder, open_encoder

    files = find_encoder(reference.name)
    if files.sha256 != reference.sha256:
        raise ModelError(
            f"encoder {reference.name}: not the one that the model was trained with (SHA-256 of "
            f"its files {files.sha256[:12]}, then {reference.sha256[:12]})",
            "put the old files back, or train again with these",
        )
    encoder = open_encoder(files, device=device)
    if encoder.dimension != reference.dimension:
        raise ModelError(
            f"encoder {reference.name}: gives {encoder.dimension} numbers, the model was trained "
            f"on {reference.dimension}",
            "train again with this encoder",
        )
    return encoder


def open_tuned(folder: Path, reference: EncoderReference, device: str) -> Encoder:
    """Open the encoder that lies in a model folder.

    Args:
        folder: its folder within the model folder.
        reference: what the model says of it.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ModelError: a file is missing, cut short, changed or of a kind that may hold code.
    """
    from noisefix.encoders import find_encoder, open_encoder

    if not folder.is_dir():
        raise ModelError(f"{folder}: the tuned encoder is missing", _REMEDY)
    strange = sorted(
        p.name for p in folder.rglob("*") if p.is_file() and p.suffix not in _TUNED_ENDINGS
    )
    if strange:
        raise ModelError(
            f"{folder}: {strange[0]!r} is no file that noisefix wrote; it may hold code", _REMEDY
        )
    files = find_encoder(str(folder.absolute()))
    if files.sha256 != reference.sha256:
        raise ModelError(
            f"{folder}: the tuned encoder's files are cut short or changed (SHA-256 "
            f"{files.sha256[:12]}, written as {reference.sha256[:12]})",
            _REMEDY,
        )
    return open_encoder(files, device=device)


def load_model(folder: str | Path, *, device: str = "auto") -> Model:
    """Load a model that ``train`` has written; nothing in the folder is executed.

    Args:
        folder: the model folder.
        device: "auto", "cpu", "cuda" or "mps", for the encoder.

    Raises:
        ModelError: no model folder, a damaged file, or one of a newer version.
    """
    return Model(read_model(folder), device=device)
