"""Small clustered data sets with planted errors, as the tables that the stages read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from noisefix.run.folder import RunFolder
from noisefix.run.rows import RunRows

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


@pytest.fixture
def make_rows() -> Callable[..., RunRows]:
    """Return a function from labels and probabilities to the rows of a run."""

    def make(
        given: Sequence[int],
        probs: Sequence[Sequence[float]] | np.ndarray,
        candidates: list[list[int]] | None = None,
        embeddings: np.ndarray | None = None,
        **results: object,
    ) -> RunRows:
        labels, matrix = np.array(given, np.int64), np.array(probs, np.float64)
        n_rows, n_classes = matrix.shape
        at_given = matrix[np.arange(n_rows), labels]
        p_error = np.where(labels >= 0, 1 - at_given, np.nan)
        return RunRows(
            ids=[f"r{i}" for i in range(n_rows)],
            texts=[f"text {i} of a row" for i in range(n_rows)],
            class_names=tuple("abcdefgh"[:n_classes]),
            given_labels=labels,
            p_error=p_error,
            is_issue=np.nan_to_num(p_error) > 0.5,
            is_trusted=np.zeros(n_rows, bool),
            pred_probs=matrix.copy(),
            true_label_probs=matrix,
            groups=np.arange(n_rows),
            candidates=candidates or [[] for _ in range(n_rows)],
            embeddings=np.eye(n_rows, 4, dtype=np.float32) if embeddings is None else embeddings,
            results=dict(results),
        )

    return make


@pytest.fixture
def random_rows(make_rows: Callable[..., RunRows]) -> Callable[..., RunRows]:
    """Return a function that makes rows of 4 classes, one label in five wrong.

    The models are right three times in four; ``results["truth"]`` has the true classes.
    """

    def make(n_rows: int, *, seed: int) -> RunRows:
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 4, n_rows)
        wrong = rng.random(n_rows) < 0.2
        given = np.where(wrong, (truth + rng.integers(1, 4, n_rows)) % 4, truth)
        seen = np.where(rng.random(n_rows) < 0.75, truth, rng.integers(0, 4, n_rows))
        # Hits and misses of the model at these rates, and labels right four times in five.
        from_text = np.full((n_rows, 4), 0.0625)
        from_text[np.arange(n_rows), seen] = 0.8125
        from_label = np.full((n_rows, 4), 0.0667)
        from_label[np.arange(n_rows), given] = 0.8
        both = from_text * from_label
        both /= both.sum(axis=1, keepdims=True)
        embeddings = unit(np.eye(4, 8)[truth] + 0.4 * rng.normal(size=(n_rows, 8)))
        rows = make_rows(given, both, embeddings=embeddings, truth=truth, noise_rate=0.2)
        rows.pred_probs[:] = from_text
        rows.is_issue[:] = rows.p_error > 0.4
        return rows

    return make


@pytest.fixture(scope="session")
def detected_tickets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that ``detect`` has made of sixty tickets in three classes."""
    from noisefix import detect

    folder = tmp_path_factory.mktemp("tickets")
    words = {
        "account": ("password", "login", "profile"),
        "refund": ("refund", "money back", "reimburse"),
        "shipping": ("parcel", "courier", "tracking"),
    }
    classes = sorted(words)
    lines = ["text,label"]
    for i in range(60):
        first, second = words[classes[i % 3]][i % 3 - 1], words[classes[i % 3]][(i // 3) % 3]
        label = classes[(i + 1) % 3] if i % 10 == 4 else classes[i % 3]
        lines.append(f"{first} and {second} case {i},{label}")
    path = folder / "tickets.csv"
    path.write_text("\n".join(lines) + "\n")
    detect(path, encoder="tfidf")
    return folder / "tickets.noisefix"


@pytest.fixture
def relabel_run(detected_tickets: Path, tmp_path: Path) -> RunFolder:
    """A copy of it that a test may change."""
    return RunFolder.open(shutil.copytree(detected_tickets, tmp_path / "run"))
