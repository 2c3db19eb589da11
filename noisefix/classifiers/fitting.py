"""What ``train`` and ``train --compare`` share: read a run, make it ready, run a method on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.common_options import LabelledTableOptions
from noisefix.detection.embed import ProgressCallback
from noisefix.documents import misfit
from noisefix.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from noisefix.classifiers.training_data import RunData
    from noisefix.run.folder import RunFolder
    from noisefix.training.interface import Classifier, Training, TrainingData, TrainingStep


def choose_params(method: str, parameters: Mapping[str, Any]) -> Any:
    """Return the method's parameters with some of them set.

    Raises:
        UsageError: no such method, no such parameter, or a value out of range.
    """
    from noisefix.training.registry import find_method

    _, kind = find_method(method).load()
    known = {f.name for f in fields(kind)}
    wrong = sorted(set(parameters) - known)
    if wrong:
        raise UsageError(
            f"--method {method} has no parameter {wrong[0]!r}",
            f"it has {', '.join(sorted(known))}",
        )
    check_kinds(kind, parameters)
    return kind(**parameters)


def check_kinds(kind: type, parameters: Mapping[str, Any]) -> None:
    """Check that parameters are numbers, words and so on, as their dataclass wants them.

    Raises:
        UsageError: one is not.
    """
    wrong = misfit(kind, parameters)
    if wrong is not None:
        raise UsageError(f"parameter {wrong}", "a parameter is set so: --set NAME=VALUE")


def open_run(
    source: str | Path,
    data: str | Path | None = None,
    *,
    reading: LabelledTableOptions,
    progress: ProgressCallback | None = None,
) -> tuple[RunFolder, tuple[str, ...]]:
    """Open a run folder; make one first where the source is a table. Also return what to tell.

    Args:
        source: run folder, or a table.
        data: where the input of the run folder is, if it was moved.
        reading: how the table is read.
        progress: called with how far ``detect`` has come.

    Raises:
        DataError: the folder or the table cannot be used.
        UsageError: ``data`` is named for a table, or how labels are read for a run folder.
    """
    from noisefix.run.folder import RunFolder, refuse_label_reading
    from noisefix.tables.several import is_data_folder
    from noisefix.tables.source import names_table

    path = Path(source)
    if not (path.is_file() or names_table(source) or is_data_folder(path)):
        refuse_label_reading(path, reading)
        return RunFolder.open(path, data, fresh=("issues", "candidates")), ()
    if data is not None:
        raise UsageError(
            f"--data {data}: is for a run folder, and {path} is a table", "leave --data out"
        )
    from noisefix.detection.detect import detect
    from noisefix.detection.options import DetectOptions

    found = detect(source, options=reading.shared_with(DetectOptions), progress=progress)
    note = f"{path.name} is a table: detect was run on it first, into {found.run}"
    return RunFolder.open(Path(found.run)), (note, *found.warnings)


def class_names_of(folder: RunFolder) -> tuple[str, ...]:
    """Return the classes of a run, in order, without reading its rows."""
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import ISSUES

    return read_table(folder.issues, ISSUES, ("id",))[1].class_names


def load_run(
    source: str | Path,
    method: str,
    *,
    reading: LabelledTableOptions,
    progress: ProgressCallback | None = None,
) -> tuple[RunData, tuple[str, ...]]:
    """Read a run folder; make one first where the source is a table."""
    folder, notes = open_run(source, reading=reading, progress=progress)
    return read_for(folder, method), notes


def read_for(folder: RunFolder, method: str) -> RunData:
    """Read what a method needs of a run."""
    from noisefix.classifiers.training_data import read_run
    from noisefix.training.registry import find_method

    return read_run(folder, with_words="word_features" in find_method(method).needs)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run made ready: features that can be made of new texts too."""

    data: TrainingData
    reference: Any
    encoder_state: Any
    encoder: Any


def prepare(run: RunData, seed: int) -> Prepared:
    """Settle what makes features of new texts.

    The encoder tfidf is fitted on the texts themselves, so it is fitted here again and its state
    goes with the model.
    """
    from noisefix.encoders.find import TFIDF
    from noisefix.training.model_info import EncoderReference

    dimension = run.data.features.shape[1]
    reference = EncoderReference(run.encoder, run.encoder_sha256, dimension)
    if run.encoder != TFIDF:
        return Prepared(run.data, reference, None, None)
    from noisefix.training.fitted_encoder import fit_tfidf, tfidf_state

    encoder = fit_tfidf(run.texts, run.encoder_seed)
    data = replace(run.data, features=encoder.encode(run.texts))
    return Prepared(data, reference, tfidf_state(encoder), encoder)


def check_reads_texts(run: RunData, what: str) -> None:
    """Refuse what needs an encoder for texts where the run has none.

    Args:
        run: the run.
        what: what needs it, as it was typed.

    Raises:
        UsageError: the run's vectors were given.
    """
    from noisefix.encoders.find import GIVEN

    if run.encoder == GIVEN:
        raise UsageError(
            f"{what}: needs vectors of texts, and those of this run were given, so that no encoder "
            "is known that makes them",
            f"leave {what.split()[0]} out, or run noisefix detect --encoder NAME",
        )


def embed_texts(prepared: Prepared, texts: list[str], device: str) -> np.ndarray:
    """Return (N, D) features of texts that were not trained on."""
    from noisefix.training.predictor import load_reference

    encoder = prepared.encoder or load_reference(prepared.reference, device)
    vectors: np.ndarray = encoder.encode(texts)
    return vectors


def fit_method(
    method: str,
    data: TrainingData,
    params: Any,
    seed: int,
    device: str,
    on_step: Callable[[TrainingStep], None] | None = None,
    checkpoint: Any = None,
    extras: Mapping[str, Any] | None = None,
) -> Classifier:
    """Run a method to its end on the device chosen; ``extras`` are arguments that only it takes."""
    from noisefix.hardware import choose_device
    from noisefix.training.interface import finish
    from noisefix.training.registry import find_method

    spec = find_method(method)
    for name in spec.needs:
        data.need(name, method)
    function: Callable[..., Training] = spec.load()[0]
    where = choose_device(device)
    training = function(
        data, params, seed=seed, device=where, checkpoint=checkpoint, **(extras or {})
    )
    return finish(training, on_step)
