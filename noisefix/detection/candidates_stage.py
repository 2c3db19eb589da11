"""The candidates stage: the labels that a row's clean neighbours make plausible.

Many rows are worked off in shards, so that no more than a shard's candidates are held at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.candidates_shards import (
    SHARD_ROWS,
    Shards,
    ShardWork,
    read_shards,
    work_off,
)
from noisefix.detection.search_recall import recall_result
from noisefix.detection.shard_store import discard_shards
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.labels import encode_labels
from noisefix.neighbors.candidates import Voting, open_retrieval
from noisefix.progress import Progress
from noisefix.run.arrays import Strings, column_array
from noisefix.run.rows import in_order
from noisefix.run.schemas import CANDIDATES, EMBEDDINGS, ISSUES
from noisefix.run.stage import Stage, StageOutput, StageReport, run_stage
from noisefix.run.vector_columns import vectors_of
from noisefix.tables.atomic import sha256_file
from noisefix.vectors import Vectors, blocks
from noisefix.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

_NAME, _VERSION = "candidates", 3


@dataclass(frozen=True)
class CandidatesParams(Voting):
    """Options of the candidates stage.

    Attributes:
        device: "auto", "cpu", "cuda" or "mps".
    """

    device: str = "auto"

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            raise UsageError(f"--n-neighbors is {self.n_neighbors}", "it must be at least 1")


def find_candidates(
    embeddings: Path,
    issues: Path,
    target: Path,
    params: CandidatesParams,
    *,
    seed: int = 0,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor = IN_TURN,
    shard_rows: int = SHARD_ROWS,
) -> StageReport:
    """Make a candidates table, unless it is there already.

    Until it is written, finished shards lie in a folder beside it (``.parts`` instead of its
    suffix).

    Args:
        embeddings: embeddings.parquet.
        issues: issues.parquet of the same rows.
        target: the file to make.
        params: options.
        seed: not needed: nothing here is random.
        force: run even if nothing changed, and from the start.
        progress: called with how far it has come.
        executor: who works off the shards; changes no byte.
        shard_rows: rows of a shard; changes no byte.

    Raises:
        DataError: a table is not what it should be, or a file cannot be written.
    """
    folder = target.with_suffix(".parts")
    if force:
        discard_shards(folder)

    def work(*arguments: Any, **more: Any) -> StageOutput:
        facts = [__version__, _VERSION, asdict(params), shard_rows]
        facts += [sha256_file(path) for path in (embeddings, issues)]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        shards = Shards(folder, key, shard_rows)
        return run(*arguments, **more, shards=shards, executor=executor)

    report = run_stage(
        replace(STAGE, run=work),
        {"embeddings": embeddings, "issues": issues},
        {"candidates": target},
        params,
        seed=seed,
        force=force,
        progress=progress,
    )
    discard_shards(folder)
    return report


def run(
    tables: dict[str, pa.Table],
    params: CandidatesParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance],
    vectors: Mapping[str, Mapping[str, Vectors]] | None = None,
    shards: Shards | None = None,
    executor: Executor = IN_TURN,
) -> StageOutput:
    """Look up every row's neighbours in the clean pool and weigh their labels.

    Args:
        tables: "embeddings" and "issues" of the same rows.
        params: options.
        seed: not needed: nothing here is random.
        progress: called after each shard.
        provenances: for the class names of "issues".
        vectors: those of "embeddings", where they are not in the table.
        shards: where those of many rows lie; None: all rows are worked off in one go.
        executor: who works off the shards.
    """
    from noisefix.probing.judgeable import written_rows

    embeddings = tables["embeddings"]
    issues = _same_rows(tables["issues"], embeddings)
    names = provenances["issues"].class_names
    n_rows = embeddings.num_rows
    matrix = vectors_of(embeddings, (vectors or {}).get("embeddings"))
    groups = column_array(issues["duplicate_group"])
    if np.isnan(groups.astype(np.float64)).any():  # the user's own probabilities: no groups known
        groups = np.arange(n_rows)
    with open_retrieval(
        matrix,
        _labels(issues["given_label"], names),
        column_array(issues["p_error"]),
        groups.astype(np.int64),
        len(names),
        params,
        written=written_rows(Strings(embeddings["text"])),
        device=params.device,
    ) as retrieval:
        work = ShardWork(retrieval, embeddings.select(["id", "given_label"]), names)
        results = recall_result(retrieval.recall)
        found: pa.Table | Iterator[pa.Table]
        if shards is None or n_rows <= shards.size:
            found = work.table(0, n_rows)
            n_certain = int(sum(found["is_certain"].to_pylist()))
        else:
            n_certain = work_off(work, shards, executor, progress)
            found = read_shards(shards, n_rows)
    return StageOutput({"candidates": found}, names, {"certain": n_certain} | results)


def _labels(column: pa.ChunkedArray, names: tuple[str, ...]) -> np.ndarray:
    """Return a column of labels as (N,) class ids, -1 = unlabelled."""
    parts = [np.empty(0, dtype=np.int64)]
    for first, last in blocks(len(column)):
        parts.append(encode_labels(column.slice(first, last - first).to_pylist(), names))
    return np.concatenate(parts)


def _same_rows(issues: pa.Table, embeddings: pa.Table) -> pa.Table:
    """Return the rows of issues in the order of the embeddings.

    Raises:
        DataError: they are not the same rows.
    """
    if issues["id"].equals(embeddings["id"]):
        return issues
    return in_order(issues, embeddings["id"].to_pylist(), "issues", "embeddings")


STAGE = Stage(
    _NAME,
    _VERSION,
    reads={"embeddings": EMBEDDINGS, "issues": ISSUES},
    writes={"candidates": CANDIDATES},
    params=CandidatesParams,
    run=run,
    by_block=frozenset({"embeddings"}),
    columns={
        "embeddings": ("id", "text", "given_label"),
        "issues": ("id", "given_label", "p_error", "duplicate_group"),
    },
)
