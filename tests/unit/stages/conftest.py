"""Small clustered data sets with planted errors, as the tables that the stages read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

CLASSES = ("billing", "delivery", "refund", "technical")
WORDS = {
    "billing": ("invoice", "charged", "card", "payment"),
    "delivery": ("parcel", "courier", "tracking", "late"),
    "refund": ("money", "return", "back", "reimburse"),
    "technical": ("error", "crash", "button", "screen"),
}
N_FEATURES = 24


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Rows whose true labels are known to the test, and to nobody else."""

    embeddings: np.ndarray
    texts: list[str]
    true: np.ndarray
    given: list[str | None]
    centres: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        return np.array(
            [g is not None and g != CLASSES[t] for g, t in zip(self.given, self.true, strict=True)]
        )

    def given_to(self, rows: Sequence[int] | np.ndarray, label: str | None) -> LabelledSet:
        given = list(self.given)
        for row in rows:
            given[int(row)] = label
        return replace(self, given=given)

    def take(self, rows: np.ndarray) -> LabelledSet:
        return LabelledSet(
            self.embeddings[rows],
            [self.texts[i] for i in rows],
            self.true[rows],
            [self.given[i] for i in rows],
            self.centres,
        )

    def tables(self, ids: Sequence[str] | None = None) -> dict[str, pa.Table]:
        n_rows = len(self.texts)
        return {
            "embeddings": pa.table(
                {
                    "id": list(ids) if ids is not None else [f"r{i}" for i in range(n_rows)],
                    "row_number": pa.array(range(1, n_rows + 1), pa.int64()),
                    "text": pa.array(self.texts, pa.large_string()),
                    "given_label": pa.array(self.given, pa.string()),
                    "embedding": vectors(self.embeddings),
                }
            )
        }

    def named_tables(self) -> dict[str, pa.Table]:
        """The same with the classes' own centres as the meaning of their names."""
        names = sorted({label for label in self.given if label is not None})
        meanings = self.centres[[CLASSES.index(name) for name in names]]
        return self.tables() | {
            "label_names": pa.table(
                {"label": names, "text": names, "embedding": vectors(unit(meanings))}
            )
        }


def vectors(matrix: np.ndarray) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


MakeSet = Callable[..., LabelledSet]


@pytest.fixture
def make_set() -> MakeSet:
    """Return a function from the rows of each class to a set with right labels."""

    def make(sizes: Sequence[int], *, spread: float = 0.6, seed: int = 0) -> LabelledSet:
        rng = np.random.default_rng(seed)
        true = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
        centres = rng.normal(size=(len(sizes), N_FEATURES))
        embeddings = unit(centres[true] + spread * rng.normal(size=(len(true), N_FEATURES)))
        texts = []
        for i, k in enumerate(true):
            words = [
                *rng.choice(WORDS[CLASSES[k]], 2),
                *rng.choice(WORDS[CLASSES[rng.integers(4)]], 1),
            ]
            texts.append(f"{' '.join(words)} case {i} {rng.integers(10**6)}")
        return LabelledSet(embeddings, texts, true, [CLASSES[k] for k in true], centres)

    return make
