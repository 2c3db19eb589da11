"""``detect`` where a row has several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cluster.choose import chosen_executor
from noisefix.detection.decided import with_decisions
from noisefix.detection.embed import ProgressCallback, embed_into, truncation_warning
from noisefix.detection.encoder_limits import language_warning
from noisefix.detection.findings import DetectResult, SetsSummary
from noisefix.detection.given_vectors import given_views, read_given
from noisefix.detection.joint import stage_outputs, verdict_warnings
from noisefix.detection.open_run import list_note, open_run
from noisefix.detection.options import DetectOptions
from noisefix.detection.read_findings import class_rows, top_rows
from noisefix.errors import DataError, UsageError
from noisefix.options import described
from noisefix.run.answers import read_verdicts
from noisefix.run.decisions import import_decisions, read_decisions, read_said
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.record import recorded_reading
from noisefix.run.rejected import refuse_rejections
from noisefix.run.schemas import CLASSES_TABLE
from noisefix.run.stage import StageReport, record, run_stage
from noisefix.tables.atomic import write_error

if TYPE_CHECKING:
    from noisefix.detection.several_labels.stage import SetParams
    from noisefix.tables.dataset import Dataset

_OF_ONE_LABEL = (
    *("pred_probs", "class_shares", "filter_by", "trusted_column"),
    *("unverified_class", "ordinal", "against", "labels", "not_column"),
    *("order_column", "group_column", "annotator_columns", "annotations", "pair_columns"),
)
"""Options that have no meaning yet where a row has several labels."""

_TABLES_OF_ONE = (
    *("label_names", "joint", "pairs", "duplicates", "deciding", "annotators", "annotations"),
    *("candidates", "relabels", "rewrites", "contrast_pairs", "against", "across", "matches"),
)
_SAME_FACTS = (
    *("rows", "labelled", "noise_rate", "noise_rate_low", "noise_rate_high"),
    *("flagged_wrong", "flagged_wrong_low", "flagged_wrong_high", "labelled_by", "verdict"),
    *("duplicate_conflicts", "can_relabel", "relabel_reason"),
)
_COLUMNS = ("id", "row_number", "text", "given_label", "suggested_label", "p_error", "reasons")


def check_options(options: DetectOptions) -> None:
    """Refuse what has no meaning where a row has several labels.

    Raises:
        UsageError: an option is given that is about one label a row.
    """
    reading = "--multi-label" if options.multi_label is not None else "--label-columns"
    for name, (_, option) in described(DetectOptions).items():
        if name in _OF_ONE_LABEL and getattr(options, name) is not None:
            raise UsageError(
                f"{option.flag.split()[0]} is for tables with one label a row, and {reading} says "
                "that rows have several",
                "leave one of both out",
            )
    if options.embeddings is not None and len(given_views(options.embeddings)) > 1:
        raise UsageError(
            f"--embeddings: two kinds of vectors cannot be used with {reading}", "give one"
        )


def detect_sets(
    dataset: Dataset,
    folder: RunFolder,
    options: DetectOptions,
    progress: ProgressCallback | None,
) -> DetectResult:
    """Judge every label of a table with several labels a row; see ``detect``.

    Args:
        dataset: the table, with its label sets.
        folder: run folder to make.
        options: of ``detect``.
        progress: called with how far it has come.

    Raises:
        DataError: the data cannot be judged, or the run folder cannot be used.
        UsageError: an option is out of range, or is about one label a row.
    """
    from noisefix.detection.several_labels.stage import SetParams

    check_options(options)
    check_undecided(folder, several_labels=True)
    said = read_said(options.decisions)
    refuse_rejections(said, options.decisions)
    params = options.shared_with(SetParams, names=dataset.class_names)
    given = read_given(options.embeddings, dataset)
    folder.make()
    seed, force = options.seed, options.force
    with folder.lock("noisefix detect"), chosen_executor(options, folder.path) as executor:
        run, notes = open_run(dataset, folder.path, force)
        remove_tables(run, several_labels=True)
        (embedded,) = embed_into(
            dataset,
            run.embeddings,
            None,
            options,
            force,
            progress,
            given=given,
            executor=executor,
        )
        import_decisions(run.decisions, said)
        judged = judge_sets_into(run, params, seed=seed, force=force, progress=progress)
    return _read(
        run,
        dataset,
        (embedded, judged),
        notes=dataset.notes + notes + list_note(run, dataset),
        warnings=dataset.warnings
        + truncation_warning(embedded)
        + verdict_warnings(judged)
        + language_warning(dataset.texts, str(embedded.parameters["encoder"])),
    )


def check_undecided(folder: RunFolder, *, several_labels: bool) -> None:
    """Refuse a run folder in which people have decided on rows of the other kind.

    Args:
        folder: where the run is to be.
        several_labels: a row has several labels now.

    Raises:
        UsageError: they have.
        DataError: the folder cannot be read.
    """
    if not folder.run_json.is_file() or not read_decisions(folder.decisions):
        return
    try:
        before = folder.read()["input"]
    except DataError:  # a broken one is written anew, or refused, later on
        return
    if not before or (recorded_reading(before) is not None) == several_labels:
        return
    one, several = "one label each", "several labels each"
    was, now = (one, several) if several_labels else (several, one)
    raise UsageError(
        f"{folder.decisions}: people have decided on rows with {was}, and now they have {now}",
        "name another run folder with -o",
    )


def judge_sets_into(
    run: RunFolder,
    params: SetParams,
    *,
    seed: int,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> StageReport:
    """Judge the labels of an embedded run in the light of what people have decided in it.

    Args:
        run: the run folder, locked by the caller.
        params: of the stage; labels that only a person has named come to its classes.
        seed: seed of the folds.
        force: judge even if nothing changed.
        progress: called as the labels are done.

    Raises:
        DataError: a table cannot be read or written.
    """
    from noisefix.detection.several_labels.stage import STAGE, with_said_names

    more = with_decisions({}, run, run.embeddings)
    judged = run_stage(
        STAGE,
        {"embeddings": run.embeddings},
        stage_outputs(STAGE, run.path),
        with_said_names(params, more.get("decided")),
        seed=seed,
        force=force,
        progress=progress,
        in_memory={name: table for name, table in more.items() if name == "decided"},
    )
    record(run.path, judged)
    return judged


def remove_tables(run: RunFolder, *, several_labels: bool) -> None:
    """Remove the tables that only the other kind of data has: they are of an earlier reading.

    Args:
        run: the folder.
        several_labels: which kind its input is of now.

    Raises:
        DataError: a file cannot be removed.
    """
    for name in _TABLES_OF_ONE if several_labels else ("label_issues",):
        path = run.path / f"{name}.parquet"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(error, path) from error


def _read(
    run: RunFolder,
    dataset: Dataset,
    reports: tuple[StageReport, StageReport],
    *,
    notes: tuple[str, ...],
    warnings: tuple[str, ...],
) -> DetectResult:
    embedded = reports[0]
    issues, provenance = read_verdicts(run, [*_COLUMNS, "rank", "is_trusted"])
    classes, _ = read_table(run.classes, CLASSES_TABLE)
    facts = provenance.results
    return DetectResult(
        run=run.path,
        input_name=dataset.source.name,
        n_issues=facts["issues"],
        unlabelled=facts["rows"] - facts["labelled"],
        classes=provenance.class_names,
        encoder=str(embedded.results.get("encoder")),
        class_rows=class_rows(classes),
        pairs=(),
        top=top_rows(issues),
        several_labels=SetsSummary(**facts["several_labels"]),
        notes=notes,
        warnings=warnings,
        seconds={report.name: report.seconds for report in reports},
        skipped=tuple(report.name for report in reports if report.skipped),
        **{name: facts[name] for name in _SAME_FACTS},
    )
