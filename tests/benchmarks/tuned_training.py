"""One training for a benchmark, on frozen features or with an encoder that learns along."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from methods_measured import Way

from noisefix.training.interface import Classifier, TrainingData, finish
from noisefix.training.registry import find_method

KINDS = ("frozen", "finetune")


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier and the features that it expects.

    Attributes:
        model: the classifier.
        test_features: (T, D) of the test rows.
        features: (N, D) of the training rows; the frozen ones where no others were asked for.
        seconds: of processor time that the training took.
    """

    model: Classifier
    test_features: np.ndarray
    features: np.ndarray
    seconds: float

    def predicted(self, features: np.ndarray) -> np.ndarray:
        """Return (N,) classes of (N, D) features."""
        classes: np.ndarray = self.model.predict_probs(features).argmax(axis=1)
        return classes

    def accuracy(self, labels: np.ndarray) -> float:
        """Return the share of test rows that are told right, of (T,) labels."""
        return float((self.predicted(self.test_features) == labels).mean())


@dataclass(frozen=True, eq=False)
class Lesson:
    """What there is to learn from, and the test rows.

    Attributes:
        data: judged training rows with frozen features.
        texts: theirs.
        test_texts: T texts.
        test_features: (T, D) frozen features of theirs.
    """

    data: TrainingData
    texts: Sequence[str]
    test_texts: Sequence[str]
    test_features: np.ndarray

    def train(
        self,
        way: Way,
        kind: str,
        seed: int,
        tuned: Mapping[str, Any],
        *,
        wants_features: bool = False,
    ) -> Trained:
        """Train with MiniLM.

        Args:
            way: method and options.
            kind: "frozen" or "finetune".
            seed: of the training.
            tuned: more options, for "finetune" alone.
            wants_features: whether the training rows' features are to be returned.

        Raises:
            UsageError: this method cannot be trained so.
        """
        from noisefix.classifiers.finetune import choose_features_params
        from noisefix.encoders import find_encoder
        from noisefix.training.finetune.tuning import Tuning

        chosen = dict(way.settings) | (dict(tuned) if kind == "finetune" else {})
        params, of_encoder = choose_features_params(kind, way.method, chosen)
        data, test, train = self.data, self.test_features, self.data.features
        started = time.process_time()
        if of_encoder is not None:
            data = replace(data, tuning=Tuning(find_encoder(), self.texts, of_encoder))
        model = finish(find_method(way.method).load()[0](data, params, seed=seed, device="cpu"))
        seconds = time.process_time() - started
        if data.tuning is not None:
            test = data.tuning.encode(self.test_texts)
            train = data.tuning.encode(self.texts) if wants_features else train
            data.tuning.close()
        return Trained(model, test, train, round(seconds, 1))
