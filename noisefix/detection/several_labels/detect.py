"""``detect`` where a row has several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.cluster.choose import chosen_executor
from noisefix.detection.embed import ProgressCallback, embed_into, truncation_warning
from noisefix.detection.encoder_limits import language_warning
from noisefix.detection.findings import DetectResult, SetsSummary, class_rows, top_rows
from noisefix.detection.given_vectors import given_views, read_given
from noisefix.detection.joint import stage_outputs, verdict_warnings
from noisefix.detection.open_run import list_note, open_run
from noisefix.detection.options import DetectOptions
from noisefix.errors import UsageError
from noisefix.options import described
from noisefix.run.decisions import read_decisions
from noisefix.run.folder import RunFolder
from noisefix.run.parquet import read_table
from noisefix.run.schemas import CLASSES_TABLE, ISSUES
from noisefix.run.stage import StageReport, record, run_stage
from noisefix.tables.atomic import write_error

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.tables.dataset import Dataset

_OF_ONE_LABEL = (
    *("pred_probs", "class_shares", "filter_by", "trusted_column", "decisions"),
    *("unverified_class", "ordinal", "against", "labels", "not_column"),
    *("order_column", "group_column", "annotator_columns", "annotations"),
)
"""Options that have no meaning yet where a row has several labels."""

_TABLES_OF_ONE = (
    *("label_names", "joint", "pairs", "duplicates", "deciding", "annotators", "annotations"),
    *("candidates", "relabels", "against", "across"),
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
    from noisefix.detection.several_labels.stage import STAGE

    check_options(options)
    _check_undecided(folder)
    params = _params(dataset, options)
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
        judged = run_stage(
            STAGE,
            {"embeddings": run.embeddings},
            stage_outputs(STAGE, run.path),
            params,
            seed=seed,
            force=force,
            progress=progress,
            in_memory={"labels": _labels(dataset)},
        )
        record(run.path, judged)
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


def _check_undecided(folder: RunFolder) -> None:
    """Refuse a run folder in which people have decided on rows of one label each."""
    if read_decisions(folder.decisions):
        raise UsageError(
            f"{folder.decisions}: people have decided on rows with one label each, and now they "
            "have several",
            "name another run folder with -o",
        )


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


def _params(dataset: Dataset, options: DetectOptions) -> Any:
    from noisefix.detection.several_labels.stage import SetParams

    return SetParams(
        names=dataset.class_names,
        n_folds=options.n_folds,
        n_neighbors=options.n_neighbors,
        device=options.device,
        labelled_by=options.labelled_by,
        flag_precision=options.flag_precision,
        flag_top=options.flag_top,
        one_sided=options.one_sided,
    )


def _labels(dataset: Dataset) -> pa.Table:
    """Return id and the list of labels of every row, null where it is unlabelled."""
    import numpy as np
    import pyarrow as pa

    sets = dataset.sets
    if sets is None:
        raise TypeError("the rows have one label each")
    labels = [
        [sets.names[k] for k in np.flatnonzero(row)] if known else None
        for row, known in zip(sets.given, sets.labelled.tolist(), strict=True)
    ]
    ids = pa.array(dataset.ids, pa.string())
    return pa.table({"id": ids, "labels": pa.array(labels, pa.list_(pa.string()))})


def _read(
    run: RunFolder,
    dataset: Dataset,
    reports: tuple[StageReport, StageReport],
    *,
    notes: tuple[str, ...],
    warnings: tuple[str, ...],
) -> DetectResult:
    embedded = reports[0]
    issues, provenance = read_table(run.issues, ISSUES, [*_COLUMNS, "rank", "is_trusted"])
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
