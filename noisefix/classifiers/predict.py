"""``predict``: from a model and a table of any size to labels, block by block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from noisefix.classifiers.options import PredictOptions
from noisefix.classifiers.predict_given import check_given, predict_given, read_rows
from noisefix.classifiers.prediction_writer import FORMATS, PredictionWriter
from noisefix.detection.embed import ProgressCallback
from noisefix.detection.given_vectors import given_files
from noisefix.options import takes
from noisefix.progress import Progress
from noisefix.version import __version__

if TYPE_CHECKING:
    import numpy as np

    from noisefix.run.provenance import Provenance
    from noisefix.tables.several import Readable
    from noisefix.training.predictor import Model

_MB = 1_000_000


@dataclass(frozen=True)
class PredictResult:
    """What came of ``predict``.

    Attributes:
        output: the file written.
        rows: rows predicted.
        labels: rows of each predicted label, by label.
        seconds: wall time.
        notes: what was guessed, in words.
        warnings: what a person should know.
    """

    output: Path
    rows: int
    labels: dict[str, int]
    seconds: float
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(PredictOptions)
def predict(
    model: str | Path,
    data: Readable,
    output: str | Path,
    *,
    options: PredictOptions,
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> PredictResult:
    """Predict a label for every row of a table, which may be larger than the memory.

    The table is looked through once before the first prediction, so that a malformed row or a
    doubled id is found at once, and then read and predicted in blocks. Standard input is copied to
    a temporary file first. The output takes its place when all of it is written.

    Args:
        model: model folder that ``train`` has written.
        data: the table, or several files, as for ``read_source``; "-": CSV on standard input.
        output: .parquet, .csv or .jsonl to write: id, label, confidence; "-" for CSV on standard
            output.
        options: what was chosen; its fields may be named one by one instead. With ``proba`` the
            probability of every class is written too, in columns named "p: CLASS".
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        ModelError: the model or its encoder cannot be loaded.
        DataError: the data cannot be read, or the output cannot be written.
        UsageError: the output is what is read, or its ending is none of these; the model was
            trained on given vectors, and none are given here, or the other way round.
    """
    from noisefix.run.outputs import check_output
    from noisefix.tables.bad_rows import list_beside, write_bad_rows
    from noisefix.tables.text_stream import open_texts
    from noisefix.training.model_folder import weights_sha256
    from noisefix.training.predictor import load_model

    started = time.perf_counter()
    check_output(
        output,
        (model, data, *given_files(options.embeddings)),
        kinds=tuple(ending[1:] for ending in FORMATS),
        takes_stdout=True,
    )
    loaded = load_model(model, device=options.device)
    check_given(loaded, options.embeddings, model)
    names = loaded.class_names
    target = Path(output)
    counts = dict.fromkeys(names, 0)
    writer = PredictionWriter(target, names, with_probs=options.proba)
    if options.embeddings is not None:
        rows = read_rows(data, options, stdin)
        found = _Input(rows.source.sha256, rows.text_column, rows.id_column)
        with writer.opened(_provenance(loaded, weights_sha256(model), found, proba=options.proba)):
            for ids, probs in predict_given(loaded, rows, options.embeddings):
                _count(counts, names, probs)
                writer.write(ids, probs)
        listed = write_bad_rows(rows.source.bad, list_beside(target))
        return PredictResult(
            target,
            len(rows),
            counts,
            time.perf_counter() - started,
            rows.notes + listed,
            rows.warnings,
        )
    with open_texts(
        data,
        stdin,
        text_column=options.text_column,
        id_column=options.id_column,
        on_bytes=None if progress is None else _byte_meter(progress),
        bad_rows=options.bad_rows,
        reading=loaded.info.reading,
    ) as stream:
        found = _Input(stream.source.head.sha256, stream.columns.text, stream.columns.id.column)
        with writer.opened(_provenance(loaded, weights_sha256(model), found, proba=options.proba)):
            done = 0
            for block in stream.blocks():
                probs = loaded.predict_probs(
                    block.texts, _row_meter(progress, done, len(block.texts), stream.n_rows)
                )
                _count(counts, names, probs)
                writer.write(block.ids, probs)
                done += len(block.texts)
                if progress is not None:
                    progress(Progress("predict", done, stream.n_rows))
        listed = write_bad_rows(stream.source.bad, list_beside(target))
        return PredictResult(
            target,
            stream.n_rows,
            counts,
            time.perf_counter() - started,
            stream.notes + listed,
            stream.warnings(),
        )


@dataclass(frozen=True)
class _Input:
    """What is recorded of a table that was predicted."""

    sha256: str
    text_column: str | None
    id_column: str | None


def _count(counts: dict[str, int], names: tuple[str, ...], probs: np.ndarray) -> None:
    for k in probs.argmax(axis=1).tolist():
        counts[names[k]] += 1


def _byte_meter(progress: ProgressCallback) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        progress(Progress("look through", done // _MB, max(total // _MB, 1), "MB"))

    return tell


def _row_meter(
    progress: ProgressCallback | None, first: int, n_block: int, n_rows: int
) -> ProgressCallback | None:
    """Turn the encoder's progress within a block into rows of the table."""
    if progress is None:
        return None

    def tell(step: Progress) -> None:
        within = n_block * step.done // max(step.total, 1)
        progress(Progress("predict", first + within, n_rows))

    return tell


def _provenance(model: Model, weights_sha256: str, found: _Input, *, proba: bool) -> Provenance:
    from noisefix.run.provenance import Provenance
    from noisefix.run.schemas import PREDICTIONS

    info = model.info
    return Provenance(
        schema=PREDICTIONS.name,
        version=PREDICTIONS.version,
        noisefix_version=__version__,
        class_names=info.class_names,
        parameters={
            "proba": proba,
            "method": info.method,
            "encoder": info.encoder.name,
            "text_column": found.text_column,
            "id_column": found.id_column,
        },
        inputs={"data": found.sha256, "model": weights_sha256},
    )
