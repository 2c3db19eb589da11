"""What becomes of the rows of a run: the models' verdicts, answers, and above all people's word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noisefix.cleaning.decide import DECISION_COLUMNS, ApplyParams, Decision, decide
from noisefix.cleaning.decide_sets import decide_sets
from noisefix.cleaning.review import Review, read_review
from noisefix.cleaning.reviewed import decisions_of, overruled, review_of, reviewed_issues
from noisefix.errors import DataError, UsageError
from noisefix.run.answers import read_verdicts
from noisefix.run.decisions import PersonDecision, read_decisions, read_said
from noisefix.run.parquet import read_columns
from noisefix.run.rejected import run_rejected, without_rejected
from noisefix.run.schemas import P_MISMATCH
from noisefix.run.settled import run_decisions

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.cleaning.options import ApplyOptions
    from noisefix.run.folder import RunFolder
    from noisefix.tables.source import Source


@dataclass(frozen=True, eq=False)
class Settled:
    """What was decided of N rows.

    Attributes:
        issues: (N rows) the issues in the order of the input, as people decided.
        decisions: of the rows that change, in the order of the input.
        review: what people decided.
        words: what of it the run folder is to keep.
        class_names: (K,) in canonical order.
        has_witness: labels may be changed without asking anybody (``decide``).
        given_by_vote: the given labels are what most annotators say; the input has no column of
            them.
    """

    issues: pa.Table
    decisions: list[Decision]
    review: Review
    words: list[PersonDecision]
    class_names: tuple[str, ...]
    has_witness: bool
    given_by_vote: bool = False


def settle(folder: RunFolder, source: Source, options: ApplyOptions) -> Settled:
    """Decide what becomes of every row of an input.

    Nothing is written: whoever calls keeps the words once nothing can be refused any more.

    Args:
        folder: the run folder.
        source: the input.
        options: strategy, thresholds, and what people have decided.

    Raises:
        DataError: a table or a file of decisions cannot be read, or is of other rows.
        UsageError: an option is out of range, or asks for what the run does not know.
    """
    params = ApplyParams(
        options.strategy,
        options.min_probability,
        options.min_margin,
        options.fill_unlabelled,
        options.drop_outside,
        options.drop_mismatched,
    )
    issues, provenance = read_verdicts(folder, _needed(folder, options))
    names = provenance.class_names
    has_witness = bool(provenance.results.get("can_relabel", False))
    issues = _in_input_order(issues, source, folder)
    review, words = _decided(folder, issues, names, options)
    issues = without_rejected(issues, run_rejected(folder, words), names)
    sets = None if folder.set_reading() is None else folder.load(source).sets
    if sets is not None:
        decisions = decide_sets(folder, issues, names, sets, params)
    else:
        decisions = decide(issues, names, params, has_witness=has_witness)
    if review.choices:
        decisions = overruled(decisions, issues, review)
        issues = reviewed_issues(issues, review)
    by_vote = (provenance.results.get("annotators") or {}).get("given_by_vote", False)
    return Settled(issues, decisions, review, words, names, has_witness, by_vote)


def _needed(folder: RunFolder, options: ApplyOptions) -> tuple[str, ...]:
    """Return the columns of the issues that are decided on."""
    columns = (*DECISION_COLUMNS, "text")
    if not options.drop_mismatched:
        return columns
    if P_MISMATCH not in read_columns(folder.issues):
        raise UsageError(
            f"--drop-mismatched: {folder.path} knows of no two texts that may not belong together",
            "name their columns: noisefix detect DATA --pair-columns A,B",
        )
    return (*columns, P_MISMATCH)


def _decided(
    folder: RunFolder, issues: pa.Table, class_names: tuple[str, ...], options: ApplyOptions
) -> tuple[Review, list[PersonDecision]]:
    """Return what people have decided, and what of it the run folder is to keep."""
    given = read_said(options.decisions)
    known = run_decisions(folder, given)
    if options.review is None:
        return review_of(known), list(given)
    several = folder.set_reading() is not None
    ids = issues["id"].to_pylist()
    review = read_review(Path(options.review), ids, class_names, several_labels=several)
    lines = (*read_decisions(folder.decisions), *given)
    words = [*given, *decisions_of(review, issues, known, lines=lines)]
    known_review = review_of({k: w for k, w in known.items() if k not in review.choices})
    both = {**known_review.choices, **review.choices}
    return Review(both, known_review.labels | review.labels), words


def _in_input_order(issues: pa.Table, source: Source, folder: RunFolder) -> pa.Table:
    """Sort by row number, and check that the table is about this input's rows."""
    import numpy as np

    if issues.num_rows != len(source):
        raise DataError(
            f"{folder.issues}: has {issues.num_rows} rows, but {source.name} has {len(source)}",
            "run detect again",
        )
    numbers = issues["row_number"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    if not np.array_equal(numbers[order], np.arange(1, len(source) + 1)):
        raise DataError(
            f"{folder.issues}: row_number does not count the rows of {source.name}",
            "run detect again",
        )
    return issues if np.array_equal(order, np.arange(order.size)) else issues.take(order)
