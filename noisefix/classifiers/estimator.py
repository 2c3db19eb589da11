"""``NoisyLabelClassifier``: ``detect`` and ``train`` as a scikit-learn classifier, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from noisefix.classifiers.estimator_features import Features, is_texts, text_list
from noisefix.common_options import DEFAULT_ENCODER
from noisefix.errors import DataError, UsageError
from noisefix.seeds import HIGHEST_SEED

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged
    from noisefix.training.interface import Classifier, TrainingData

_LEAST_ROWS = 2


class NoisyLabelClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that the wrong labels among its training rows mislead less.

    ``fit`` judges every label first, as ``detect`` does, and trains with what came of it. It takes
    texts, or vectors of anything: embeddings of pictures, sounds, or plain measurements.

    Attributes:
        classes_: (K,) classes, sorted.
        p_error_: (N,) estimated probability that a training label is wrong.
        is_issue_: (N,) bool: training rows that are flagged.
        noise_rate_: estimated share of wrong training labels.
        n_features_in_: D, where vectors were given.
    """

    def __init__(
        self,
        method: str = "repair",
        *,
        encoder: str = DEFAULT_ENCODER,
        metric: str = "auto",
        labelled_by: str = "unknown",
        parameters: Mapping[str, Any] | None = None,
        device: str = "auto",
        random_state: Any = 0,
    ) -> None:
        """Set up.

        Args:
            method: as in ``train``; "noiseal", which asks an annotator, is none of them here.
            encoder: of texts: a sentence-transformers name, a local folder, or "tfidf".
            metric: of vectors: "cosine" (their length says nothing, as of embeddings), "euclidean"
                (measurements, which are brought to one scale), or "auto": cosine where all have
                length 1.
            labelled_by: who labelled: "people", "model", "rules" or "unknown".
            parameters: of the method, by name.
            device: "auto", "cpu", "cuda" or "mps".
            random_state: seed; None: 0, so that the same rows always give the same classifier.
        """
        self.method = method
        self.encoder = encoder
        self.metric = metric
        self.labelled_by = labelled_by
        self.parameters = parameters
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> NoisyLabelClassifier:
        """Judge the labels and train.

        Args:
            X: (N,) texts, or (N, D) numbers.
            y: (N,) labels, some of which may be wrong.

        Raises:
            ValueError: texts, vectors or labels cannot be used, or too few can be compared.
            ModelError: the encoder cannot be had.
        """
        with _value_errors():
            if is_texts(X):
                texts = text_list(X)
                labels = column_or_1d(y, warn=True)
                if len(texts) != len(labels):
                    raise ValueError(f"{len(texts)} texts for {len(labels)} labels")
                self._features = Features.of_texts(texts, self.encoder, self.device, self._seed)
            else:
                texts = None
                X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=_LEAST_ROWS)
                labels = column_or_1d(y, warn=True)
                self._features = Features.of_vectors(X, self.metric)
            check_classification_targets(labels)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y has one class only ({self.classes_[0]!r}); wrong labels are found by "
                    "comparing classes"
                )
            vectors = self._features.make(X if texts is None else texts)
            judged = self._judge(vectors, texts, codes)
            self.p_error_ = judged.estimate.p_error
            self.is_issue_ = judged.is_issue
            self.noise_rate_ = judged.estimate.noise_rate.value
            self._classifier = self._train(judged, texts)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (N, K) probabilities in the order of ``classes_``; rows sum to 1.

        Args:
            X: as for ``fit``: texts if that got texts, vectors if that got vectors.

        Raises:
            ValueError: it is not.
        """
        check_is_fitted(self)
        reads_texts = self._features.encoder is not None
        if reads_texts != is_texts(X):
            if reads_texts:
                raise ValueError("this classifier was fitted to texts: give a list of texts")
            X = validate_data(self, X, dtype=np.float64, reset=False)
        elif reads_texts:
            X = text_list(X)
        else:
            X = validate_data(self, X, dtype=np.float64, reset=False)
        with _value_errors():
            probs = self._classifier.predict_probs(self._features.make(X)).astype(np.float64)
        found: np.ndarray = probs / probs.sum(axis=1, keepdims=True)
        return found

    def predict(self, X: Any) -> np.ndarray:
        """Return (N,) the most probable class of each row; X as for ``predict_proba``."""
        found: np.ndarray = self.predict_proba(X).argmax(axis=1)
        chosen: np.ndarray = self.classes_[found]
        return chosen

    @property
    def _seed(self) -> int:
        if self.random_state is None:
            return 0
        if hasattr(self.random_state, "randint"):
            return int(self.random_state.randint(HIGHEST_SEED))
        return int(self.random_state)

    def _judge(self, vectors: np.ndarray, texts: list[str] | None, codes: np.ndarray) -> Judged:
        from noisefix.detection.joint_stage import JointParams, judge_labels

        tables = self._features.tables(vectors, texts, codes, [str(c) for c in self.classes_])
        params = JointParams(labelled_by=self.labelled_by, device=self.device)
        return judge_labels(tables, params, seed=self._seed)

    def _train(self, judged: Judged, texts: list[str] | None) -> Classifier:
        from noisefix.classifiers.fitting import choose_params, fit_method

        if self.method == "noiseal":
            raise ValueError("method 'noiseal' asks an annotator: use noisefix.train")
        params = choose_params(self.method, dict(self.parameters or {}))
        data = _training_data(judged, texts, self.method)
        return fit_method(self.method, data, params, self._seed, self.device)


def _training_data(judged: Judged, texts: list[str] | None, method: str) -> TrainingData:
    from noisefix.neighbors.candidates import retrieve_candidates
    from noisefix.probing.ngrams import ngram_features
    from noisefix.training.interface import TrainingData
    from noisefix.training.registry import find_method

    groups = judged.surroundings.duplicate_groups
    p_error, n_classes = judged.estimate.p_error, len(judged.class_names)
    found = retrieve_candidates(judged.embeddings, judged.given_labels, p_error, groups, n_classes)
    needs_words = texts is not None and "word_features" in find_method(method).needs
    return TrainingData(
        features=judged.embeddings,
        given_labels=judged.given_labels,
        n_classes=n_classes,
        word_features=ngram_features(texts) if needs_words and texts is not None else None,
        pred_probs=np.ascontiguousarray(judged.pred_probs, np.float32),
        p_error=p_error,
        true_label_probs=np.ascontiguousarray(judged.estimate.true_label_probs, np.float32),
        candidate_weights=found.weights,
        is_certain=found.is_certain,
        is_issue=judged.is_issue,
        noise_rate=judged.estimate.noise_rate.value,
        groups=groups,
        class_names=judged.class_names,
        name_gain=0.0 if judged.names is None else judged.names.gain,
    )


@contextmanager
def _value_errors() -> Iterator[None]:
    """Raise what scikit-learn's users expect: ValueError."""
    try:
        yield
    except (DataError, UsageError) as error:
        said = f"{error.message}; {error.hint}" if error.hint else error.message
        raise ValueError(said) from error
