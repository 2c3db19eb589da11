"""``detect``: embed, joint and candidates in one go, and what they found."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from noisefix.detection.candidates import candidates
from noisefix.detection.embed import (
    DEFAULT_ENCODER,
    ProgressCallback,
    embed_into,
    read_dataset,
    read_sheet,
    sheet_warnings,
    truncation_warning,
)
from noisefix.detection.encoder_limits import calibration_note, language_warning
from noisefix.detection.findings import DetectResult, read_detection
from noisefix.detection.joint import joint_params, judge_into, read_own_probs, verdict_warnings
from noisefix.detection.open_run import list_note, open_run
from noisefix.run.folder import TABLE_NAMES, RunFolder, default_run_path
from noisefix.run.outputs import check_run_outputs
from noisefix.run.stage import StageReport

_FEW_ROWS = 100


def detect(
    data: str | Path,
    output: str | Path | None = None,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    missing_labels: str | None = None,
    encoder: str = DEFAULT_ENCODER,
    precision: str = "auto",
    device: str = "auto",
    labels: str | Path | None = None,
    pred_probs: str | Path | None = None,
    trusted_column: str | None = None,
    class_shares: str | None = None,
    labelled_by: str = "unknown",
    unverified_class: str | None = None,
    one_sided: float | None = None,
    flag_precision: float | None = None,
    flag_top: int | None = None,
    filter_by: str | None = None,
    n_folds: int = 5,
    n_neighbors: int = 10,
    seed: int = 0,
    force: bool = False,
    bad_rows: str = "stop",
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
        missing_labels: labels, with commas between them, that mean that there is none.
        encoder: sentence-transformers name, local folder, or "tfidf".
        precision: "auto", "fp32" or "bf16".
        device: "auto", "cpu", "cuda" or "mps".
        labels: labels.toml with what the classes mean.
        pred_probs: the user's own out-of-sample probabilities: a table with a column a class, or
            a NumPy array (.npy, .npz) with the classes in sorted order.
        trusted_column: column that says which rows a person has verified, or holds their label.
        class_shares: true shares the user knows, as "name=share,name=share".
        labelled_by: who made the labels: "people", "model", "rules" or "unknown".
        unverified_class: the class that rows get where nobody looked: only rows given it are then
            suspicious; None: not known.
        one_sided: by how much the odds of an error in the other rows are then divided, at least 1;
            None: by 10.
        flag_precision: flag rows while this share of the flagged is expected to be wrong; None: as
            many as balance what is found against what is flagged in vain.
        flag_top: flag so many rows; None: as many as seem wrong.
        filter_by: what flags a row; None: p_error.
        n_folds: folds of the out-of-fold probabilities.
        n_neighbors: neighbours that vote and are quoted.
        seed: seed.
        force: run every stage again, and take over the run folder of another input.
        bad_rows: "stop": a row that cannot be read is an error; "skip": it is left out and listed.
        progress: called with how far it has come.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data cannot be read or judged, or the run folder cannot be used.
        ModelError: the encoder cannot be had.
        UsageError: an option is out of range.
    """
    from noisefix.detection.own_probs import own_probs
    from noisefix.detection.user_knowledge import known_class, known_shares
    from noisefix.detection.verified import trusted_rows
    from noisefix.labels import check_class_count, class_names, encode_labels
    from noisefix.probing.judgeable import check_comparable

    folder = RunFolder(default_run_path(data) if output is None else output)
    check_run_outputs(folder.path, (*TABLE_NAMES, "run.json"), (data, labels, pred_probs))
    params = joint_params(
        n_folds=n_folds,
        n_neighbors=n_neighbors,
        filter_by=filter_by,
        class_shares=class_shares,
        device=device,
        labelled_by=labelled_by,
        unverified_class=unverified_class,
        one_sided=one_sided,
        flag_precision=flag_precision,
        flag_top=flag_top,
    )
    sheet = read_sheet(labels)
    more = read_own_probs(pred_probs)
    dataset = read_dataset(
        data,
        text_column,
        label_column,
        id_column,
        stdin,
        needs_labels=True,
        missing_labels=missing_labels,
        bad_rows=bad_rows,
    )
    names = class_names(dataset.given_labels)
    n_labelled = sum(label is not None for label in dataset.given_labels)
    where = f"{dataset.source.name}, column {dataset.label_column!r}"
    check_class_count(len(names), n_labelled, where)
    check_comparable(encode_labels(dataset.given_labels, names), dataset.texts, len(names))
    known_shares(params.class_shares, names)  # what does not fit is said before the long work
    known_class("--unverified-class", params.unverified_class, names)
    if pred_probs is not None:
        own_probs(more["pred_probs"], dataset.ids, names)
    if trusted_column is not None:
        more["trusted"] = trusted_rows(dataset, trusted_column)
    folder.make()
    with folder.lock("noisefix detect"):
        run, notes = open_run(dataset, folder.path, force)
        embedded, *named = embed_into(
            dataset, run.embeddings, sheet, encoder, precision, device, seed, force, progress
        )
        judged = judge_into(run.path, run.embeddings, params, more, seed, force, progress)
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
        reports = [embedded, *named, judged, retrieved]
    return read_detection(
        run,
        input_name=dataset.source.name,
        encoder=str(embedded.results.get("encoder", encoder)),
        notes=dataset.notes
        + notes
        + _order_note(more, names)
        + list_note(run, dataset)
        + calibration_note(encoder, judged.results["learned_from"]),
        warnings=dataset.warnings
        + sheet_warnings(sheet, embedded)
        + truncation_warning(embedded)
        + verdict_warnings(judged)
        + language_warning(dataset.texts, encoder)
        + _few_rows_warning(judged),
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
