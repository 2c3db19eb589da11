"""``predict --embeddings``: rows whose vectors are given, for a model that was trained on such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.classifiers.options import PredictOptions
from noisefix.detection.given_vectors import given_views
from noisefix.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from noisefix.tables.dataset import Dataset
    from noisefix.tables.several import Readable
    from noisefix.training.predictor import Model

_BLOCK = 8192


def check_given(model: Model, given: Any, name: str | Path) -> None:
    """Check that vectors are given where the model takes some, and only there.

    Args:
        model: the model.
        given: ``--embeddings``.
        name: the model folder, for messages.

    Raises:
        UsageError: they are not.
    """
    if given is None and not model.reads_texts:
        raise UsageError(
            f"{name}: was trained on vectors that were given, so that it cannot read texts",
            "give the vectors of these rows, made as those were: --embeddings FILE",
        )
    if given is not None and model.reads_texts:
        raise UsageError(
            f"--embeddings: {name} makes vectors of the texts with its own encoder "
            f"({model.info.encoder.name})",
            "leave --embeddings out",
        )
    if given is not None and len(given_views(given)) > 1:
        raise UsageError(
            "--embeddings: two kinds of vectors are given, and a model is trained on the first",
            "name the first only",
        )


def read_rows(data: Readable, options: PredictOptions, stdin: BinaryIO | None) -> Dataset:
    """Read the table whose rows the vectors are of; it needs neither texts nor labels.

    Raises:
        DataError: it cannot be read.
    """
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    dataset = load_dataset(
        read_source(data, stdin, bad_rows=options.bad_rows),
        text_column=options.text_column,
        id_column=options.id_column,
        needs_labels=False,
        needs_text=False,
    )
    notes = tuple(note for note in dataset.notes if note.startswith("id column"))
    return replace(dataset, notes=notes)


def predict_given(
    model: Model, rows: Dataset, given: Any
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield ids and (B, K) probabilities of the rows, block by block.

    Raises:
        DataError: the vectors cannot be read, or are of another size than the model's.
    """
    from noisefix.tables.vectors import read_vectors

    [view] = given_views(given)
    vectors = read_vectors(view, rows.source, rows.ids)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        yield rows.ids[block], model.predict_vectors(vectors[block])
