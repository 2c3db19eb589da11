"""Stages in their order: the recipes behind ``embed``, ``joint``, ``candidates`` and ``detect``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.detection import ClassSummary, DetectResult, IssueRow, PairSummary, read_detection
from noisefix.errors import DataError, UsageError
from noisefix.stages.base import Stage, StageReport, run_stage
from noisefix.tables.run_folder import RunFolder, default_run_path

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.label_descriptions import LabelSheet
    from noisefix.stages.joint import JointParams
    from noisefix.tables.dataset import Dataset

DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LABEL_NAMES_FILE = "label_names.parquet"

ProgressCallback = Callable[[Any], None]

__all__ = [
    "ClassSummary",
    "DetectResult",
    "EmbedResult",
    "IssueRow",
    "PairSummary",
    "candidates",
    "detect",
    "embed",
    "joint",
]


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
    encoder: str = DEFAULT_ENCODER,
    precision: str = "auto",
    device: str = "auto",
    labels: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
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
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        labels: labels.toml with what the classes mean.
        seed: seed.
        force: run even if nothing changed.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read, or the output cannot be written.
        ModelError: the encoder cannot be had.
    """
    sheet = _read_sheet(labels)
    dataset = _read(data, text_column, label_column, id_column, stdin, needs_labels=False)
    path = Path(output)
    report = _embed(dataset, path, encoder, precision, device, seed, force, progress)
    named = _embed_names(path, path.parent / LABEL_NAMES_FILE, report, sheet, device, seed, force)
    outputs = report.outputs if named is None else report.outputs | named.outputs
    return EmbedResult(
        **vars(replace(report, outputs=outputs)),
        notes=dataset.notes,
        warnings=dataset.warnings + _sheet_warnings(sheet, report) + _truncation_warning(report),
    )


def joint(
    embeddings: str | Path,
    output: str | Path,
    *,
    pred_probs: str | Path | None = None,
    class_shares: str | None = None,
    filter_by: str | None = None,
    n_folds: int = 5,
    n_neighbors: int = 10,
    device: str = "auto",
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Judge every label of an embeddings table.

    Args:
        embeddings: embeddings.parquet; ``label_names.parquet`` beside it is used where it is of
            these embeddings.
        output: folder for issues, joint, classes, pairs and duplicates.
        pred_probs: table with the user's own out-of-sample probabilities, a column a class.
        class_shares: true shares the user knows, as "name=share,name=share".
        filter_by: what flags a row; None: p_error of at least 0.5.
        n_folds: folds of the out-of-fold probabilities.
        n_neighbors: neighbours quoted in the reasons.
        device: "auto", "cpu", "cuda" or "mps", for the neighbour search.
        seed: seed of folds and bootstrap.
        force: run even if nothing changed.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be.
        UsageError: an option is out of range.
    """
    from noisefix.stages.joint import STAGE

    params = _joint_params(n_folds, n_neighbors, filter_by, class_shares, device)
    source = Path(embeddings)
    names = source.parent / LABEL_NAMES_FILE
    has_names = _is_made_from(names, source)
    folder = Path(output)
    if source.is_file():  # else there is nothing to write, and no folder to leave behind
        _make_folder(folder)
    return run_stage(
        STAGE,
        {"embeddings": source} | ({"label_names": names} if has_names else {}),
        _outputs(STAGE, folder),
        params,
        seed=seed,
        force=force,
        progress=progress,
        in_memory=_own_probs(pred_probs),
    )


def candidates(
    embeddings: str | Path,
    issues: str | Path,
    output: str | Path,
    *,
    n_neighbors: int = 10,
    device: str = "auto",
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Find the labels that each row's clean neighbours make plausible.

    Args:
        embeddings: embeddings.parquet.
        issues: issues.parquet of the same rows.
        output: candidates.parquet to write.
        n_neighbors: neighbours in the clean pool that vote.
        device: "auto", "cpu", "cuda" or "mps".
        seed: seed.
        force: run even if nothing changed.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be.
    """
    from noisefix.stages.candidates import STAGE, CandidatesParams

    return run_stage(
        STAGE,
        {"embeddings": Path(embeddings), "issues": Path(issues)},
        {"candidates": Path(output)},
        CandidatesParams(n_neighbors=n_neighbors, device=device),
        seed=seed,
        force=force,
        progress=progress,
    )


def detect(
    data: str | Path,
    output: str | Path | None = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    encoder: str = DEFAULT_ENCODER,
    precision: str = "auto",
    device: str = "auto",
    labels: str | Path | None = None,
    pred_probs: str | Path | None = None,
    trusted_column: str | None = None,
    class_shares: str | None = None,
    filter_by: str | None = None,
    n_folds: int = 5,
    n_neighbors: int = 10,
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> DetectResult:
    """Find the wrong labels of a table, and say why: embed, joint and candidates in one go.

    Args:
        data: CSV, TSV, JSONL or Parquet file, or "-" for CSV on standard input.
        output: run folder; None: NAME.noisefix beside the input.
        text_column: column of the texts; None: guessed.
        label_column: column of the labels; None: guessed.
        id_column: column of the ids; None: guessed, else the row number.
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        labels: labels.toml with what the classes mean.
        pred_probs: table with the user's own out-of-sample probabilities, a column a class.
        trusted_column: column that says which rows a person has verified, or holds their label.
        class_shares: true shares the user knows, as "name=share,name=share".
        filter_by: what flags a row; None: p_error of at least 0.5.
        n_folds: folds of the out-of-fold probabilities.
        n_neighbors: neighbours that vote and are quoted.
        seed: seed.
        force: run every stage again, and take over the run folder of another input.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read or judged, or the run folder cannot be used.
        ModelError: the encoder cannot be had.
        UsageError: an option is out of range.
    """
    from noisefix.labels import class_names
    from noisefix.stages.joint import STAGE as JOINT_STAGE
    from noisefix.stages.joint import known_shares
    from noisefix.stages.own_probs import own_probs
    from noisefix.stages.trusted import trusted_rows

    params = _joint_params(n_folds, n_neighbors, filter_by, class_shares, device)
    sheet = _read_sheet(labels)
    more = _own_probs(pred_probs)
    dataset = _read(data, text_column, label_column, id_column, stdin, needs_labels=True)
    names = class_names(dataset.given_labels)
    known_shares(params.class_shares, names)  # what does not fit is said before the long work
    if pred_probs is not None:
        own_probs(more["pred_probs"], dataset.ids, names)
    if trusted_column is not None:
        more["trusted"] = trusted_rows(dataset, trusted_column)
    run, notes = _open_run(dataset, default_run_path(data) if output is None else output, force)

    embedded = _embed(dataset, run.embeddings, encoder, precision, device, seed, force, progress)
    named = _embed_names(run.embeddings, run.label_names, embedded, sheet, device, seed, force)
    judged = run_stage(
        JOINT_STAGE,
        {"embeddings": run.embeddings}
        | ({} if named is None else {"label_names": run.label_names}),
        _outputs(JOINT_STAGE, run.path),
        params,
        seed=seed,
        force=force,
        progress=progress,
        in_memory=more,
    )
    retrieved = candidates(
        run.embeddings,
        run.issues,
        run.candidates,
        n_neighbors=n_neighbors,
        device=device,
        seed=seed,
        force=force,
        progress=progress,
    )
    reports = [r for r in (embedded, named, judged, retrieved) if r is not None]
    for report in reports:
        _record(run, report)
    return read_detection(
        run,
        input_name=dataset.source.name,
        encoder=str(embedded.results.get("encoder", encoder)),
        notes=dataset.notes + notes,
        warnings=dataset.warnings
        + _sheet_warnings(sheet, embedded)
        + _truncation_warning(embedded),
        seconds={report.name: report.seconds for report in reports},
        skipped=tuple(report.name for report in reports if report.skipped),
    )


def _read(
    data: str | Path,
    text_column: str | None,
    label_column: str | None,
    id_column: str | None,
    stdin: BinaryIO | None,
    *,
    needs_labels: bool,
) -> Dataset:
    from noisefix.tables.dataset import load_dataset
    from noisefix.tables.source import read_source

    return load_dataset(
        read_source(data, stdin),
        text_column=text_column,
        label_column=label_column,
        id_column=id_column,
        needs_labels=needs_labels,
    )


def _open_run(dataset: Dataset, path: str | Path, force: bool) -> tuple[RunFolder, tuple[str, ...]]:
    """Open the run folder; the same file in a new state takes its own folder over."""
    source = dataset.source
    known: dict[str, Any] = {}
    folder = RunFolder(path)
    if folder.run_json.is_file():
        with suppress(*[DataError] * force):  # a broken one is written anew
            known = folder.read()["input"]
    same_file = source.path is not None and known.get("path") == str(source.path.absolute())
    has_changed = same_file and known.get("sha256") != source.sha256
    run = RunFolder.create(path, source, force=force or has_changed)
    run.set_input(
        source,
        text_column=dataset.text_column,
        label_column=dataset.label_column,
        id_column=dataset.id_column,
    )
    note = f"{source.name} has changed since the last run: everything is judged anew"
    return run, (note,) if has_changed else ()


def _embed(
    dataset: Dataset,
    path: Path,
    encoder: str,
    precision: str,
    device: str,
    seed: int,
    force: bool,
    progress: ProgressCallback | None,
) -> StageReport:
    from noisefix.stages.embed import EmbedParams, embed_dataset

    params = EmbedParams(encoder=encoder, precision=precision, device=device)
    return embed_dataset(dataset, path, params, seed=seed, force=force, progress=progress)


def _embed_names(
    embeddings: Path,
    output: Path,
    embedded: StageReport,
    sheet: LabelSheet | None,
    device: str,
    seed: int,
    force: bool,
) -> StageReport | None:
    """Embed the label names with the same encoder; None where that has no meaning."""
    from noisefix.stages.label_names import STAGE, WORDLESS_ENCODERS, LabelNamesParams

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


def _read_sheet(labels: str | Path | None) -> LabelSheet | None:
    from noisefix.label_descriptions import load_label_sheet

    return None if labels is None else load_label_sheet(Path(labels))


def _sheet_warnings(sheet: LabelSheet | None, embedded: StageReport) -> tuple[str, ...]:
    """Say what in the label sheet is of no use."""
    from noisefix.label_descriptions import validate
    from noisefix.stages.label_names import WORDLESS_ENCODERS

    if sheet is None or not embedded.results["class_names"]:
        return ()
    if embedded.parameters["encoder"] in WORDLESS_ENCODERS:
        return ("--labels has no effect here: tfidf does not know what words mean",)
    return tuple(validate(sheet.labels, embedded.results["class_names"]))


def _is_made_from(names: Path, embeddings: Path) -> bool:
    """Say whether the label names are of these embeddings, not of an encoder used before."""
    from noisefix.tables.atomic import sha256_file
    from noisefix.tables.parquet import read_provenance

    if not (names.is_file() and embeddings.is_file()):
        return False
    return read_provenance(names).inputs.get("embeddings") == sha256_file(embeddings)


def _joint_params(
    n_folds: int, n_neighbors: int, filter_by: str | None, class_shares: str | None, device: str
) -> JointParams:
    from noisefix.stages.joint import DEFAULT_VERDICT, JointParams

    return JointParams(
        n_folds=n_folds,
        n_neighbors=n_neighbors,
        filter_by=DEFAULT_VERDICT if filter_by is None else filter_by,
        class_shares=_parse_shares(class_shares),
        device=device,
    )


def _parse_shares(text: str | None) -> tuple[tuple[str, float], ...]:
    """Read "name=share,name=share"; names may hold an equals sign."""
    pairs = []
    for part in [] if text is None else text.split(","):
        name, _, share = part.rpartition("=")
        try:
            pairs.append((name.strip(), float(share)))
        except ValueError as error:
            raise UsageError(
                f"--class-shares: {part!r} is not NAME=SHARE", "for instance refund=0.1,billing=0.3"
            ) from error
    return tuple(sorted(pairs))


def _own_probs(path: str | Path | None) -> dict[str, pa.Table]:
    if path is None:
        return {}
    from noisefix.tables.source import read_source

    return {"pred_probs": read_source(path).table}


def _make_folder(folder: Path) -> None:
    from noisefix.tables.atomic import write_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error


def _outputs(stage: Stage, folder: Path) -> dict[str, Path]:
    return {name: folder / f"{name}.parquet" for name in stage.writes}


def _truncation_warning(report: StageReport) -> tuple[str, ...]:
    cut = report.results.get("n_truncated", 0)
    if not cut:
        return ()
    longer = "1 text is" if cut == 1 else f"{cut:,} texts are"
    return (
        f"{longer} longer than the encoder's {report.results.get('max_tokens')} tokens: "
        "only the beginning was read",
    )


def _record(run: RunFolder, report: StageReport) -> None:
    run.record_stage(
        report.name,
        parameters=report.parameters,
        seed=report.seed,
        inputs=report.inputs,
        outputs={name: path.name for name, path in report.outputs.items()},
        seconds=report.seconds,
    )
