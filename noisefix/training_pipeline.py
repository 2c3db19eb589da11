"""``train`` and ``predict``: from a run folder to a model, from a model to predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import noisefix
from noisefix.errors import DataError, UsageError
from noisefix.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from noisefix.stages.training_data import RunData
    from noisefix.training.division import Division
    from noisefix.training.interface import Classifier, Training, TrainingData, TrainingStep
    from noisefix.training.methods.noiseal import Annotate
    from noisefix.training.model_folder import ModelInfo
    from noisefix.training.predictor import Model

DEFAULT_METHOD = "repair"
"""Best of those without an annotator: ``tests/benchmarks/training.py``."""

FEATURES = ("frozen",)

ProgressCallback = Callable[[Any], None]

_PREDICT_ROWS = 8192


@dataclass(frozen=True)
class TrainResult:
    """What came of ``train``.

    Attributes:
        model: the model folder.
        method: the method.
        parameters: its parameters.
        seed: the seed.
        rows: rows in the run.
        labelled: rows with a given label.
        class_names: in the order of the probabilities.
        encoder: where the features come from.
        epochs: epochs trained.
        metrics: of the last epoch.
        seconds: wall time.
        notes: what a person should know.
    """

    model: Path
    method: str
    parameters: dict[str, Any]
    seed: int
    rows: int
    labelled: int
    class_names: tuple[str, ...]
    encoder: str
    epochs: int
    metrics: dict[str, float]
    seconds: float
    notes: tuple[str, ...] = ()


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


def train(
    source: str | Path,
    output: str | Path,
    *,
    method: str = DEFAULT_METHOD,
    features: str = "frozen",
    epochs: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    valid: str | Path | None = None,
    annotate: Annotate | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> TrainResult:
    """Train a classifier that the remaining noise does not mislead.

    A killed training goes on where it was: its state lies beside the output until it is done.

    Args:
        source: run folder that ``detect`` has written; or a table, on which ``detect`` is run
            first, with its defaults.
        output: model folder to write.
        method: how; one of ``noisefix.training.interface.METHODS``.
        features: "frozen": the run's embeddings.
        epochs: passes over the rows; None: the method's own.
        parameters: more of the method's options by name, e.g. {"head": "mlp"}.
        valid: table with trusted labels to choose the epoch by; None: a criterion that label noise
            does not fool, where the method stops early.
        annotate: for "noiseal": is called with rows to ask about; see its ``Annotate``.
        text_column: text column of the tables; None: guessed.
        label_column: label column of the tables; None: guessed.
        device: "auto", "cpu", "cuda" or "mps".
        seed: seed of all randomness.
        progress: called with how far it has come.

    Raises:
        DataError: the run or a table cannot be used, or something is in the way of the output.
        ModelError: the encoder cannot be had.
        UsageError: an unknown method or option.
    """
    from noisefix.training.checkpoints import FileCheckpoint, training_key
    from noisefix.training.model_folder import ModelInfo, check_target, write_model

    started = time.perf_counter()
    target = Path(output)
    check_target(target)
    extra = {} if epochs is None else {"epochs": epochs}
    chosen = choose_params(method, {**(parameters or {}), **extra})
    _check_features(features)
    run, notes = load_run(
        source, method, text_column=text_column, label_column=label_column, progress=progress
    )
    prepared = prepare(run, seed)
    data = prepared.data
    if valid is not None:
        data, note = _with_trusted(run, prepared, valid, text_column, label_column, device)
        notes += (note,)
        if hasattr(chosen, "patience") and not chosen.patience:
            chosen = replace(chosen, patience=5)
    key = training_key(data, method, chosen, seed)
    checkpoint = FileCheckpoint(target.with_name(f".{target.name}.training"), key)
    last: list[TrainingStep] = []

    def on_step(step: TrainingStep) -> None:
        last[:] = [step]
        if progress is not None:
            progress(Progress(step.phase or "train", step.epoch, step.n_epochs, "epochs"))

    target.parent.mkdir(parents=True, exist_ok=True)
    divisions: list[Division] = []
    extras: dict[str, Any] = {}
    if method == "noiseal":
        extras = {"annotate": annotate, "on_division": divisions.append}
    elif annotate is not None:
        raise UsageError(f"--method {method} asks nobody", "an annotator is for noiseal")
    classifier = fit_method(method, data, chosen, seed, device, on_step, checkpoint, extras)
    metrics = {"rows": float(len(data.given_labels)), "labelled": float(data.is_labelled.sum())}
    if last:
        metrics |= {"epochs": float(last[0].epoch), "loss": last[0].loss} | last[0].metrics
    info = ModelInfo(
        class_names=run.class_names,
        encoder=prepared.reference,
        method=method,
        parameters=_plain(chosen),
        seed=seed,
        kind=classifier.kind,
        inputs=run.inputs,
        metrics=metrics,
        noisefix_version=noisefix.__version__,
    )
    division = _division(divisions, run, info) if divisions else None
    write_model(target, info, classifier, prepared.encoder_state, division)
    checkpoint.discard()
    return TrainResult(
        model=target,
        method=method,
        parameters=info.parameters,
        seed=seed,
        rows=len(data.given_labels),
        labelled=int(data.is_labelled.sum()),
        class_names=run.class_names,
        encoder=run.encoder,
        epochs=last[0].epoch if last else 0,
        metrics=metrics,
        seconds=time.perf_counter() - started,
        notes=notes,
    )


def _division(divisions: list[Division], run: RunData, info: ModelInfo) -> Any:
    from noisefix.schemas import DIVISION
    from noisefix.tables.provenance import Provenance
    from noisefix.training.division import division_table

    provenance = Provenance(
        schema=DIVISION.name,
        version=DIVISION.version,
        noisefix_version=info.noisefix_version,
        class_names=info.class_names,
        parameters=info.parameters,
        seed=info.seed,
        inputs=info.inputs,
    )
    return division_table(divisions, run.ids, run.class_names), provenance


def predict(
    model: str | Path,
    data: str | Path,
    output: str | Path,
    *,
    proba: bool = False,
    text_column: str | None = None,
    id_column: str | None = None,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> PredictResult:
    """Predict a label for every row of a table.

    Args:
        model: model folder that ``train`` has written.
        data: CSV, TSV, JSONL or Parquet file, or "-" for CSV on standard input.
        output: .parquet, .csv or .jsonl to write: id, label, confidence.
        proba: also write the probability of every class, in columns named "p: CLASS".
        text_column: column of the texts; None: guessed.
        id_column: column of the ids; None: guessed, else the row number.
        device: "auto", "cpu", "cuda" or "mps", for the encoder.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        ModelError: the model or its encoder cannot be loaded.
        DataError: the data cannot be read, or the output cannot be written.
    """
    from noisefix.stages.predictions import PredictionWriter
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source
    from noisefix.training.predictor import load_model

    started = time.perf_counter()
    loaded = load_model(model, device=device)
    dataset = load_dataset(
        read_source(data, stdin), text_column=text_column, id_column=id_column, needs_labels=False
    )
    _refuse_same(data, output)
    writer = PredictionWriter(Path(output), loaded.class_names, with_probs=proba)
    counts = dict.fromkeys(loaded.class_names, 0)
    with writer:
        for first, probs in _predict_blocks(loaded, dataset.texts, progress):
            best = probs.argmax(axis=1)
            for k in best.tolist():
                counts[loaded.class_names[k]] += 1
            writer.write(dataset.ids[first : first + len(probs)], probs)
    return PredictResult(
        Path(output),
        len(dataset),
        counts,
        time.perf_counter() - started,
        dataset.notes,
        dataset.warnings,
    )


def _predict_blocks(
    model: Model, texts: list[str], progress: ProgressCallback | None
) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(texts), _PREDICT_ROWS):
        part = texts[first : first + _PREDICT_ROWS]
        probs = model.predict_probs(part)
        if progress is not None:
            progress(Progress("predict", first + len(part), len(texts)))
        yield first, probs


def _refuse_same(data: str | Path, output: str | Path) -> None:
    if str(data) != "-" and Path(data).absolute() == Path(output).absolute():
        raise DataError(
            f"{output}: this is the input itself, which is never overwritten",
            "choose another file with -o",
        )


def choose_params(method: str, parameters: Mapping[str, Any]) -> Any:
    """Return the method's parameters with some of them set.

    Raises:
        UsageError: no such method, no such parameter, or a value out of range.
    """
    from noisefix.training.interface import find_method

    _, kind = find_method(method).load()
    known = {f.name for f in fields(kind)}
    wrong = sorted(set(parameters) - known)
    if wrong:
        raise UsageError(
            f"--method {method} has no parameter {wrong[0]!r}",
            f"it has {', '.join(sorted(known))}",
        )
    return kind(**parameters)


def _check_features(features: str) -> None:
    if features not in FEATURES:
        raise UsageError(f"--features {features!r} is unknown", f"choose {', '.join(FEATURES)}")


def load_run(
    source: str | Path,
    method: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[RunData, tuple[str, ...]]:
    """Read a run folder; make one first where the source is a table."""
    from noisefix.stages.training_data import read_run
    from noisefix.tables.run_folder import RunFolder
    from noisefix.training.interface import find_method

    path = Path(source)
    notes: tuple[str, ...] = ()
    if path.is_file():
        found = noisefix.detect(
            path, text_column=text_column, label_column=label_column, progress=progress
        )
        notes = (f"{path.name} is a table: detect was run on it first, into {found.run}",)
        path = Path(found.run)
    with_words = "word_features" in find_method(method).needs
    return read_run(RunFolder.open(path), with_words=with_words), notes


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
    from noisefix.training.model_folder import EncoderReference

    dimension = run.data.features.shape[1]
    reference = EncoderReference(run.encoder, run.encoder_sha256, dimension)
    if run.encoder != TFIDF:
        return Prepared(run.data, reference, None, None)
    from noisefix.training.fitted_encoder import fit_tfidf, tfidf_state

    encoder = fit_tfidf(run.texts, run.encoder_seed)
    data = replace(run.data, features=encoder.encode(run.texts))
    return Prepared(data, reference, tfidf_state(encoder), encoder)


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
    from noisefix.encoders.hardware import choose_device
    from noisefix.training.interface import find_method, finish

    spec = find_method(method)
    for name in spec.needs:
        data.need(name, method)
    function: Callable[..., Training] = spec.load()[0]
    where = choose_device(device)
    training = function(
        data, params, seed=seed, device=where, checkpoint=checkpoint, **(extras or {})
    )
    return finish(training, on_step)


def read_trusted(
    path: str | Path,
    class_names: tuple[str, ...],
    text_column: str | None,
    label_column: str | None,
) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    """Read a table with trusted labels: texts, class ids (-1 = a class never trained on), notes.

    Raises:
        DataError: it cannot be read, or no label is of a known class.
    """
    import numpy as np

    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    dataset = load_dataset(
        read_source(path), text_column=text_column, label_column=label_column, needs_labels=True
    )
    index = {name: k for k, name in enumerate(class_names)}
    rows = [i for i, label in enumerate(dataset.given_labels) if label is not None]
    labels = np.array([index.get(str(dataset.given_labels[i]), -1) for i in rows], dtype=np.int64)
    unknown = sorted({str(dataset.given_labels[i]) for i in rows} - set(index))
    if (labels < 0).all():
        raise DataError(
            f"{dataset.source.name}: none of its labels is a class of the run",
            f"the run's classes are {', '.join(class_names[:10])}; name another --label-column",
        )
    notes = dataset.notes
    if unknown:
        notes += (
            f"{int((labels < 0).sum())} rows of {dataset.source.name} have labels that no training "
            f"row has ({', '.join(unknown[:5])}): they count as wrong",
        )
    return [dataset.texts[i] for i in rows], labels, notes


def _with_trusted(
    run: RunData,
    prepared: Prepared,
    valid: str | Path,
    text_column: str | None,
    label_column: str | None,
    device: str,
) -> tuple[TrainingData, str]:
    from noisefix.training.interface import TrustedRows

    texts, labels, _ = read_trusted(valid, run.class_names, text_column, label_column)
    known = labels >= 0
    texts = [text for text, keep in zip(texts, known.tolist(), strict=True) if keep]
    trusted = TrustedRows(embed_texts(prepared, texts, device), labels[known])
    note = f"the epoch is chosen by {len(texts)} trusted rows of {Path(valid).name}"
    return replace(prepared.data, trusted=trusted), note


def _plain(params: Any) -> dict[str, Any]:
    return {f.name: getattr(params, f.name) for f in fields(params)}
