"""The pair stage: two texts a row into how well they go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.encoder_source import Named
from noisefix.detection.judged import DECIMALS
from noisefix.encoders.find import EncoderFiles
from noisefix.executors import Executor
from noisefix.progress import Progress
from noisefix.run.schemas import EMBEDDINGS, MATCH_RANK, MATCHES, P_MISMATCH
from noisefix.run.stage import Stage, StageOutput
from noisefix.vectors import SomeRows

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

_VERSION = 2


@dataclass(frozen=True)
class PairParams:
    """Options of the pair stage.

    Attributes:
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        first: name of the first column.
        second: name of the second.
    """

    encoder: str
    precision: str
    device: str
    first: str
    second: str


def pair_stage(files: EncoderFiles, shards: Path, *, where: str, executor: Executor) -> Stage:
    """Return the stage; arguments as for ``embed_in_shards``."""
    work = partial(_run, files=files, shards=shards, where=where, executor=executor)
    return Stage(
        "pair_columns",
        _VERSION,
        {"embeddings": EMBEDDINGS},
        {"matches": MATCHES},
        PairParams,
        work,
        columns={"embeddings": ("id", "given_label")},
    )


def _run(
    tables: Mapping[str, pa.Table],
    params: PairParams,
    *,
    seed: int,
    progress: Callable[[Progress], None] | None,
    provenances: Mapping[str, Provenance],
    files: EncoderFiles,
    shards: Path,
    where: str,
    executor: Executor,
) -> StageOutput:
    """Embed both texts of each row, and match them.

    Args:
        tables: "rows": id, first_text and second_text; "embeddings" of the same rows.
        params: options.
        seed: of tfidf.
        progress: called with ``EncodeProgress`` steps.
        provenances: of "embeddings": the class names.
        files: the encoder.
        shards: folder for the shards that are done.
        where: what the rows belong to, for messages.
        executor: who works off the shards.
    """
    import pyarrow as pa

    from noisefix.detection.shards import embed_in_shards
    from noisefix.probing.folds import row_keys
    from noisefix.probing.pair_match import MISMATCHED_FROM, match_pairs

    rows = tables["rows"]
    first, second = (rows[name].to_pylist() for name in ("first_text", "second_text"))
    is_paired = np.array(
        [bool(a.strip() and b.strip()) for a, b in zip(first, second, strict=True)]
    )
    source = Named(files, params.device, params.precision, seed)
    try:
        vectors = embed_in_shards(
            [*first, *second],  # of one space, also where that is made of the texts
            source,
            shards,
            where=where,
            executor=executor,
            progress=progress,
            seed=seed,
        ).vectors
    finally:
        source.release()
    place = np.arange(len(first))
    sides = (SomeRows(vectors, place), SomeRows(vectors, place + len(first)))
    found = match_pairs(*sides, row_keys(first, 0), is_paired)
    columns = {MATCH_RANK: found.rank, P_MISMATCH: found.p_mismatch}
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(np.round(values, DECIMALS), from_pandas=True))
    n_pairs, is_told = int(is_paired.sum()), bool(np.isfinite(found.share))
    results = {
        "pairs": n_pairs,
        "columns": [params.first, params.second],
        "share": round(found.share, DECIMALS) if is_told else None,
        "penalties": list(found.penalties) if is_told else None,
        "listed": int((found.p_mismatch >= MISMATCHED_FROM).sum()),
    }
    return StageOutput({"matches": rows}, provenances["embeddings"].class_names, results)
