"""The candidates stage: the labels that a row's clean neighbours make plausible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.errors import UsageError
from noisefix.labels import encode_labels
from noisefix.progress import Progress
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES
from noisefix.run.stage import Stage, StageOutput

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance


@dataclass(frozen=True)
class CandidatesParams:
    """Options of the candidates stage.

    Attributes:
        n_neighbors: neighbours in the clean pool that vote.
        certain_threshold: top share at or above this: one candidate.
        dominant_threshold: top two shares together at or above this: these two.
        device: "auto", "cpu", "cuda" or "mps".
    """

    n_neighbors: int = 10
    certain_threshold: float = 0.9
    dominant_threshold: float = 0.8
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            raise UsageError(f"--n-neighbors is {self.n_neighbors}", "it must be at least 1")


def run(
    tables: dict[str, pa.Table],
    params: CandidatesParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance],
) -> StageOutput:
    """Look up every row's neighbours in the clean pool and weigh their labels.

    Args:
        tables: "embeddings" and "issues" of the same rows.
        params: options.
        seed: not needed: nothing here is random.
        progress: not called: one search is one step.
        provenances: for the class names of "issues".
    """
    import pyarrow as pa

    from noisefix.neighbors.candidates import retrieve_candidates
    from noisefix.probing.judgeable import written_rows
    from noisefix.run.rows import in_order
    from noisefix.run.vector_columns import embedding_matrix

    embeddings = tables["embeddings"]
    issues = in_order(tables["issues"], embeddings["id"].to_pylist(), "issues", "embeddings")
    names = provenances["issues"].class_names
    given = encode_labels(issues["given_label"].to_pylist(), names)
    p_error = issues["p_error"].to_numpy()
    groups = issues["duplicate_group"].to_numpy()
    if np.isnan(groups.astype(np.float64)).any():  # the user's own probabilities: no groups known
        groups = np.arange(len(given))
    found = retrieve_candidates(
        embedding_matrix(embeddings),
        given,
        p_error,
        groups.astype(np.int64),
        len(names),
        written=written_rows([text or "" for text in embeddings["text"].to_pylist()]),
        n_neighbors=params.n_neighbors,
        certain_threshold=params.certain_threshold,
        dominant_threshold=params.dominant_threshold,
        device=params.device,
    )
    ids = np.array(embeddings["id"].to_pylist(), dtype=object)
    labels, weights = _candidate_lists(found.weights, names)
    near, similar = found.neighbors.indices, found.neighbors.similarities
    table = pa.table(
        {
            "id": embeddings["id"],
            "given_label": embeddings["given_label"],
            "candidate_labels": pa.array(labels, pa.list_(pa.string())),
            "candidate_weights": pa.array(weights, pa.list_(pa.float64())),
            "is_certain": pa.array(found.is_certain),
            "neighbor_ids": pa.array(
                [ids[row[row >= 0]].tolist() for row in near], pa.list_(pa.string())
            ),
            "neighbor_similarities": pa.array(
                [values[row >= 0] for values, row in zip(similar, near, strict=True)],
                pa.list_(pa.float32()),
            ),
        }
    )
    return StageOutput({"candidates": table}, names, {"certain": int(found.is_certain.sum())})


def _candidate_lists(
    weights: np.ndarray, names: tuple[str, ...]
) -> tuple[list[list[str]], list[list[float]]]:
    order = np.argsort(-weights, axis=1, kind="stable")
    ranked = np.take_along_axis(weights, order, axis=1)
    counts = (ranked > 0).sum(axis=1).tolist()
    labels = [
        [names[k] for k in row[:count].tolist()] for row, count in zip(order, counts, strict=True)
    ]
    return labels, [row[:count].tolist() for row, count in zip(ranked, counts, strict=True)]


STAGE = Stage(
    "candidates",
    2,
    reads={"embeddings": EMBEDDINGS, "issues": ISSUES},
    writes={"candidates": CANDIDATES},
    params=CandidatesParams,
    run=run,
)
