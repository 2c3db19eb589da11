"""``detect``: embed, joint and candidates in one go, and what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from noisefix.cluster.choose import check_executor, chosen_executor
from noisefix.detection.across import compare_with, read_across, read_other
from noisefix.detection.annotated import read_annotated
from noisefix.detection.candidates import candidates_into
from noisefix.detection.definitions import matching_note
from noisefix.detection.embed import (
    ProgressCallback,
    embed_into,
    read_sheet,
    sheet_warnings,
    truncation_warning,
)
from noisefix.detection.encoder_limits import calibration_note, language_warning
from noisefix.detection.findings import DetectResult
from noisefix.detection.given_vectors import check_alone, given_files, read_given
from noisefix.detection.in_memory import TemporaryRun, rows_in_memory
from noisefix.detection.joint import joint_params, judge_into, read_own_probs, verdict_warnings
from noisefix.detection.not_column import not_labels
from noisefix.detection.open_run import list_note, open_run
from noisefix.detection.options import CandidatesOptions, DetectOptions
from noisefix.detection.pair_columns import match_into, pair_warnings, pairs_of, read_pairs
from noisefix.detection.read_findings import read_detection
from noisefix.detection.rejected import SAID
from noisefix.detection.search_recall import recall_warnings
from noisefix.detection.several_labels.detect import (
    check_options,
    check_undecided,
    detect_sets,
    remove_tables,
)
from noisefix.options import takes
from noisefix.run.decisions import import_decisions, read_said
from noisefix.run.files import TABLE_NAMES
from noisefix.run.folder import RunFolder, default_run_path
from noisefix.run.outputs import check_run_outputs
from noisefix.run.stage import StageReport

if TYPE_CHECKING:
    from noisefix.detection.annotations import Annotations
    from noisefix.detection.given_vectors import GivenVectors
    from noisefix.detection.joint_params import JointParams
    from noisefix.detection.pair_columns import Pairs
    from noisefix.label_descriptions import LabelSheet
    from noisefix.run.decisions import PersonDecision
    from noisefix.tables.dataset import Dataset

_FEW_ROWS = 100


@takes(DetectOptions)
def detect(
    data: Any = None,
    output: str | Path | None = None,
    *,
    texts: Sequence[Any] | None = None,
    ids: Sequence[Any] | None = None,
    options: DetectOptions,
    progress: ProgressCallback | None = None,
    stdin: BinaryIO | None = None,
) -> DetectResult:
    """Find the wrong labels of a table, and say why: embed, joint and candidates in one go.

    Args:
        data: the table, or several files, as for ``read_source``; "-": CSV on standard input; or a
            table in memory: a DataFrame of pandas or polars, an Arrow table, a Hugging Face
            ``Dataset``. May be left out where ``texts`` are named, or ``labels`` and
            ``embeddings``.
        output: run folder; None: NAME.noisefix beside the input, and for what lies in memory a
            temporary folder that is there as long as the result.
        texts: (N,) texts, with ``labels`` beside them, instead of ``data``.
        ids: (N,) unique ids of these rows; None: row numbers.
        options: what was chosen; its fields may be named one by one instead. Without ``data``,
            ``labels`` are the (N,) labels, unless they are named as a file.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read or judged, or the run folder cannot be used.
        ModelError: the encoder cannot be had.
        UsageError: an option is out of range.
    """
    rows, index, options = rows_in_memory(data, texts, ids, options)
    kept = None if rows is None or output is not None else TemporaryRun()
    if kept is not None:
        output = kept.path
    folder = RunFolder(default_run_path(data) if output is None else output)
    _check(folder, data if rows is None else None, options)
    known = _Known(
        sheet=read_sheet(options.labels),
        more=read_own_probs(options.pred_probs),
        said=read_said(options.decisions),
    )
    table, pair = data if rows is None else rows, None
    if options.pair_columns is not None:
        table, options, pair = read_pairs(table, options, stdin)
    dataset, answers = read_annotated(table, options, stdin)
    if dataset.sets is not None:
        found = detect_sets(dataset, folder, options, progress)
        return replace(found, index=index, kept=kept)
    check_undecided(folder, several_labels=False)
    if answers is not None:
        known.more["annotations"], known.answers = answers.table, answers
    by_vote = answers is not None and dataset.label_column is None
    params = joint_params(options, options.device, given_by_vote=by_vote)
    _add_known(known, dataset, options, params)
    known.pairs = None if pair is None else pairs_of(dataset, pair)
    found = _detected(dataset, folder, options, params, known, progress)
    return replace(found, index=index, kept=kept)


@dataclass
class _Known:
    """What is known beside the rows, read and checked before the long work.

    Attributes:
        sheet: what the classes mean.
        more: tables for the joint stage, by name.
        said: people's decisions.
        given: the user's own vectors.
        other: the table to compare with.
        pairs: pairs of texts.
        answers: what annotators say.
        not_warnings: what is to be said of the labels that rows are not.
    """

    sheet: LabelSheet | None
    more: dict[str, Any]
    said: tuple[PersonDecision, ...]
    given: GivenVectors | None = None
    other: Dataset | None = None
    pairs: Pairs | None = None
    answers: Annotations | None = None
    not_warnings: tuple[str, ...] = ()


def _check(folder: RunFolder, data: Any, options: DetectOptions) -> None:
    """Refuse what can be refused before the table is read."""
    check_run_outputs(
        folder.path,
        (*TABLE_NAMES, "run.json"),
        (
            *(data, options.labels, options.label_map),
            *(options.pred_probs, options.decisions, options.against, options.annotations),
            *given_files(options.embeddings),
        ),
    )
    several = options.multi_label is not None or options.label_columns is not None
    if several:
        check_options(options)
    check_alone(options.embeddings, options.encoder, options.against)
    check_executor(options)
    if not several:
        joint_params(options, options.device)


def _add_known(
    known: _Known, dataset: Dataset, options: DetectOptions, params: JointParams
) -> None:
    """Read what is known of the rows; what does not fit is said before the long work."""
    from noisefix.detection.order import order_rows
    from noisefix.detection.own_probs import own_probs
    from noisefix.detection.user_knowledge import known_class, known_order, known_shares
    from noisefix.detection.verified import trusted_rows
    from noisefix.labels import check_class_count, encode_labels
    from noisefix.probing.judgeable import check_comparable

    known.given = read_given(options.embeddings, dataset)
    names = dataset.class_names
    n_labelled = sum(label is not None for label in dataset.given_labels)
    column = dataset.label_column
    where = f"{dataset.source.name}, " + (f"column {column!r}" if column else "the consensus")
    check_class_count(len(names), n_labelled, where)
    check_comparable(encode_labels(dataset.given_labels, names), dataset.texts, len(names))
    known_shares(params.class_shares, names)
    known_class("--unverified-class", params.unverified_class, names)
    known_order(params.ordinal, names)
    more = known.more
    if options.pred_probs is not None:
        own_probs(more["pred_probs"], dataset.ids, names)
    if options.trusted_column is not None:
        more["trusted"] = trusted_rows(dataset, options.trusted_column)
    if options.not_column is not None:
        more[SAID], known.not_warnings = not_labels(dataset, options.not_column)
    if options.order_column is not None:
        more["order"] = order_rows(dataset, options.order_column, options.group_column)
    if options.against is not None:
        known.other = read_other(dataset, options, options.against)


def _detected(
    dataset: Dataset,
    folder: RunFolder,
    options: DetectOptions,
    params: JointParams,
    known: _Known,
    progress: ProgressCallback | None,
) -> DetectResult:
    """Run the stages, and read what they found."""
    seed, force, other, answers = options.seed, options.force, known.other, known.answers
    folder.make()
    with folder.lock("noisefix detect"), chosen_executor(options, folder.path) as executor:
        run, notes = open_run(dataset, folder.path, force)
        remove_tables(run, several_labels=False)
        import_decisions(run.decisions, known.said)
        embedded, *named = embed_into(
            dataset,
            run.embeddings,
            known.sheet,
            options,
            force,
            progress,
            given=known.given,
            executor=executor,
        )
        matched = match_into(run, known.pairs, options, progress, executor)
        judged = judge_into(
            run.path, run.embeddings, params, known.more, seed, force, progress, executor
        )
        retrieved = candidates_into(
            run.embeddings,
            run.issues,
            run.candidates,
            options.shared_with(CandidatesOptions),
            progress,
            executor,
        )
        reports = [embedded, *named, *matched, judged, retrieved]
        if other is not None:
            reports += compare_with(other, run, options, progress, executor)
    encoder = str(embedded.parameters["encoder"])
    return read_detection(
        run,
        input_name=dataset.source.name,
        encoder=str(embedded.results.get("encoder", options.encoder)),
        across=None if other is None else read_across(run, other),
        notes=dataset.notes
        + notes
        + _order_note(known.more, dataset.class_names)
        + (() if answers is None else answers.notes)
        + list_note(run, dataset)
        + matching_note(judged.results)
        + calibration_note(encoder, judged.results["learned_from"]),
        warnings=dataset.warnings
        + known.not_warnings
        + sheet_warnings(known.sheet, embedded)
        + truncation_warning(embedded)
        + (() if answers is None else answers.warnings)
        + verdict_warnings(judged)
        + pair_warnings(matched)
        + language_warning(dataset.texts, encoder)
        + _few_rows_warning(judged)
        + recall_warnings(retrieved),
        seconds={report.name: report.seconds for report in reports},
        skipped=tuple(report.name for report in reports if report.skipped),
    )


def _order_note(more: dict[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    from noisefix.detection.own_probs import is_in_class_order

    if "pred_probs" not in more or not is_in_class_order(more["pred_probs"]):
        return ()
    return (f"the columns of --pred-probs are taken to be, in order: {', '.join(names)}",)


def _few_rows_warning(judged: StageReport) -> tuple[str, ...]:
    n_judged = judged.results["judged"]
    if n_judged >= _FEW_ROWS:
        return ()
    return (
        f"only {n_judged} labelled rows can be judged: what is said of them rests more on "
        "experience with other data sets than on these rows",
    )
