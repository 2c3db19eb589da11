"""``train``: from a run folder to a model."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.classifiers.finetune import begin_tuning, choose_features_params, tuned_reference
from noisefix.classifiers.fitting import (
    Prepared,
    check_reads_texts,
    class_names_of,
    embed_texts,
    fit_method,
    open_run,
    prepare,
    read_for,
)
from noisefix.classifiers.options import TrainOptions
from noisefix.classifiers.pair_rows import check_heeds_weights, with_pairs
from noisefix.classifiers.train_asking import (
    ASKING_METHOD,
    NOBODY_ASKED,
    check_asking,
    explained,
    open_questions,
    row_limits,
    who_and_how,
)
from noisefix.classifiers.trusted_labels import TrustedTable, read_trusted
from noisefix.common_options import LabelledTableOptions
from noisefix.detection.embed import ProgressCallback
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.progress import Progress
from noisefix.relabelling.connect import connect, connection_note
from noisefix.relabelling.options import AskOptions
from noisefix.run.decisions import import_decisions, read_said
from noisefix.version import __version__

if TYPE_CHECKING:
    from noisefix.classifiers.training_data import RunData
    from noisefix.classifiers.training_questions import AskingReport, TrainingQuestions
    from noisefix.errors import ServiceError
    from noisefix.training.division import Division
    from noisefix.training.interface import TrainingData, TrainingStep
    from noisefix.training.model_info import ModelInfo


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
        asking: what the annotator was asked; None without one.
        failure: why not every question got an answer. The model is written all the same.
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
    asking: AskingReport | None = None
    failure: ServiceError | None = None


@takes(TrainOptions)
def train(
    source: str | Path,
    output: str | Path,
    *,
    options: TrainOptions,
    progress: ProgressCallback | None = None,
) -> TrainResult:
    """Train a classifier that the remaining noise does not mislead.

    A killed training goes on where it was: its state lies beside the output until it is done.

    Args:
        source: run folder that ``detect`` has written; or a table, on which ``detect`` is run
            first, with its defaults.
        output: model folder to write.
        options: what was chosen; its fields may be named one by one instead. ``annotator``, for
            "noiseal", is any object with ``annotate(questions) -> iterator of answers``, or a name
            as on the command line; its answers are shared with ``relabel``. Without ``valid`` the
            epoch is chosen by a criterion that label noise does not fool.
        progress: called with how far it has come.

    Returns:
        What came of it. Where the annotator's service failed or a budget was reached, ``failure``
        says so: what was answered is stored, and the model was trained with it.

    Raises:
        DataError: the run or a table cannot be used, or something is in the way of the output.
        ModelError: the encoder cannot be had.
        UsageError: an unknown method or option; something that is read lies in the output.
    """
    started = time.perf_counter()
    target = Path(output)
    _check_target(source, target, options)
    plan = _plan(options)
    if options.pairs is not None:
        check_heeds_weights(options.method)
    said = read_said(options.decisions)
    folder, notes = open_run(
        source,
        options.run_data,
        reading=options.shared_with(LabelledTableOptions),
        progress=progress,
    )
    if plan.who is not None:
        names = class_names_of(folder)
        who = connect(plan.who, folder, names, options, device=options.device, seed=options.seed)
        plan = replace(plan, who=who)
        notes += connection_note(who)
    import_decisions(folder.decisions, said)
    run = read_for(folder, options.method)
    if options.pairs is not None:
        run, told = with_pairs(run, options.pairs, options.method, options.device)
        notes += told
    lesson, more = _lesson(run, plan, options)
    with ExitStack() as stack:
        asked = None
        if plan.who is not None:
            asked = stack.enter_context(
                open_questions(folder, run, plan.who, plan.asking, progress)
            )
        elif options.method == ASKING_METHOD:
            more += (NOBODY_ASKED,)
        info = _fit_and_write(target, run, plan, lesson, options, asked, progress)
    if asked is not None and asked.failure is not None:
        more += (
            f"not every question got an answer; {target} is trained with "
            f"{asked.report().answered:,} answers",
        )
    return TrainResult(
        model=target,
        method=options.method,
        parameters=info.parameters,
        seed=options.seed,
        rows=len(lesson.data.given_labels),
        labelled=int(lesson.data.is_labelled.sum()),
        class_names=run.class_names,
        encoder=run.encoder,
        epochs=int(info.metrics.get("epochs", 0)),
        metrics=info.metrics,
        seconds=time.perf_counter() - started,
        notes=notes + more,
        asking=None if asked is None else asked.report(),
        failure=None if asked is None else explained(asked.failure),
    )


@dataclass(frozen=True)
class _Plan:
    """How to train: the method's parameters, the encoder's, and whom to ask."""

    params: Any
    tuning: Any  # None: the encoder stays as it is
    asking: AskOptions
    who: Any  # a name as typed, then an annotator; None: nobody


@dataclass(frozen=True, eq=False)
class _Lesson:
    """What to learn from, and what makes features of texts."""

    data: TrainingData
    params: Any
    prepared: Prepared


def _check_target(source: str | Path, target: Path, options: TrainOptions) -> None:
    from noisefix.run.folder import default_run_path
    from noisefix.run.outputs import check_replaced_folder
    from noisefix.training.model_folder import check_target

    check_target(target)
    made = default_run_path(source) if Path(source).is_file() else None
    read = (
        *(options.valid, options.labels, options.template, options.run_data, options.decisions),
        None if options.pairs is None or Path(options.pairs).is_dir() else options.pairs,
    )
    check_replaced_folder(target, (source, made, options.label_map, *read))
    if made is not None and target.resolve() == made.resolve():
        raise UsageError(
            f"-o {target}: is where the run folder of {source} goes",
            "choose another folder with -o",
        )


def _plan(options: TrainOptions) -> _Plan:
    """Choose all parameters before the long work."""
    asking = options.shared_with(AskOptions)
    who = options.annotator or ("openai" if options.model is not None else None)
    check_asking(options.method, asking, asks=who is not None)
    epochs = {} if options.epochs is None else {"epochs": options.epochs}
    named = {**(options.parameters or {}), **epochs, **row_limits(asking)}
    params, tuning = choose_features_params(options.features, options.method, named)
    return _Plan(params, tuning, asking, who)


def _lesson(run: RunData, plan: _Plan, options: TrainOptions) -> tuple[_Lesson, tuple[str, ...]]:
    """Return what to learn from, with the trusted rows of ``--valid``, and what to tell."""
    if options.valid is not None:
        check_reads_texts(run, f"--valid {options.valid}")
    if plan.tuning is not None:
        check_reads_texts(run, "--features finetune")
    prepared = prepare(run, options.seed)
    data, params, trusted_texts = prepared.data, plan.params, list[str]()
    notes: tuple[str, ...] = ()
    if options.valid is not None:
        table = read_trusted(
            options.valid,
            run,
            truth=options.truth,
            text_column=options.text_column,
            label_column=options.label_column,
            fate_of_unknown="they are left out",
            bad_rows=options.bad_rows,
        )
        name = Path(options.valid).name
        data, trusted_texts, notes = _with_trusted(table, prepared, name, options.device)
        if hasattr(params, "patience") and not params.patience:
            params = replace(params, patience=5)
    if plan.tuning is not None:
        data = replace(data, tuning=begin_tuning(run, plan.tuning, trusted_texts))
    return _Lesson(data, params, prepared), notes


def _fit_and_write(
    target: Path,
    run: RunData,
    plan: _Plan,
    lesson: _Lesson,
    options: TrainOptions,
    asked: TrainingQuestions | None,
    progress: ProgressCallback | None,
) -> ModelInfo:
    """Train, or go on with a training that was killed, and write the model folder."""
    from noisefix.training.checkpoints import FileCheckpoint, training_key
    from noisefix.training.model_folder import write_model
    from noisefix.training.model_info import ModelInfo

    data, method, seed = lesson.data, options.method, options.seed
    key = training_key(data, method, lesson.params, seed, who_and_how(plan.who, plan.asking))
    checkpoint = FileCheckpoint(target.with_name(f".{target.name}.training"), key)
    last: list[TrainingStep] = []

    def on_step(step: TrainingStep) -> None:
        last[:] = [step]
        if progress is not None:
            progress(Progress(step.phase or "train", step.epoch, step.n_epochs, "epochs"))

    target.parent.mkdir(parents=True, exist_ok=True)
    divisions: list[Division] = []
    extras: dict[str, Any] = {}
    if method == ASKING_METHOD:
        extras = {"annotate": asked, "on_division": divisions.append}
    classifier = fit_method(
        method, data, lesson.params, seed, options.device, on_step, checkpoint, extras
    )
    metrics = {"rows": float(len(data.given_labels)), "labelled": float(data.is_labelled.sum())}
    if last:
        metrics |= {"epochs": float(last[0].epoch), "loss": last[0].loss} | last[0].metrics
    tuning, prepared = data.tuning, lesson.prepared
    info = ModelInfo(
        class_names=run.class_names,
        encoder=prepared.reference if tuning is None else tuned_reference(tuning),
        method=method,
        parameters=_plain(lesson.params) | ({} if plan.tuning is None else _plain(plan.tuning)),
        seed=seed,
        kind=classifier.kind,
        inputs=run.inputs,
        reading=run.reading,
        metrics=metrics,
        noisefix_version=__version__,
    )
    division = _division(divisions, run, info) if divisions else None
    tuned = None if tuning is None else tuning.folder
    write_model(target, info, classifier, prepared.encoder_state, division, tuned)
    checkpoint.discard()
    return info


def _division(divisions: list[Division], run: RunData, info: ModelInfo) -> Any:
    from noisefix.run.provenance import Provenance
    from noisefix.run.schemas import DIVISION
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


def _with_trusted(
    table: TrustedTable, prepared: Prepared, name: str, device: str
) -> tuple[TrainingData, list[str], tuple[str, ...]]:
    from noisefix.training.interface import TrustedRows

    known = table.labels >= 0
    texts = [text for text, keep in zip(table.texts, known.tolist(), strict=True) if keep]
    trusted = TrustedRows(embed_texts(prepared, texts, device), table.labels[known])
    note = f"the epoch is chosen by {len(texts)} trusted rows of {name}"
    return replace(prepared.data, trusted=trusted), texts, (*table.notes, note)


def _plain(params: Any) -> dict[str, Any]:
    return {f.name: getattr(params, f.name) for f in fields(params)}
