"""``embed``: the texts of a table, and the names of its labels, as vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.errors import UsageError
from noisefix.run.stage import StageReport, run_stage

if TYPE_CHECKING:
    from noisefix.label_descriptions import LabelSheet
    from noisefix.tables.dataset import Dataset

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LABEL_NAMES_FILE = "label_names.parquet"

ProgressCallback = Callable[[Any], None]


@dataclass(frozen=True)
class EmbedResult(StageReport):
    """What came of ``embed``: the stage's report, what was guessed, and what to know."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def embed(
    data: str | Path,
    output: str | Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    missing_labels: str | None = None,
    encoder: str = DEFAULT_ENCODER,
    precision: str = "auto",
    device: str = "auto",
    labels: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
    bad_rows: str = "stop",
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> EmbedResult:
    """Embed the texts of a table, each distinct text once.

    Where there are labels, their names (or descriptions) are embedded too, into
    ``label_names.parquet`` beside the output: ``joint`` looks for it there.

    Args:
        data: CSV, TSV, JSONL or Parquet file, or "-" for CSV on standard input.
        output: embeddings.parquet to write.
        text_column: column of the texts; None: guessed.
        label_column: column of the labels; None: guessed.
        id_column: column of the ids; None: guessed, else the row number.
        missing_labels: labels, with commas between them, that mean that there is none.
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        labels: labels.toml with what the classes mean.
        seed: seed.
        force: run even if nothing changed.
        bad_rows: "stop": a row that cannot be read is an error; "skip": it is left out and listed.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read, or the output cannot be written; another process writes
            in the run folder.
        ModelError: the encoder cannot be had.
        UsageError: the output is what is read, or another file of a run folder.
    """
    from noisefix.run.folder import lock_if_run
    from noisefix.tables.bad_rows import list_beside, write_bad_rows

    path = Path(output)
    names = path.parent / LABEL_NAMES_FILE
    _check_outputs(path, names, encoder, (data, labels))
    sheet = read_sheet(labels)
    dataset = read_dataset(
        data,
        text_column,
        label_column,
        id_column,
        stdin,
        needs_labels=False,
        missing_labels=missing_labels,
        bad_rows=bad_rows,
    )
    with lock_if_run(path.parent, "noisefix embed"):
        report = embed_into(dataset, path, encoder, precision, device, seed, force, progress)
        named = embed_names(path, names, report, sheet, device, seed, force)
    listed = write_bad_rows(dataset.source.bad, list_beside(path))
    outputs = report.outputs if named is None else report.outputs | named.outputs
    return EmbedResult(
        **vars(replace(report, outputs=outputs)),
        notes=dataset.notes + listed,
        warnings=dataset.warnings + sheet_warnings(sheet, report) + truncation_warning(report),
    )


def _check_outputs(
    path: Path, names: Path, encoder: str, inputs: tuple[str | Path | None, ...]
) -> None:
    from noisefix.detection.label_names import WORDLESS_ENCODERS
    from noisefix.run.outputs import check_ours, check_output

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
    data: str | Path,
    text_column: str | None,
    label_column: str | None,
    id_column: str | None,
    stdin: BinaryIO | None,
    *,
    needs_labels: bool,
    missing_labels: str | None = None,
    bad_rows: str = "stop",
) -> Dataset:
    """Read a table and find its columns; without ``needs_labels`` it may have no label column."""
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    return load_dataset(
        read_source(data, stdin, bad_rows=bad_rows),
        text_column=text_column,
        label_column=label_column,
        id_column=id_column,
        needs_labels=needs_labels,
        missing_labels=missing_labels,
    )


def embed_into(
    dataset: Dataset,
    path: Path,
    encoder: str,
    precision: str,
    device: str,
    seed: int,
    force: bool,
    progress: ProgressCallback | None,
) -> StageReport:
    """Embed a data set into a file."""
    from noisefix.detection.embed_stage import EmbedParams, embed_dataset

    params = EmbedParams(encoder=encoder, precision=precision, device=device)
    return embed_dataset(dataset, path, params, seed=seed, force=force, progress=progress)


def embed_names(
    embeddings: Path,
    output: Path,
    embedded: StageReport,
    sheet: LabelSheet | None,
    device: str,
    seed: int,
    force: bool,
) -> StageReport | None:
    """Embed the label names with the same encoder; None where that has no meaning."""
    from noisefix.detection.label_names import STAGE, WORDLESS_ENCODERS, LabelNamesParams

    encoder = embedded.parameters["encoder"]
    if encoder in WORDLESS_ENCODERS or not embedded.results.get("class_names"):
        return None
    described = (
        ()
        if sheet is None
        else tuple(
            (name, label.description) for name, label in sheet.labels.items() if label.description
        )
    )
    params = LabelNamesParams(
        encoder=encoder,
        precision=embedded.parameters["precision"],
        device=device,
        descriptions=described,
    )
    return run_stage(
        STAGE, {"embeddings": embeddings}, {"label_names": output}, params, seed=seed, force=force
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
        return ("--labels has no effect here: tfidf does not know what words mean",)
    return tuple(validate(sheet.labels, embedded.results["class_names"]))


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
