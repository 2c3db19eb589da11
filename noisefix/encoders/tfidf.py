"""An encoder without weights: TF-IDF of words and characters, reduced to a dense vector.

Words say what a text is about, character runs forgive typos and inflections. Truncated singular
value decomposition of TF-IDF is latent semantic analysis.

Source: Deerwester et al. 1990, Indexing by latent semantic analysis, section 4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from noisefix.encoders.batching import distinct_texts
from noisefix.encoders.protocol import Embedded, EncodeCallback, EncodeProgress
from noisefix.encoders.unit import unit_rows
from noisefix.errors import ModelError
from noisefix.threads import one_blas_thread

MAX_CHARACTERS = 20_000
"""Only the beginning of a text is read: one of ten megabytes would be most of the vocabulary."""

_MAX_FEATURES = 20_000
_VIEWS: tuple[dict[str, Any], ...] = (
    {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    {"analyzer": "char_wb", "ngram_range": (3, 5)},
)
_MANY_TEXTS = 200
"""From so many on, features that a single text has are left out: half the work, no loss."""

_MAX_FITTED = 20_000
"""The decomposition is fitted on a sample of so many; all texts are then placed into its space."""


class TfidfEncoder:
    """TF-IDF and truncated SVD, fitted on the first texts that it embeds.

    Later texts are placed into the space of the first. Texts that share no feature with them, and
    empty ones, all get the same unit vector.
    """

    name = "tfidf"
    max_tokens: int | None = MAX_CHARACTERS
    precision = "fp32"
    device = "cpu"
    is_fitted = True

    def __init__(self, *, dimension: int = 256, seed: int = 0, sha256: str = "") -> None:
        """Set up.

        Args:
            dimension: D; the numbers past what the texts can fill are zero.
            seed: of the randomized SVD.
            sha256: digest of what the fit depends on beside the texts, for the fingerprint.
        """
        self.dimension = dimension
        self._seed = seed
        self._vectorizers: list[Any] | None = None
        self._components = np.empty((0, 0), dtype=np.float32)  # (C, F)
        facts = f"tfidf 1 {dimension} {seed} {_MAX_FEATURES} {_VIEWS} {sha256}"
        self.fingerprint = hashlib.sha256(facts.encode()).hexdigest()

    def token_counts(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N,) int64, characters in each text: its tokens are characters."""
        return np.array([len(text) for text in texts], dtype=np.int64)

    def encode(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> np.ndarray:
        """Return (N, D) float32 unit vectors."""
        return self.embed(texts, progress).vectors

    def embed(self, texts: Sequence[str], progress: EncodeCallback | None = None) -> Embedded:
        """Embed texts, fitting on them first if nothing has been fitted yet.

        Raises:
            ModelError: there is not a single word in the texts to fit on.
        """
        distinct, inverse = distinct_texts(texts)
        vectors = np.zeros((len(distinct), self.dimension), dtype=np.float32)
        if distinct:
            shown = [text[:MAX_CHARACTERS] for text in distinct]
            if self._vectorizers is None:
                self._fit(shown)
            vectors = self._project(shown)
        if progress is not None:
            n_rows = len(texts)
            progress(EncodeProgress("embed", n_rows, n_rows, "texts", seconds_left=0.0))
        too_long = self.token_counts(distinct) > MAX_CHARACTERS
        return Embedded(vectors[inverse], too_long[inverse])

    def _fit(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.utils.extmath import randomized_svd

        options: dict[str, Any] = {"sublinear_tf": True, "max_features": _MAX_FEATURES}
        options |= {"dtype": np.float32, "min_df": 1 if len(texts) < _MANY_TEXTS else 2}
        vectorizers = [TfidfVectorizer(**view, **options) for view in _VIEWS]
        try:
            for vectorizer in vectorizers:
                vectorizer.fit(texts)
        except ValueError as error:
            raise ModelError(
                f"encoder tfidf: {len(texts)} distinct texts have no words, or none in common",
                "check that the right column was taken for the text",
            ) from error
        self._vectorizers = vectorizers
        matrix = self._features(_sample(texts, self._seed))
        n_components = min(self.dimension, *matrix.shape)
        with one_blas_thread():  # the same bytes with any number of threads, and quick when busy
            _, _, components = randomized_svd(
                matrix, n_components, n_iter=2, random_state=self._seed, flip_sign=True
            )
        self._components = components

    def _features(self, texts: Sequence[str]) -> Any:
        """Return the (N, F) sparse features; both views weigh the same."""
        from scipy.sparse import hstack

        assert self._vectorizers is not None
        features: Any = hstack([v.transform(texts) for v in self._vectorizers], format="csr")
        return features

    def _project(self, texts: Sequence[str]) -> np.ndarray:
        found = np.asarray(self._features(texts) @ self._components.T, dtype=np.float32)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        vectors[:, : found.shape[1]] = found
        return unit_rows(vectors)


def _sample(texts: Sequence[str], seed: int) -> Sequence[str]:
    if len(texts) <= _MAX_FITTED:
        return texts
    rows = np.random.default_rng(seed).choice(len(texts), _MAX_FITTED, replace=False)
    return [texts[row] for row in np.sort(rows)]
