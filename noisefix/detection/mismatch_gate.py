"""``--max-mismatched``: a gate for the rows whose two texts do not seem to belong together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.baseline import Baseline, row_keys
from noisefix.detection.gates import MISMATCHED, GateResult
from noisefix.detection.mismatched import Matches
from noisefix.errors import UsageError
from noisefix.probing.pair_match import LEAST_PAIRS, UNRELATED_FROM
from noisefix.run.arrays import column_array
from noisefix.run.files import is_run_folder
from noisefix.run.parquet import read_columns, read_provenance, read_table
from noisefix.run.schemas import ISSUES, MATCH_RANK, P_MISMATCH
from noisefix.wording import percent, plural

if TYPE_CHECKING:
    from noisefix.detection.check_options import CheckOptions
    from noisefix.run.folder import RunFolder

_GATE = f"--{MISMATCHED}"
_NOT_COMPARED = "name the two columns: noisefix detect DATA --pair-columns A,B"


@dataclass(frozen=True)
class MismatchedCheck:
    """A row whose two texts do not seem to belong together, for the report.

    Attributes:
        id: row id.
        row_number: position in the input, 1 = first data row.
        line: line of the file where the row starts, 1 = first; None where that means nothing.
        given_label: label in the input; None = unlabelled.
        p_mismatch: estimated probability that they do not.
        columns: names of the two columns.
        key: stands for text and label, as in a baseline; the same wherever the row goes.
    """

    id: str
    row_number: int
    line: int | None
    given_label: str | None
    p_mismatch: float
    columns: tuple[str, str]
    key: str = ""


@dataclass(frozen=True)
class Mismatches:
    """The verdict of the gate, and the rows behind it, the surest first."""

    gate: GateResult
    rows: tuple[MismatchedCheck, ...]


def check_pairs_named(data: str | Path, options: CheckOptions) -> None:
    """Check, before any work, that what ``--max-mismatched`` counts is there.

    Raises:
        UsageError: a table without two columns; or a baseline that does not know both texts.
    """
    if options.max_mismatched is None or is_run_folder(data):
        return
    if options.pair_columns is None:
        raise UsageError(f"{_GATE} needs two columns", "name them with --pair-columns A,B")
    if options.baseline is not None and options.text_column is not None:
        _check_known(options.text_column, options.pair_columns.split(","))


def _check_known(text_column: str, columns: Sequence[str]) -> None:
    """Check that both columns are in the text by which a baseline knows a row."""
    text = as_named(text_column)
    if not all(f",{as_named(column)}," in f",{text}," for column in columns):
        raise UsageError(
            f"{_GATE}: a baseline knows rows by their text, which is {text_column} here, and would "
            "not see that another column changed",
            "leave --text-column out: both columns are the text then; or leave --baseline out",
        )


def as_named(columns: str) -> str:
    """Return names with commas between them such that equal ones are equal."""
    return ",".join(name.strip() for name in columns.casefold().split(","))


def of_both_columns(options: CheckOptions) -> CheckOptions:
    """Return the options that an earlier table is read with: two columns are its text too."""
    if options.pair_columns is None or options.text_column is not None:
        return options
    return replace(options, text_column=options.pair_columns)


def judge_mismatched(
    run: RunFolder,
    limit: int,
    *,
    baseline: Baseline | None,
    decided: Collection[str],
    lines: np.ndarray | None,
) -> Mismatches:
    """Hold the rows of a run whose two texts do not belong together against a limit.

    With a baseline only those count whose text or label it does not hold. Where the columns have
    nothing to do with each other no row is listed: their estimated number is held against the
    limit.

    Args:
        run: the run checked.
        limit: most such rows.
        baseline: what was there before.
        decided: ids of the rows that a person has decided on: they do not count.
        lines: (N,) line of each row; None where there is none.

    Raises:
        UsageError: the run has no two columns, or too few rows have both texts; or the baseline
            does not know both.
        DataError: a table is broken.
    """
    if not run.matches.is_file() or P_MISMATCH not in read_columns(run.issues):
        raise UsageError(f"{_GATE}: {run.path} was judged without two columns", _NOT_COMPARED)
    facts = read_provenance(run.matches).results
    if facts["share"] is None:
        raise UsageError(
            f"{_GATE}: {plural(facts['pairs'], 'row')} with both texts; fewer than {LEAST_PAIRS} "
            "tell nothing of which do not belong together",
            "leave the gate out, or check more rows at once",
        )
    if facts["share"] >= UNRELATED_FROM:
        return Mismatches(_unrelated(facts, limit), ())
    columns = (facts["columns"][0], facts["columns"][1])
    if baseline is not None:
        _check_known(str(run.read()["input"]["columns"]["text"]), columns)
    rows = _rows(run, columns, baseline, decided, lines)
    new = "" if baseline is None else ", of those whose text or label is not in the baseline"
    message = (
        f"{plural(len(rows), 'row')} whose two texts do not seem to belong together{new}, "
        f"limit {limit:,}"
    )
    return Mismatches(GateResult(MISMATCHED, len(rows), limit, len(rows) <= limit, message), rows)


def _unrelated(facts: Mapping[str, object], limit: int) -> GateResult:
    share, pairs = float(str(facts["share"])), int(str(facts["pairs"]))
    count = round(share * pairs)
    message = (
        f"the two columns have little to do with each other in about {percent(share)} of "
        f"{plural(pairs, 'row')}, limit {limit:,} rows"
    )
    return GateResult(MISMATCHED, count, limit, count <= limit, message)


def _rows(
    run: RunFolder,
    columns: tuple[str, str],
    baseline: Baseline | None,
    decided: Collection[str],
    lines: np.ndarray | None,
) -> tuple[MismatchedCheck, ...]:
    about = ("id", "row_number", "text", "given_label", MATCH_RANK, P_MISMATCH)
    issues, _ = read_table(run.issues, ISSUES, about)
    rank, probs = (
        column_array(issues[name]).astype(np.float64) for name in (MATCH_RANK, P_MISMATCH)
    )
    listed = issues.take(Matches(rank, probs).listed())
    keys: Sequence[str] = row_keys(listed)
    return tuple(
        MismatchedCheck(
            id=row["id"],
            row_number=row["row_number"],
            line=None if lines is None else int(lines[row["row_number"] - 1]),
            given_label=row["given_label"],
            p_mismatch=row[P_MISMATCH],
            columns=columns,
            key=key,
        )
        for row, key in zip(listed.to_pylist(), keys, strict=True)
        if row["id"] not in decided and (baseline is None or key not in baseline.rows)
    )
