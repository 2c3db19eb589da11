"""What ``NoisyLabelClassifier`` makes of its rows: unit-length vectors of texts or of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.encoders.find import TFIDF
from noisefix.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.encoders.protocol import Encoder

METRICS = ("auto", "cosine", "euclidean")
_UNIT = 1e-3
"""Vectors whose lengths lie so near to 1 are embeddings."""


@dataclass(frozen=True, eq=False)
class Features:
    """How rows become vectors.

    Attributes:
        encoder: name of the encoder of texts; None: vectors are given.
        device: for the encoder.
        fitted: the encoder, where it was fitted on the training texts.
        mean: (D,) taken off measurements; None: vectors are taken by their direction.
        scale: (D,) by which they are then divided.
    """

    encoder: str | None = None
    device: str = "auto"
    fitted: Encoder | None = None
    mean: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of_texts(cls, texts: list[str], encoder: str, device: str, seed: int) -> Features:
        """Return how texts become vectors.

        Raises:
            ModelError: the encoder cannot be had.
        """
        if encoder != TFIDF:
            _loaded(encoder, device)
            return cls(encoder, device)
        from noisefix.training.fitted_encoder import fit_tfidf

        return cls(encoder, device, fit_tfidf(texts, seed))

    @classmethod
    def of_vectors(cls, vectors: np.ndarray, metric: str) -> Features:
        """Return how given vectors become such of unit length.

        Args:
            vectors: (N, D).
            metric: one of ``METRICS``.

        Raises:
            UsageError: the metric is unknown.
        """
        if metric not in METRICS:
            raise UsageError(f"metric {metric!r} is unknown", f"choose {', '.join(METRICS)}")
        if metric == "auto":
            lengths = np.linalg.norm(vectors, axis=1)
            metric = "cosine" if (np.abs(lengths - 1) < _UNIT).all() else "euclidean"
        if metric == "cosine":
            return cls()
        scale = vectors.std(axis=0)
        return cls(mean=vectors.mean(axis=0), scale=np.where(scale > 0, scale, 1.0))

    def make(self, rows: Any) -> np.ndarray:
        """Return (N, D) float32 vectors of unit length.

        Measurements get one more number, the same for all, before they are brought to length 1:
        so that what lay apart still does, whatever its direction.

        Args:
            rows: (N,) texts, or (N, D) numbers.

        Raises:
            DataError: by direction, a vector of zeros has none.
        """
        from noisefix.tables.vectors import unit_rows

        if self.encoder is not None:
            encoder = _loaded(self.encoder, self.device) if self.fitted is None else self.fitted
            found: np.ndarray = np.asarray(encoder.encode(rows), dtype=np.float32)
            return found
        if self.mean is None:
            return unit_rows(rows, "X")
        scaled = (rows - self.mean) / self.scale
        constant = np.full((len(rows), 1), np.sqrt(rows.shape[1]))
        return unit_rows(np.hstack([scaled, constant]), "X")

    def tables(
        self, vectors: np.ndarray, texts: list[str] | None, codes: np.ndarray, names: list[str]
    ) -> dict[str, pa.Table]:
        """Return what the joint stage reads; a class is called by its number, in order.

        Args:
            vectors: (N, D) of ``make``.
            texts: (N,) texts; None: there are none.
            codes: (N,) class numbers.
            names: (K,) class names, whose meaning counts where the encoder knows words.
        """
        import pyarrow as pa

        from noisefix.run.schemas import HAS_TEXT

        n_rows = len(vectors)
        numbers = [str(row + 1) for row in range(n_rows)]
        columns: dict[str, Any] = {
            "id": numbers,
            "row_number": range(1, n_rows + 1),
            "text": pa.array(numbers if texts is None else texts, pa.large_string()),
            "given_label": [_class(k) for k in codes.tolist()],
            "embedding": _lists(vectors),
        }
        if texts is None:
            columns[HAS_TEXT] = [False] * n_rows
        tables = {"embeddings": pa.table(columns)}
        if self.encoder is not None and self.fitted is None:
            from noisefix.probing.label_names import readable_name

            meant = [readable_name(name) for name in names]
            made = _lists(_loaded(self.encoder, self.device).encode(meant))
            labels = [_class(k) for k in range(len(names))]
            tables["label_names"] = pa.table({"label": labels, "text": meant, "embedding": made})
        return tables


def is_texts(rows: Any) -> bool:
    """Say whether rows are texts: a list, an array or a Series of ``str``."""
    if isinstance(rows, str | bytes) or getattr(rows, "ndim", 1) != 1:
        return False
    if not hasattr(rows, "__len__") or not len(rows):
        return False
    return all(isinstance(value, str) for value in rows)


def text_list(rows: Any) -> list[str]:
    """Return texts as a list."""
    return [str(text) for text in rows]


def _class(number: int) -> str:
    return f"{number:09d}"  # the order of texts is the order of classes


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


@lru_cache(maxsize=2)
def _loaded(encoder: str, device: str) -> Encoder:
    """Load an encoder once: a classifier that is pickled does not carry it along."""
    from noisefix.encoders.load import load_encoder

    return load_encoder(encoder, device=device)
