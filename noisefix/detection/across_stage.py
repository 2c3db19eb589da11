"""The across stage: the embeddings of two files into the rows that they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.encoders.find import TFIDF
from noisefix.labels import class_names, encode_labels
from noisefix.neighbors.across import matches_across
from noisefix.run.schemas import ACROSS, EMBEDDINGS
from noisefix.run.stage import Stage, StageOutput
from noisefix.run.vector_columns import embedding_matrix

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class AcrossParams:
    """Options of the across stage.

    Attributes:
        encoder: what embedded both files.
        other_name: the other file, for messages.
    """

    encoder: str
    other_name: str = ""


def run(
    tables: Mapping[str, pa.Table], params: AcrossParams, *, seed: int, **_: Any
) -> StageOutput:
    """List the texts that two embeddings tables share.

    Args:
        tables: "embeddings" of this file, "against" of the other one.
        params: options.
        seed: of tfidf.
    """
    import pyarrow as pa

    here, there = tables["embeddings"], tables["against"]
    given, others = here["given_label"].to_pylist(), there["given_label"].to_pylist()
    names = class_names([*given, *others])
    labels, other_labels = encode_labels(given, names), encode_labels(others, names)
    texts, other_texts = here["text"].to_pylist(), there["text"].to_pylist()
    vectors, other_vectors = _vectors(here, there, params.encoder, seed)
    found = matches_across(texts, vectors, labels, other_texts, other_vectors)
    differs = found.label != other_labels[found.other]
    is_conflict = differs & (found.label >= 0) & (other_labels[found.other] >= 0)
    order = np.lexsort((found.row, found.other, ~found.is_equal, ~is_conflict))
    mine = here.select(["id", "row_number", "text", "given_label"]).take(found.row[order])
    theirs = there.select(["id", "row_number", "text", "given_label"]).take(found.other[order])
    columns = {
        "other_id": theirs["id"],
        "other_row_number": theirs["row_number"],
        "other_text": theirs["text"],
        "other_label": theirs["given_label"],
        **{name: mine[name] for name in mine.column_names},
        "similarity": pa.array(found.similarity[order], pa.float32()),
        "is_equal": pa.array(found.is_equal[order]),
        "rows": pa.array(found.rows[order]),
        "is_conflict": pa.array(is_conflict[order]),
    }
    results = {
        "other_rows": there.num_rows,
        "leaks": len(np.unique(found.other)),
        "equal": len(np.unique(found.other[found.is_equal])),
        "conflicts": len(np.unique(found.other[is_conflict])),
        "common_labels": len({*given} & {*others} - {None}),
        "other_labelled": int((other_labels >= 0).sum()),
    }
    return StageOutput({"across": pa.table(columns)}, names, results)


def _vectors(
    here: pa.Table, there: pa.Table, encoder: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of both, of one space: tfidf makes another one of every file."""
    if encoder != TFIDF:
        return embedding_matrix(here), embedding_matrix(there)
    from noisefix.encoders import load_encoder

    texts = [text or "" for table in (here, there) for text in table["text"].to_pylist()]
    both = load_encoder(TFIDF, seed=seed).encode(texts)
    return both[: here.num_rows], both[here.num_rows :]


STAGE = Stage(
    "across",
    1,
    {"embeddings": EMBEDDINGS, "against": EMBEDDINGS},
    {"across": ACROSS},
    AcrossParams,
    run,
)
