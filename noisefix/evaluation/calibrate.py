"""``calibrate``: how far a labeller can be trusted, from the rows that a person labelled too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from noisefix.errors import DataError, UsageError
from noisefix.evaluation.labeller_file import Counts, read_calibration, write_calibration
from noisefix.evaluation.options import CalibrateOptions
from noisefix.labels import UNLABELLED, class_names, encode_labels
from noisefix.metrics.classification import Confusion, confusion_counts, confusions
from noisefix.metrics.drift import Drift, drifts
from noisefix.metrics.labeller import ClassTrust, accuracy_of, class_trust, kappa_of
from noisefix.metrics.shares import by_label, indistinct_classes, rogan_gladen
from noisefix.options import takes
from noisefix.probability import Interval

if TYPE_CHECKING:
    from noisefix.tables.several import Readable
    from noisefix.tables.source import Source

FEW_ROWS = 50
_MOST_NAMED = 3


@dataclass(frozen=True)
class ClassShare:
    """What share of all labelled rows is of one class.

    Attributes:
        label: its name.
        given: share of the rows that have this label.
        corrected: share of the rows that are of the class, if the rows with a truth were drawn at
            random over all rows.
        rogan_gladen: the same if they were drawn at random within each class only; NaN for a class
            that no row with a truth is of.
    """

    label: str
    given: float
    corrected: Interval
    rogan_gladen: Interval


@dataclass(frozen=True)
class CalibrateResult:
    """How far the labels of a column can be trusted; intervals are those of 90 %.

    Attributes:
        input_name: the table, as messages call it.
        label_column: the column judged.
        truth_column: the column with a person's labels.
        rows: all rows of the table.
        labelled: rows with a label.
        compared: rows with a label and a truth; all measures are about these.
        accuracy: share of the labels that are right.
        kappa: Cohen's kappa: agreement beyond chance.
        classes: recall and precision of each class.
        confusions: classes that are mixed up, the most frequent first.
        shares: class shares of all labelled rows, corrected for the labeller's errors.
        indistinct: classes that the labeller does not tell apart as far as these rows show: their
            Rogan-Gladen shares cannot be known. Empty: there are none.
        drifts: measures compared with the baseline; empty without one.
        passed: nothing fell by more than was allowed.
        notes: what was guessed.
        warnings: what a person should know.
    """

    input_name: str
    label_column: str
    truth_column: str
    rows: int
    labelled: int
    compared: int
    accuracy: Interval
    kappa: Interval
    classes: tuple[ClassTrust, ...]
    confusions: tuple[Confusion, ...]
    shares: tuple[ClassShare, ...]
    indistinct: tuple[str, ...]
    drifts: tuple[Drift, ...] = ()
    passed: bool = True
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(CalibrateOptions)
def calibrate(
    data: Readable,
    output: str | Path | None = None,
    *,
    options: CalibrateOptions,
    stdin: BinaryIO | None = None,
) -> CalibrateResult:
    """Say how far the labels of a column can be trusted, and what the class shares really are.

    The rows with a person's label are taken to be drawn at random from all rows; 50 to 500 tell
    enough.

    Args:
        data: table with the labels, and a person's labels in some rows, or "-" for CSV on standard
            input.
        output: JSON file for a later ``baseline``; None: none.
        options: what was chosen; its fields may be named one by one instead.
        stdin: where "-" is read from; None: standard input.

    Raises:
        DataError: the data or the baseline cannot be read, there is no such column, or no row has
            both labels.
        UsageError: only one of ``max_drift`` and ``baseline`` is given; the output is an input.
    """
    from noisefix.run.outputs import check_output
    from noisefix.tables.label_rules import label_rules
    from noisefix.tables.label_values import column_labels
    from noisefix.tables.source import read_source

    if (options.max_drift is None) != (options.baseline is None):
        raise UsageError("--max-drift and --baseline belong together", "name both or neither")
    if output is not None:
        check_output(output, (data, options.baseline, options.label_map), kinds=("jsonl",))
    earlier = None if options.baseline is None else read_calibration(options.baseline)
    source = read_source(data, stdin, bad_rows=options.bad_rows)
    label, truth, notes = _columns(source, options)
    rules = label_rules(options)
    said = column_labels(source, label, rules=rules)
    rules = rules.knowing(class_names(said.labels))
    true = column_labels(source, truth, like=label, rules=rules)
    names = class_names([*said.labels, *true.labels])
    said_ids, true_ids = encode_labels(said.labels, names), encode_labels(true.labels, names)
    both = (said_ids != UNLABELLED) & (true_ids != UNLABELLED)
    if not both.any():
        raise DataError(
            f"{source.name}: no row has a label in both {label!r} and {truth!r}",
            "label 50 to 500 rows, drawn at random, by hand, and put the labels into that column",
        )
    counts = confusion_counts(said_ids[both], true_ids[both], len(names))
    rest = np.bincount(said_ids[(said_ids != UNLABELLED) & ~both], minlength=len(names))
    indistinct = indistinct_classes(counts)
    compared = _compared(earlier, Counts(names, counts), options.max_drift)
    unanswered = int(((said_ids == UNLABELLED) & (true_ids != UNLABELLED)).sum())
    result = CalibrateResult(
        input_name=source.name,
        label_column=label,
        truth_column=truth,
        rows=len(source),
        labelled=int((said_ids != UNLABELLED).sum()),
        compared=int(both.sum()),
        accuracy=accuracy_of(counts),
        kappa=kappa_of(counts),
        classes=class_trust(counts, names),
        confusions=tuple(confusions(counts, names)),
        shares=_shares(counts, rest, names, options.seed),
        indistinct=tuple(names[k] for k in indistinct),
        drifts=compared,
        passed=all(drift.passed for drift in compared),
        notes=notes,
        warnings=(
            *source.warnings,
            *said.warnings,
            *true.warnings,
            *_doubts(counts, rest, names, unanswered),
        ),
    )
    if output is not None:
        write_calibration(output, Counts(names, counts), _measured(result))
    return result


def _columns(source: Source, options: CalibrateOptions) -> tuple[str, str, tuple[str, ...]]:
    """Return the columns of labels and truth, and what was guessed of them."""
    from noisefix.tables.columns import guess_label, guess_truth, resolve_column

    label, truth = options.label_column, options.truth_column
    named = None if label is None else resolve_column(source, label, "--label-column")
    notes = []
    if truth is None:
        choice = guess_truth(source)
        truth = _clear(source, choice.column, "truth")
        notes.append(f"truth column: {truth} ({choice.how})")
    else:
        truth = resolve_column(source, truth, "--truth-column")
    if named is None:
        choice = guess_label(source, {truth})
        named = _clear(source, choice.column, "label")
        notes.append(f"label column: {named} ({choice.how})")
    if named == truth:
        raise UsageError(
            f"--label-column and --truth-column are both {named}", "name different columns"
        )
    return named, truth, tuple(notes)


def _clear(source: Source, column: str | None, kind: str) -> str:
    from noisefix.tables.columns import list_columns

    if column is None:
        raise DataError(
            f"{source.name}: no column is clearly the {kind}",
            f"name it with --{kind}-column NAME; the columns are: {list_columns(source)}",
        )
    return column


def _shares(
    counts: np.ndarray, rest: np.ndarray, names: tuple[str, ...], seed: int
) -> tuple[ClassShare, ...]:
    given = counts.sum(axis=0) + rest
    estimates = [
        np.stack([found.shares, found.low, found.high], axis=1)
        for found in (by_label(counts, rest, seed), rogan_gladen(counts, rest, seed))
    ]
    return tuple(
        ClassShare(
            name,
            float(given[k] / given.sum()),
            *(Interval(*(float(value) for value in rows[k])) for rows in estimates),
        )
        for k, name in enumerate(names)
    )


def _compared(earlier: Counts | None, now: Counts, max_drift: float | None) -> tuple[Drift, ...]:
    if earlier is None or max_drift is None:
        return ()
    names = class_names([*earlier.names, *now.names])
    return drifts(earlier.among(names), now.among(names), names, max_drift)


def _doubts(
    counts: np.ndarray, rest: np.ndarray, names: tuple[str, ...], unanswered: int
) -> list[str]:
    """Say what makes the numbers less sure than they look."""
    doubts = []
    compared, said = int(counts.sum()), counts.sum(axis=0) + rest
    if compared < FEW_ROWS:
        doubts.append(f"only {compared} rows have both labels: the intervals are wide")
    if unanswered:
        rows = "1 row has" if unanswered == 1 else f"{unanswered:,} rows have"
        doubts.append(f"{rows} a truth but no label, and counted nowhere")
    true = {names[k] for k in np.flatnonzero(counts.sum(axis=1))}
    folded = {name.casefold().strip() for name in true}
    foreign = [names[k] for k in np.flatnonzero(said) if names[k] not in true]
    alike = [name for name in foreign if name.casefold().strip() in folded]
    if alike:
        doubts.append(
            f"{_listed(alike)}: written otherwise than in the column of the truth (capitals or "
            "spaces), and so counted as wrong"
        )
    others = [name for name in foreign if name not in alike]
    if others:
        doubts.append(
            f"{_listed(others)}: given, but no row with a truth is of that class; little is known "
            "of its share"
        )
    return doubts


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"


def _measured(result: CalibrateResult) -> dict[str, Any]:
    kept = ("label_column", "truth_column", "rows", "labelled", "compared", "accuracy", "kappa")
    values = asdict(result)
    found: dict[str, Any] = _without_nan({key: values[key] for key in (*kept, "shares")})
    return found


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
