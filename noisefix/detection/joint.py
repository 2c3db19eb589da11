"""``joint``: judge every label of an embeddings table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noisefix.cluster.choose import check_executor, chosen_executor
from noisefix.detection.annotations import parse_columns
from noisefix.detection.decided import with_decisions
from noisefix.detection.definitions import matching_note
from noisefix.detection.embed import ProgressCallback
from noisefix.detection.joint_sources import read_annotations, read_order, read_trusted
from noisefix.detection.open_run import refuse_sets
from noisefix.detection.options import JointOptions, JudgeOptions
from noisefix.detection.order_summary import order_said, unplaced_warning
from noisefix.detection.search_recall import recall_warnings
from noisefix.errors import DataError, UsageError
from noisefix.executors import IN_TURN, Executor
from noisefix.options import takes
from noisefix.run.decisions import import_decisions, read_said
from noisefix.run.files import lock_if_run
from noisefix.run.folder import RunFolder
from noisefix.run.stage import Stage, StageReport, record, run_stage

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.joint_stage import JointParams


@dataclass(frozen=True)
class JointResult(StageReport):
    """What came of ``joint``: the stage's report, what to tell, and what a person should know."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(JointOptions)
def joint(
    embeddings: str | Path,
    output: str | Path | None = None,
    *,
    options: JointOptions,
    progress: ProgressCallback | None = None,
) -> JointResult:
    """Judge every label of an embeddings table.

    Args:
        embeddings: embeddings.parquet, or a run folder with it; ``label_names.parquet`` beside it
            is used where it is of these embeddings, ``matches.parquet`` likewise.
        output: folder for issues, joint, classes, pairs, duplicates and deciding; None: the run
            folder.
        options: what was chosen; its fields may be named one by one instead.
        progress: called with how far it has come.

    Raises:
        DataError: a table is not what it should be, or another process writes in the run folder.
        UsageError: an option is out of range; a table to be written is an input, or a file that is
            not noisefix's has its name.
    """
    from noisefix.detection.joint_stage import STAGE

    check_executor(options)
    params = joint_params(options, options.device)
    data, trusted_column = options.data, options.trusted_column
    columns = parse_columns(options.annotator_columns)
    source, folder = _paths(Path(embeddings), output)
    outputs = stage_outputs(STAGE, folder)
    _check_outputs(folder, outputs, _inputs(embeddings, options))
    more = read_own_probs(options.pred_probs)
    about = (data, options.id_column, options.bad_rows)
    if trusted_column is not None:
        more["trusted"] = read_trusted(source, trusted_column, *about)
    if options.order_column is not None:
        more["order"] = read_order(source, options.order_column, options.group_column, *about)
    if data is not None and not (trusted_column or options.order_column or columns):
        raise UsageError(
            "--data names a table, but no column of it",
            "name columns with --trusted-column, --order-column or --annotator-columns",
        )
    refuse_sets(source)
    _check_classes(source, params)
    said = read_said(options.decisions)
    answers = read_annotations(source, columns, options)
    if answers is not None:
        more["annotations"] = answers.table
    if source.is_file():  # else there is nothing to write, and no folder to leave behind
        _make_folder(folder)
    import_decisions(RunFolder(folder).decisions, said)
    with lock_if_run(folder, "noisefix joint"), chosen_executor(options, folder) as executor:
        report = judge_into(
            folder, source, params, more, options.seed, options.force, progress, executor
        )
    told = () if answers is None else answers.warnings
    by_order = order_said(report.results["order"])
    return JointResult(
        **vars(report),
        notes=matching_note(report.results) + (() if by_order is None else (by_order,)),
        warnings=told
        + _no_text_warning(report)
        + verdict_warnings(report)
        + recall_warnings(report),
    )


def _inputs(embeddings: str | Path, options: JointOptions) -> tuple[str | Path | None, ...]:
    return (
        embeddings,
        options.pred_probs,
        options.data,
        options.decisions,
        options.annotations,
    )


def _check_classes(source: Path, params: JointParams) -> None:
    """Say, before anything is written, where what is known is of a class that is not there."""
    if params.unverified_class is None and not params.class_shares:
        return
    from noisefix.detection.user_knowledge import known_class, known_shares
    from noisefix.labels import class_names
    from noisefix.run.parquet import read_table
    from noisefix.run.schemas import EMBEDDINGS

    rows, _ = read_table(source, EMBEDDINGS, ("given_label",))
    names = class_names(rows["given_label"].to_pylist())
    known_shares(params.class_shares, names)
    known_class("--unverified-class", params.unverified_class, names)


def judge_into(
    folder: Path,
    embeddings: Path,
    params: JointParams,
    more: Mapping[str, pa.Table],
    seed: int,
    force: bool,
    progress: ProgressCallback | None,
    executor: Executor = IN_TURN,
) -> StageReport:
    """Judge an embeddings table into a folder, and record it if that is a run folder.

    Args:
        folder: where the tables go.
        embeddings: the table; what ``tables_beside`` finds is used.
        params: options.
        more: the user's own probabilities, and verified rows, named as the stage knows them.
        seed: seed.
        force: run even if nothing changed.
        progress: called with how far it has come.
        executor: who looks for neighbours among many rows; changes no byte.
    """
    from noisefix.detection.joint_stage import STAGE

    more = with_decisions(more, RunFolder(folder), embeddings)
    report = run_stage(
        replace(STAGE, run=partial(STAGE.run, executor=executor)),
        {"embeddings": embeddings, **tables_beside(embeddings)},
        stage_outputs(STAGE, folder),
        params,
        seed=seed,
        force=force,
        progress=progress,
        in_memory=more,
    )
    record(folder, report)
    return report


def _paths(embeddings: Path, output: str | Path | None) -> tuple[Path, Path]:
    """Return the table and the folder to write into, which a run folder is by itself."""
    if embeddings.is_dir():
        run = RunFolder.open(embeddings, fresh=())
        return run.embeddings, run.path if output is None else Path(output)
    if not embeddings.exists():
        raise DataError(f"{embeddings}: no such file or run folder", "noisefix embed makes one")
    if output is None:
        raise UsageError(
            f"{embeddings}: is no run folder, and -o DIR is missing",
            "name a run folder, or EMBEDDINGS -o DIR",
        )
    return embeddings, Path(output)


def verdict_warnings(judged: StageReport) -> tuple[str, ...]:
    """Say which verdicts there are none of, or are less sure than usual."""
    return (
        _lone_classes_warning(judged)
        + _all_trusted_warning(judged)
        + unplaced_warning(judged.results["order"])
        + recall_warnings(judged)
    )


def _all_trusted_warning(judged: StageReport) -> tuple[str, ...]:
    labelled, noise = judged.results["labelled"], judged.results["noise_rate"]
    if judged.results["trusted"] < labelled or noise > 0:
        return ()
    return (
        f"--trusted-column: all {labelled:,} labelled rows are verified as they are, so that there "
        "is nothing to find; is it a copy of the labels?",
    )


def _lone_classes_warning(judged: StageReport) -> tuple[str, ...]:
    """Say which classes have nothing that their rows could be compared with."""
    count, names = judged.results["lone_classes"], judged.results["lone_class_names"]
    if not count:
        return ()
    which = "1 class has" if count == 1 else f"{count:,} classes have"
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return (
        f"{which} only one or two rows with a text, or only (nearly) the same text "
        f"({', '.join(map(repr, names))}{more}): too little to compare them with, so that their "
        "labels get no verdict",
    )


def _no_text_warning(judged: StageReport) -> tuple[str, ...]:
    count = judged.results["no_text"]
    noun = "row has" if count == 1 else "rows have"
    return (f"{count:,} {noun} no text, and get no verdict",) if count else ()


def _check_outputs(
    folder: Path, outputs: Mapping[str, Path], inputs: Iterable[str | Path | None]
) -> None:
    from noisefix.run.outputs import check_ours, check_run_outputs

    check_run_outputs(folder, (path.name for path in outputs.values()), inputs)
    if not RunFolder(folder).run_json.exists():
        for name, path in outputs.items():
            check_ours(path, name)


def joint_params(options: JudgeOptions, device: str, *, given_by_vote: bool = False) -> JointParams:
    """Return the stage's parameters.

    Raises:
        UsageError: an option is out of range, or does not go with the others.
    """
    from noisefix.detection.joint_stage import DEFAULT_VERDICT, JointParams

    if options.group_column is not None and options.order_column is None:
        raise UsageError(
            f"--group-column {options.group_column}: says where an order begins and ends, but "
            "there is none",
            "name the column with the order within a group with --order-column",
        )
    return options.shared_with(
        JointParams,
        filter_by=DEFAULT_VERDICT if options.filter_by is None else options.filter_by,
        class_shares=_parse_shares(options.class_shares),
        device=device,
        given_by_vote=given_by_vote,
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


def read_own_probs(given: Any) -> dict[str, pa.Table]:
    """Read --pred-probs, named as the stage knows it; nothing where there are none.

    Args:
        given: a file; from Python also an (N, K) array in class order, or a table.
    """
    if given is None:
        return {}
    from noisefix.tables.memory import is_path, table_source
    from noisefix.tables.numpy_file import is_numpy, matrix_table, read_matrix
    from noisefix.tables.source import read_source
    from noisefix.tables.vectors import as_matrix

    if not is_path(given):
        if hasattr(given, "columns") or hasattr(given, "column_names"):
            return {"pred_probs": table_source(given).table}
        return {"pred_probs": matrix_table(as_matrix(given, "pred_probs"))}
    if is_numpy(given):
        return {"pred_probs": read_matrix(given)}
    return {"pred_probs": read_source(given).table}


def tables_beside(embeddings: Path) -> dict[str, Path]:
    """Return the tables beside an embeddings table that it is judged with, by the stage's name."""
    beside = RunFolder(embeddings.parent)
    found = {"label_names": beside.label_names, "matches": beside.matches}
    return {name: path for name, path in found.items() if is_made_from(path, embeddings)}


def is_made_from(names: Path, embeddings: Path) -> bool:
    """Say whether a table is of these embeddings, not of an encoder used before."""
    from noisefix.run.parquet import is_foreign, read_provenance
    from noisefix.tables.atomic import sha256_file

    if not (names.is_file() and embeddings.is_file()):
        return False
    if is_foreign(names):
        return True
    return read_provenance(names).inputs.get("embeddings") == sha256_file(embeddings)


def stage_outputs(stage: Stage, folder: Path) -> dict[str, Path]:
    """Return where a stage writes its tables in a folder."""
    return {name: folder / f"{name}.parquet" for name in stage.writes}


def _make_folder(folder: Path) -> None:
    from noisefix.tables.atomic import write_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise DataError(
            f"{folder}: a file is in the way of the folder", "choose another folder with -o"
        ) from None
    except OSError as error:
        raise write_error(error, folder) from error
