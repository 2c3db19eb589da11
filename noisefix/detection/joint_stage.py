"""The joint stage: every label judged, from embeddings or from the user's own probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from noisefix.detection.decided import merged
from noisefix.detection.joint_facts import results
from noisefix.detection.joint_params import DEFAULT_VERDICT, JointParams
from noisefix.detection.joint_tables import build
from noisefix.detection.judged import Judged
from noisefix.detection.mismatched import MATCH_COLUMNS
from noisefix.detection.seen import Seen, see
from noisefix.detection.weighing import weigh
from noisefix.executors import IN_TURN, Executor
from noisefix.progress import Progress
from noisefix.run.schemas import (
    ANNOTATIONS,
    ANNOTATORS,
    CLASSES_TABLE,
    DECIDING,
    DUPLICATES,
    EMBEDDINGS,
    ISSUES,
    JOINT,
    LABEL_NAMES,
    MATCHES,
    PAIRS,
)
from noisefix.run.stage import Stage, StageOutput
from noisefix.vectors import Vectors

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

__all__ = [
    "DEFAULT_VERDICT",
    "STAGE",
    "JointParams",
    "Seen",
    "judge_labels",
    "run",
    "see",
    "weigh",
]


def run(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance] | None = None,
    vectors: Mapping[str, Mapping[str, Vectors]] | None = None,
    executor: Executor = IN_TURN,
) -> StageOutput:
    """Judge the labels of an embeddings table.

    Args:
        tables: "embeddings"; optionally "label_names", "matches" (id, match_rank, p_mismatch),
            "pred_probs" (id and one column a class), "annotations" (id, annotator, label), "order"
            (id, group and place), "trusted" or "decided" (id, and the label that a person has
            verified), and "rejected" or "not_labels" (id, and a label that a person, or anybody,
            has ruled out).
        params: options.
        seed: seed of folds and bootstrap.
        progress: called as the parts are done.
        provenances: not needed.
        vectors: the columns of vectors of "embeddings", where they are not in the table; "issues"
            then comes in parts.
        executor: who looks for neighbours among many rows; changes no byte.
    """
    opened = None if vectors is None else vectors["embeddings"]
    judged = judge_labels(
        tables, params, vectors=opened, seed=seed, progress=progress, executor=executor
    )
    built = build(tables["embeddings"], judged, params.n_neighbors, in_parts=vectors is not None)
    if "annotations" in tables:
        built["annotations"] = tables["annotations"]
    return StageOutput(built, judged.class_names, results(judged))


def judge_labels(
    tables: dict[str, pa.Table],
    params: JointParams,
    *,
    vectors: Mapping[str, Vectors] | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor = IN_TURN,
) -> Judged:
    """Compute probabilities, error estimates and verdicts; see ``run``.

    Args:
        tables: as for ``run``.
        params: options.
        vectors: the columns of vectors of "embeddings", where they are not in the table.
        seed: as for ``run``.
        progress: as for ``run``.
        executor: as for ``run``.
    """
    seen = see(tables, params, vectors=vectors, seed=seed, progress=progress, executor=executor)
    trusted = merged(tables.get("trusted"), tables.get("decided"))
    return weigh(seen, trusted, params, ruled_out=tables, seed=seed, progress=progress)


STAGE = Stage(
    "joint",
    5,
    reads={"embeddings": EMBEDDINGS, "label_names": LABEL_NAMES, "matches": MATCHES},
    writes={
        "issues": ISSUES,
        "joint": JOINT,
        "classes": CLASSES_TABLE,
        "pairs": PAIRS,
        "duplicates": DUPLICATES,
        "deciding": DECIDING,
        "annotators": ANNOTATORS,
        "annotations": ANNOTATIONS,
    },
    params=JointParams,
    run=run,
    by_block=frozenset({"embeddings"}),
    columns={"matches": MATCH_COLUMNS},
    only_with={"annotators": "annotations", "annotations": "annotations"},
)
