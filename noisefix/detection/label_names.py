"""The label-names stage: what the class names, or their descriptions, mean to the encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.encoders.find import GIVEN, TFIDF
from noisefix.labels import class_names
from noisefix.progress import Progress
from noisefix.run.schemas import EMBEDDINGS, LABEL_NAMES
from noisefix.run.stage import Stage, StageOutput

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.provenance import Provenance

WORDLESS_ENCODERS = (TFIDF, GIVEN)
"""Encoders that know no meaning: a name is to them just a word that few texts hold."""


@dataclass(frozen=True)
class LabelNamesParams:
    """Options of the label-names stage.

    Attributes:
        encoder: name or folder of the encoder that the texts were embedded with.
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        descriptions: (class name, words) pairs from labels.toml, several of a class perhaps; other
            classes go by their names.
    """

    encoder: str
    precision: str = "auto"
    device: str = "auto"
    descriptions: tuple[tuple[str, str], ...] = ()


def run(
    tables: dict[str, pa.Table],
    params: LabelNamesParams,
    *,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    provenances: Mapping[str, Provenance] | None = None,
) -> StageOutput:
    """Embed a text, or several, for each class of an embeddings table.

    Args:
        tables: "embeddings", for its labels.
        params: the encoder, and descriptions where there are some.
        seed: passed to the encoder.
        progress: not called: there are few names.
        provenances: not needed.
    """
    import numpy as np
    import pyarrow as pa

    from noisefix.encoders.load import load_encoder
    from noisefix.probing.label_names import readable_name

    names = class_names(tables["embeddings"]["given_label"].to_pylist())
    described: dict[str, list[str]] = {}
    for name, words in params.descriptions:
        described.setdefault(name, []).append(words)
    meant = [
        (name, words) for name in names for words in described.get(name, [readable_name(name)])
    ]
    labels, texts = ([pair[k] for pair in meant] for k in (0, 1))
    encoder = load_encoder(
        params.encoder, device=params.device, precision=params.precision, seed=seed
    )
    vectors = np.ascontiguousarray(encoder.encode(texts), dtype=np.float32)
    table = pa.table(
        {
            "label": pa.array(labels),
            "text": pa.array(texts),
            "embedding": pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.reshape(-1)), vectors.shape[1]
            ),
        }
    )
    return StageOutput({"label_names": table}, names)


STAGE = Stage(
    "label_names",
    1,
    reads={"embeddings": EMBEDDINGS},
    writes={"label_names": LABEL_NAMES},
    params=LabelNamesParams,
    run=run,
)
