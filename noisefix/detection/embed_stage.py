"""The embed stage: a data file's texts into the embeddings table, resumable after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.encoder_source import Named
from noisefix.detection.shard_store import discard_shards
from noisefix.detection.shards import embed_in_shards
from noisefix.encoders.find import DEFAULT_ENCODER, GIVEN, TFIDF, EncoderFiles, find_encoder
from noisefix.executors import IN_TURN, Executor
from noisefix.progress import Progress
from noisefix.run.parquet import ROW_GROUP
from noisefix.run.record import recorded, recorded_sets
from noisefix.run.schemas import EMBEDDINGS, HAS_TEXT, SECOND_EMBEDDING
from noisefix.run.stage import Stage, StageOutput, StageReport, run_stage
from noisefix.tables.dataset import Dataset
from noisefix.vectors import Vectors

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.given_vectors import GivenVectors
    from noisefix.run.provenance import Provenance

_VERSION = 2


@dataclass(frozen=True)
class EmbedParams:
    """Options of the embed stage.

    Attributes:
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
    """

    encoder: str = DEFAULT_ENCODER
    precision: str = "auto"
    device: str = "auto"


def embed_dataset(
    dataset: Dataset,
    output: Path,
    params: EmbedParams = EmbedParams(),
    *,
    seed: int = 0,
    force: bool = False,
    progress: Callable[[Progress], None] | None = None,
    executor: Executor = IN_TURN,
    shard_size: int | None = None,
) -> StageReport:
    """Embed a data set into an embeddings table, unless it is there already.

    Until the table is written, finished shards lie in a folder beside it (``.parts`` instead of
    ``.parquet``); a run with the same texts and encoder goes on from them.

    Args:
        dataset: ids, texts and labels.
        output: embeddings.parquet to write.
        params: the encoder and how to run it.
        seed: of tfidf; no other encoder is random, so that another seed changes nothing.
        force: embed even if nothing changed, and from the start.
        progress: called with ``EncodeProgress`` steps (and how far a download has come).
        executor: who works off the shards; changes no byte.
        shard_size: distinct texts that are worked out, and saved, together: a killed run loses no
            more than those at work; as for ``embed_in_shards``, changes no byte.

    Returns:
        The report; ``results`` holds encoder, encoder_found_in, dimension, precision, device,
        max_tokens, n_rows, n_distinct, n_truncated (rows), class_names, input_name, input_format
        and columns.

    Raises:
        ModelError: the encoder cannot be found, fetched or loaded.
        DataError: the output cannot be written.
    """
    files = find_encoder(params.encoder, progress)
    shards = output.with_suffix(".parts")
    if force:
        discard_shards(shards)
    work = partial(
        _run,
        dataset=dataset,
        files=files,
        shards=shards,
        shard_size=shard_size,
        executor=executor,
    )
    stage = Stage("embed", _VERSION, {}, {"embeddings": EMBEDDINGS}, EmbedParams, work)
    report = run_stage(
        stage,
        {},
        {"embeddings": output},
        params,
        seed=seed if files.name == TFIDF else 0,
        force=force,
        progress=progress,
        extra_inputs={"data": dataset.source.sha256, "encoder": files.sha256},
        in_memory={"rows": _rows(dataset)},
    )
    discard_shards(shards)
    return report


def embed_given(
    dataset: Dataset, given: GivenVectors, output: Path, *, force: bool = False
) -> StageReport:
    """Write the user's own vectors as an embeddings table, unless it is there already.

    Args:
        dataset: ids, texts (or names) and labels.
        given: the vectors of its rows.
        output: embeddings.parquet to write.
        force: write it even if nothing changed.

    Raises:
        DataError: the output cannot be written.
    """
    work = partial(_run_given, dataset=dataset, given=given)
    stage = Stage("embed", _VERSION, {}, {"embeddings": EMBEDDINGS}, EmbedParams, work)
    discard_shards(output.with_suffix(".parts"))
    return run_stage(
        stage,
        {},
        {"embeddings": output},
        EmbedParams(GIVEN, "fp32", "cpu"),
        force=force,
        extra_inputs={"data": dataset.source.sha256, "vectors": given.sha256},
        in_memory={"rows": _rows(dataset)},
    )


def _run_given(
    tables: Mapping[str, pa.Table],
    params: EmbedParams,
    *,
    seed: int,
    progress: Callable[[Progress], None] | None,
    provenances: Mapping[str, Provenance],
    dataset: Dataset,
    given: GivenVectors,
) -> StageOutput:
    import pyarrow as pa

    rows, first = tables["rows"], given.views[0]
    if dataset.text_column is None:
        rows = rows.append_column(HAS_TEXT, pa.array([False] * len(dataset), pa.bool_()))
    columns = dict(zip(("embedding", SECOND_EMBEDDING), given.views, strict=False))
    names = dataset.class_names
    encoder = {
        "encoder": GIVEN,
        "encoder_found_in": "your own",
        "dimension": first.shape[1],
        "precision": params.precision,
        "device": params.device,
        "max_tokens": None,
        "n_truncated": 0,
    }
    parts = _parts(rows, columns)
    return StageOutput({"embeddings": parts}, names, encoder | _facts(dataset, names))


def _run(
    tables: Mapping[str, pa.Table],
    params: EmbedParams,
    *,
    seed: int,
    progress: Callable[[Progress], None] | None,
    provenances: Mapping[str, Provenance],
    dataset: Dataset,
    files: EncoderFiles,
    shards: Path,
    shard_size: int | None,
    executor: Executor,
) -> StageOutput:
    source = Named(files, params.device, params.precision, seed)
    try:
        embedded = embed_in_shards(
            dataset.texts,
            source,
            shards,
            where=dataset.source.name,
            shard_size=shard_size,
            executor=executor,
            progress=progress,
            seed=seed,
        )
    finally:
        source.release()
    names, facts = dataset.class_names, embedded.facts
    results: dict[str, Any] = {
        "encoder": files.name,
        "encoder_found_in": files.found_in,
        "dimension": facts.dimension,
        "precision": facts.precision,
        "device": facts.device,
        "max_tokens": facts.max_tokens,
        "n_truncated": embedded.n_truncated,
    }
    parts = _parts(tables["rows"], {"embedding": embedded.vectors})
    return StageOutput({"embeddings": parts}, names, results | _facts(dataset, names))


def _parts(rows: pa.Table, columns: Mapping[str, Vectors]) -> Iterator[pa.Table]:
    """Yield the embeddings table in parts, for all vectors may not fit into the memory."""
    for first in range(0, max(rows.num_rows, 1), ROW_GROUP):
        part = rows.slice(first, ROW_GROUP)
        for name, vectors in columns.items():
            part = part.append_column(name, _lists(vectors.rows(first, first + part.num_rows)))
        yield part


def _facts(dataset: Dataset, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what is told of a data set, whoever embedded it."""
    reading, sets = recorded(dataset.rules), dataset.sets
    return {
        "n_rows": len(dataset),
        "n_distinct": len(set(dataset.texts)),
        "class_names": list(names),
        "input_name": dataset.source.name,
        "input_format": dataset.source.format,
        "columns": {
            "text": dataset.text_column,
            "label": dataset.label_column,
            "id": dataset.id_column,
        },
        **({"label_reading": reading} if reading else {}),
        **({} if sets is None else {"several_labels": recorded_sets(sets.reading)}),
    }


def _lists(matrix: np.ndarray) -> pa.FixedSizeListArray:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, matrix.shape[1])


def _rows(dataset: Dataset) -> pa.Table:
    """Return all of the embeddings table but the embeddings."""
    import pyarrow as pa

    return pa.table(
        {
            "id": pa.array(dataset.ids, pa.string()),
            "row_number": pa.array(dataset.row_numbers, pa.int64()),
            "text": pa.array(dataset.texts, pa.large_string()),
            "given_label": pa.array(dataset.given_labels, pa.string()),
        }
    )
