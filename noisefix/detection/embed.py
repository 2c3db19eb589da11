"""``embed``: the texts of a table, and the names of its labels, as vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.cluster.choose import check_executor, chosen_executor
from noisefix.common_options import LabelledTableOptions
from noisefix.detection.given_vectors import check_alone, given_files, read_given
from noisefix.detection.options import EmbedOptions, EncodeOptions, SeveralLabels
from noisefix.encoders.find import GIVEN, TFIDF
from noisefix.errors import UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.options import takes
from noisefix.run.stage import StageReport, record, run_stage

if TYPE_CHECKING:
    from noisefix.detection.given_vectors import GivenVectors
    from noisefix.label_descriptions import LabelSheet
    from noisefix.tables.dataset import Dataset
    from noisefix.tables.several import Readable
    from noisefix.tables.source import Source

LABEL_NAMES_FILE = "label_names.parquet"
_HOLDER = "noisefix embed"

ProgressCallback = Callable[[Any], None]


@dataclass(frozen=True)
class EmbedResult(StageReport):
    """What came of ``embed``: the stage's report, what was guessed, and what to know."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(EmbedOptions)
def embed(
    data: Readable,
    output: str | Path,
    *,
    options: EmbedOptions,
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> EmbedResult:
    """Embed the texts of a table, each distinct text once.

    Where there are labels, their names (or descriptions) are embedded too, into
    ``label_names.parquet`` beside them: ``joint`` looks for it there. An output that is called
    ``.parquet`` is the table; any other is a run folder, as ``detect`` makes it, for ``joint`` and
    ``candidates`` to go on with.

    Args:
        data: the table, or several files, as for ``read_source``; "-": CSV on standard input.
        output: run folder, or embeddings.parquet to write.
        options: what was chosen; its fields may be named one by one instead.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read, or the output cannot be written; another process writes
            in the run folder, or it belongs to another input.
        ModelError: the encoder cannot be had.
        UsageError: the output is what is read, or another file of a run folder; or somebody else
            made the table that would be replaced.
    """
    from noisefix.detection.open_run import list_note, open_run
    from noisefix.run.files import lock_if_run
    from noisefix.run.folder import RunFolder
    from noisefix.tables.bad_rows import list_beside, write_bad_rows

    is_run = _is_run(output)
    folder = RunFolder(output)
    path = folder.embeddings if is_run else Path(output)
    read = (data, options.labels, options.label_map, *given_files(options.embeddings))
    check_alone(options.embeddings, options.encoder)
    check_executor(options)
    _check_outputs(folder.path if is_run else None, path, options.encoder, read)
    sheet = read_sheet(options.labels)
    needs_text = options.embeddings is None
    dataset = read_dataset(data, options, stdin, needs_labels=False, needs_text=needs_text)
    given = read_given(options.embeddings, dataset)
    notes = dataset.notes
    if is_run:
        folder.make()
    lock = folder.lock(_HOLDER) if is_run else lock_if_run(path.parent, _HOLDER)
    with lock, chosen_executor(options, path.parent) as executor:
        if is_run:
            notes += open_run(dataset, folder.path, options.force)[1]
            notes += list_note(folder, dataset)
        report, *named = embed_into(
            dataset, path, sheet, options, options.force, progress, given=given, executor=executor
        )
    if not is_run:
        notes += write_bad_rows(dataset.source.bad, list_beside(path))
    outputs = report.outputs | {key: to for other in named for key, to in other.outputs.items()}
    return EmbedResult(
        **vars(replace(report, outputs=outputs)),
        notes=notes,
        warnings=dataset.warnings + sheet_warnings(sheet, report) + truncation_warning(report),
    )


def _is_run(output: str | Path) -> bool:
    """Say whether an output is a run folder: it is one, or its name promises no file."""
    from noisefix.run.endings import promises_file

    return Path(output).is_dir() or not promises_file(output)


def _check_outputs(
    run: Path | None, path: Path, encoder: str, inputs: tuple[Readable | None, ...]
) -> None:
    from noisefix.detection.label_names import WORDLESS_ENCODERS
    from noisefix.run.files import TABLE_NAMES
    from noisefix.run.outputs import check_ours, check_output, check_run_outputs

    names = path.parent / LABEL_NAMES_FILE
    if run is not None:
        check_run_outputs(run, (*TABLE_NAMES, "run.json"), inputs)
        return
    if encoder in WORDLESS_ENCODERS:
        check_output(path, inputs, kinds=("parquet",), own="embeddings.parquet")
        return
    check_output(path, (*inputs, encoder), kinds=("parquet",), own="embeddings.parquet")
    if path.name == names.name:
        raise UsageError(
            f"-o {path}: the label names are written under that name", "choose another one"
        )
    check_output(names, inputs, own=LABEL_NAMES_FILE)
    check_ours(names, "label_names")


def read_dataset(
    data: Readable | Source,
    options: LabelledTableOptions,
    stdin: BinaryIO | None,
    *,
    needs_labels: bool,
    needs_text: bool = True,
) -> Dataset:
    """Read a table and find its columns; without ``needs_labels`` it may have no label column.

    Without ``needs_text`` it may have no text column. Where the options say so
    (``SeveralLabels``), a row has several labels.
    """
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.label_rules import label_rules
    from noisefix.tables.label_sets import set_reading
    from noisefix.tables.source import Source, read_source

    if not isinstance(data, Source):
        data = read_source(data, stdin, bad_rows=options.bad_rows)
    several = options if isinstance(options, SeveralLabels) else SeveralLabels()
    return load_dataset(
        data,
        text_column=options.text_column,
        label_column=options.label_column,
        id_column=options.id_column,
        needs_labels=needs_labels,
        needs_text=needs_text,
        rules=label_rules(options),
        sets=set_reading(several.multi_label, several.label_columns, data),
    )


def embed_into(
    dataset: Dataset,
    path: Path,
    sheet: LabelSheet | None,
    options: EncodeOptions,
    force: bool,
    progress: ProgressCallback | None,
    *,
    given: GivenVectors | None = None,
    executor: Executor = IN_TURN,
) -> tuple[StageReport, ...]:
    """Embed a data set into a file, and its label names beside it where they have a meaning.

    Vectors that the user has given are taken as they are; else the executor works off the shards.

    Returns:
        The reports of both, which are recorded if the file lies in a run folder.
    """
    from noisefix.detection.embed_stage import EmbedParams, embed_dataset, embed_given

    if given is not None:
        report = embed_given(dataset, given, path, force=force)
    else:
        params = EmbedParams(options.encoder, options.precision, options.device)
        report = embed_dataset(
            dataset,
            path,
            params,
            seed=options.seed,
            force=force,
            progress=progress,
            executor=executor,
        )
    named = None if dataset.sets is not None else _embed_names(path, report, sheet, options, force)
    reports = (report,) if named is None else (report, named)
    record(path.parent, *reports)
    return reports


def _embed_names(
    embeddings: Path,
    embedded: StageReport,
    sheet: LabelSheet | None,
    options: EncodeOptions,
    force: bool,
) -> StageReport | None:
    """Embed the label names with the same encoder; None where that has no meaning."""
    from noisefix.detection.label_names import STAGE, WORDLESS_ENCODERS, LabelNamesParams

    encoder = embedded.parameters["encoder"]
    if encoder in WORDLESS_ENCODERS or not embedded.results.get("class_names"):
        return None
    labels = {} if sheet is None else sheet.labels
    params = LabelNamesParams(
        encoder=encoder,
        precision=embedded.parameters["precision"],
        device=options.device,
        descriptions=tuple(
            (name, words) for name, label in labels.items() for words in label.definitions
        ),
    )
    output = embeddings.parent / LABEL_NAMES_FILE
    return run_stage(
        STAGE,
        {"embeddings": embeddings},
        {"label_names": output},
        params,
        seed=options.seed,
        force=force,
    )


def read_sheet(labels: str | Path | None) -> LabelSheet | None:
    """Read labels.toml; None where there is none."""
    from noisefix.label_descriptions import load_label_sheet

    return None if labels is None else load_label_sheet(Path(labels))


def sheet_warnings(sheet: LabelSheet | None, embedded: StageReport) -> tuple[str, ...]:
    """Say what in the label sheet is of no use."""
    from noisefix.detection.label_names import WORDLESS_ENCODERS
    from noisefix.label_descriptions import validate

    if sheet is None or not embedded.results["class_names"]:
        return ()
    if embedded.parameters["encoder"] in WORDLESS_ENCODERS:
        return (_NO_MEANING[embedded.parameters["encoder"]],)
    return tuple(validate(sheet.labels, embedded.results["class_names"]))


_NO_MEANING = {
    TFIDF: "--labels has no effect here: tfidf does not know what words mean",
    GIVEN: "--labels has no effect here: nothing is known that makes such vectors of words",
}


def truncation_warning(report: StageReport) -> tuple[str, ...]:
    """Say how many texts the encoder has read the beginning of only."""
    cut = report.results.get("n_truncated", 0)
    if not cut:
        return ()
    longer = "1 text is" if cut == 1 else f"{cut:,} texts are"
    return (
        f"{longer} longer than the encoder's {report.results.get('max_tokens')} tokens: "
        "only the beginning was read",
    )
