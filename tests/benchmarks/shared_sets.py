"""The real noisy data sets that the quality benchmarks read, and their texts as vectors.

They lie in ``../shared/data`` beside the repository, or in the ``data`` folder of
``$NOISEFIX_SHARED``; they are no part of the project. Where they are absent, the benchmarks that
need them say so and are skipped. Vectors are kept in ``.benchmarks/embeddings``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".benchmarks" / "embeddings"

MAIN_SETS = (
    "semeval_mixtral",
    "semeval_weak",
    "mr_chatgpt",
    "fpb_llm",
    "fomc_llm",
    "mfrc_moral_llm",
    "css_emotion_llm",
    "css_semeval_stance_llm",
    "disaster_verified",
    "youtube_weak",
    "sms_weak",
    "rna_titles_weak",
    "hausa_news_distant",
)
NEW_SETS = (
    "hs_brexit_crowd",
    "md_offensive_crowd",
    "convabuse",
    "irony_es",
    "crowdtruth_cause",
    "satd_argouml",
    "numclaim_llm",
    "css_ibc_llm",
    "css2_wiki_politeness",
    "css2_raop",
    "trec_weak",
)
NEW_CLEAN_SETS = ("clean_hwu64",)
_PEOPLE = (
    "disaster_verified",
    "hs_brexit_crowd",
    "md_offensive_crowd",
    "convabuse",
    "irony_es",
    "satd_argouml",
)
_RULES = (
    "semeval_weak",
    "youtube_weak",
    "sms_weak",
    "rna_titles_weak",
    "hausa_news_distant",
    "trec_weak",
    "crowdtruth_cause",
)
WHO = (
    dict.fromkeys((*MAIN_SETS, *NEW_SETS), "model")
    | dict.fromkeys(_PEOPLE, "people")
    | dict.fromkeys(_RULES, "rules")
)
"""Who labelled the sets: "people", "rules" or "model"."""
CLEAN_SETS = ("clean_banking77", "clean_snips", "clean_sst2")
_SAME_TEXTS = {
    "semeval_mixtral": "semeval",
    "semeval_weak": "semeval",
    "mr_chatgpt": "film reviews",
    "clean_sst2": "film reviews",
}


class SharedDataAbsentError(Exception):
    """The shared data are not there; the benchmark is skipped."""


@dataclass(frozen=True, eq=False)
class Task:
    """Labels to be judged.

    Attributes:
        name: unique.
        kind: "main", "clean", "answers" (another annotator's), "made" (noise put in) or "part".
        source: tasks of one source share their texts; never fit on one and test on another.
        is_fitted: the coefficients of the error model have seen it.
        texts: N texts.
        given: (N,) given labels; None = unlabelled.
        truth: (N,) true labels, for scoring only; None = not known.
        embeddings: (N, D) float32, unit length rows.
    """

    name: str
    kind: str
    source: str
    is_fitted: bool
    texts: tuple[str, ...]
    given: tuple[str | None, ...]
    truth: tuple[str | None, ...]
    embeddings: np.ndarray


def folder() -> Path:
    """Return the folder with the CSV files.

    Raises:
        SharedDataAbsentError: it is not there.
    """
    shared = Path(os.environ.get("NOISEFIX_SHARED", REPOSITORY.parent / "shared"))
    found = shared / "data"
    if not found.is_dir():
        raise SharedDataAbsentError("no ../shared/data, and NOISEFIX_SHARED names no folder")
    return found


@lru_cache(maxsize=32)
def load(name: str) -> pd.DataFrame:
    """Return a set with all its rows and columns, cells as strings."""
    import pandas as pd

    return pd.read_csv(folder() / f"{name}.csv", dtype=str, keep_default_na=False)


def source_of(name: str) -> str:
    """Return which texts a set is made of."""
    return _SAME_TEXTS.get(name, name)


def make_task(
    name: str,
    set_name: str,
    rows: np.ndarray,
    given: Sequence[str],
    *,
    kind: str,
    is_fitted: bool,
) -> Task:
    """Make a task of some rows of a set and labels for them; an empty label is no label."""
    table = load(set_name).iloc[rows]
    return Task(
        name,
        kind,
        source_of(set_name),
        is_fitted,
        tuple(table["text"]),
        tuple(label or None for label in given),
        tuple(label or None for label in table["true_label"]),
        embeddings_of(set_name)[rows],
    )


def train_task(name: str) -> Task:
    """Return the train split of a set with the labels that came with it."""
    table = load(name)
    rows = np.flatnonzero(table["split"] == "train")
    kind = "main" if name in WHO else "clean"
    return make_task(name, name, rows, table["label"].iloc[rows], kind=kind, is_fitted=True)


def part_of(task: Task, n_rows: int, seed: int = 0) -> Task:
    """Return a random part of a task's rows, as a task that no fit has seen."""
    rows = rows_of_part(len(task.texts), n_rows, seed)
    return replace(
        task,
        name=f"{task.name}, {n_rows} rows",
        kind="part",
        is_fitted=False,
        texts=tuple(task.texts[row] for row in rows),
        given=tuple(task.given[row] for row in rows),
        truth=tuple(task.truth[row] for row in rows),
        embeddings=task.embeddings[rows],
    )


def rows_of_part(n_all: int, n_rows: int, seed: int = 0) -> np.ndarray:
    """Return which rows ``part_of`` takes, in order."""
    rows = np.random.default_rng(seed).choice(n_all, n_rows, replace=False)
    rows.sort()
    return rows


def train_tasks(names: Sequence[str] = MAIN_SETS + CLEAN_SETS) -> Iterator[Task]:
    """Yield the train splits of the sets, one after the other."""
    return (train_task(name) for name in names)


def embeddings_of(name: str) -> np.ndarray:
    """Return (N, D) embeddings of all rows of a set, from the cache if they are there."""
    return embed(load(name)["text"].tolist(), name)


@lru_cache(maxsize=1)
def encoder() -> Any:
    """Return the default encoder, at the precision that users get on this machine."""
    from noisefix.encoders import load_encoder

    return load_encoder()


@lru_cache(maxsize=64)
def _cached(path: Path) -> np.ndarray:
    return np.load(path)


def embed(texts: Sequence[str], label: str) -> np.ndarray:
    """Embed texts with the default encoder, or look their vectors up.

    Args:
        texts: N texts.
        label: what the cached file's name begins with.
    """
    digest = hashlib.sha256(encoder().fingerprint.encode())
    for text in texts:
        digest.update(text.encode() + b"\0")
    path = CACHE / f"{label}-{digest.hexdigest()[:16]}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npy")
        np.save(part, encoder().encode(list(texts)))
        part.replace(path)
    return _cached(path)


def stage_tables(task: Task) -> dict[str, pa.Table]:
    """Return what the joint stage reads: texts, given labels and vectors; no truth."""
    import pyarrow as pa

    from noisefix.labels import class_names
    from noisefix.probing.label_names import readable_name

    n_rows = len(task.texts)
    names = class_names(task.given)
    words = [readable_name(name) for name in names]
    return {
        "embeddings": pa.table(
            {
                "id": [str(row + 1) for row in range(n_rows)],
                "row_number": pa.array(range(1, n_rows + 1), pa.int64()),
                "text": pa.array(task.texts, pa.large_string()),
                "given_label": pa.array(task.given, pa.string()),
                "embedding": _vectors(task.embeddings),
            }
        ),
        "label_names": pa.table(
            {"label": list(names), "text": words, "embedding": _vectors(embed(words, "names"))}
        ),
    }


def _vectors(matrix: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
