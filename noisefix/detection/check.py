"""``check``: hold a table, or a run that exists already, against gates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from noisefix.detection.across import check_compared, leak_gate
from noisefix.detection.detect import detect
from noisefix.detection.gates import GateResult, Gates, judge, new_issues
from noisefix.detection.options import CheckOptions, DetectOptions
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.run.folder import refuse_missing_labels
from noisefix.run.schemas import ISSUES

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

_COLUMNS = (
    "id",
    "row_number",
    "text",
    "given_label",
    "suggested_label",
    "p_error",
    "is_issue",
    "rank",
    "reasons",
)


@dataclass(frozen=True)
class CheckedRow:
    """A flagged row, for the report.

    Attributes:
        id: row id.
        row_number: position in the input, 1 = first data row.
        line: line of the file where the row starts, 1 = first; None where that means nothing.
        given_label: label in the input.
        suggested_label: label that seems right.
        p_error: estimated probability that the given label is wrong.
        reasons: in words a person can check.
        is_new: not flagged by the baseline; None without a baseline.
    """

    id: str
    row_number: int
    line: int | None
    given_label: str
    suggested_label: str
    p_error: float
    reasons: tuple[str, ...]
    is_new: bool | None


@dataclass(frozen=True)
class CheckResult:
    """Verdict of every gate, and the rows behind it.

    Attributes:
        passed: no gate is broken.
        gates: one verdict a gate.
        input_name: the data checked.
        input_path: where they are; None for standard input.
        run: run folder with all the details; None when it was temporary.
        rows: rows in the data.
        issues: flagged rows.
        new_issues: those that the baseline does not flag; None without a baseline.
        noise_rate: estimated share of wrong labels.
        noise_rate_low: lower end of its 90 % interval.
        noise_rate_high: upper end.
        flagged: the flagged rows, new ones first, then most suspicious first.
        notes: what was guessed about the data; empty for a run folder.
        warnings: what a person should know about the data; empty for a run folder.
    """

    passed: bool
    gates: tuple[GateResult, ...]
    input_name: str
    input_path: Path | None
    run: Path | None
    rows: int
    issues: int
    new_issues: int | None
    noise_rate: float
    noise_rate_low: float
    noise_rate_high: float
    flagged: tuple[CheckedRow, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@takes(CheckOptions)
def check(
    data: str | Path,
    output: str | Path | None = None,
    *,
    options: CheckOptions,
    progress: Callable[[Any], None] | None = None,
    stdin: BinaryIO | None = None,
) -> CheckResult:
    """Check a data set against gates; at least one must be given.

    Args:
        data: a table (detected first), or a run folder (taken as it is).
        output: run folder to keep when ``data`` is a table, so that the next check skips what has
            not changed; None: a temporary one.
        options: what was chosen; its fields may be named one by one instead.
        progress: called as the stages go on.
        stdin: where "-" reads from.

    Raises:
        UsageError: no gate, or a gate that cannot be judged.
        DataError: the data, the run or the baseline cannot be read.
    """
    from noisefix.run.folder import TABLE_NAMES, RunFolder
    from noisefix.run.outputs import check_run_outputs
    from noisefix.run.parquet import read_table
    from noisefix.tables.leftovers import scratch_folder

    baseline, run_data = options.baseline, options.run_data
    if output is not None:
        check_run_outputs(output, TABLE_NAMES, (baseline, options.against))
    gates = Gates(options.max_noise_rate, options.max_issues, options.max_new_issues)
    if not gates and options.max_leaks is None:
        raise UsageError(
            "no gate is set, so nothing can fail",
            "set --max-noise-rate, --max-issues, --max-new-issues or --max-leaks",
        )
    if options.max_new_issues is not None and baseline is None:
        judge(gates, noise_rate=0.0, issues=0, new_issues=None)  # says what is missing, at once
    check_compared(data, options.against, options.max_leaks)
    known = read_table(Path(baseline), ISSUES, _COLUMNS)[0] if baseline is not None else None

    if Path(data).is_dir():
        refuse_missing_labels(Path(data), options.missing_labels)
        run = RunFolder.open(data, run_data)
        return _with(leak_gate(run, options.max_leaks), _result(run, known, gates))
    if run_data is not None:
        raise UsageError(
            f"--data {run_data}: is for a run folder, and {data} is none", "leave --data out"
        )
    with ExitStack() as stack:
        folder = output
        if folder is None:
            folder = stack.enter_context(scratch_folder()) / "run"
        found = detect(
            data,
            folder,
            options=options.shared_with(DetectOptions),
            progress=progress,
            stdin=stdin,
        )
        opened = RunFolder.open(found.run)
        result = _with(leak_gate(opened, options.max_leaks), _result(opened, known, gates))
        return replace(
            result,
            run=result.run if output is not None else None,
            notes=found.notes if output is not None else _without_folder(found.notes, folder),
            warnings=found.warnings,
        )


def _with(more: tuple[GateResult, ...], result: CheckResult) -> CheckResult:
    """Add gates that are judged on something else than the labels."""
    passed = result.passed and all(gate.passed for gate in more)
    return replace(result, gates=(*result.gates, *more), passed=passed)


def _without_folder(notes: tuple[str, ...], folder: str | Path) -> tuple[str, ...]:
    """Leave out what is said of a folder that is gone by then."""
    return tuple(note for note in notes if str(folder) not in note)


def _result(folder: RunFolder, baseline: pa.Table | None, gates: Gates) -> CheckResult:
    from noisefix.run.parquet import read_table

    issues, provenance = read_table(folder.issues, ISSUES, _COLUMNS)
    results = provenance.results
    fresh = None if baseline is None else new_issues(issues, baseline)
    n_issues = int(issues["is_issue"].to_numpy().sum())
    n_new = None if fresh is None else len(fresh)
    verdicts = judge(gates, noise_rate=results["noise_rate"], issues=n_issues, new_issues=n_new)
    about = folder.read()["input"]
    is_file = about.get("path", "") is not None and folder.input_state() == "same"
    path = folder.input_path() if is_file else None
    return CheckResult(
        passed=all(gate.passed for gate in verdicts),
        gates=verdicts,
        input_name=about["name"],
        input_path=path,
        run=folder.path,
        rows=issues.num_rows,
        issues=n_issues,
        new_issues=n_new,
        noise_rate=results["noise_rate"],
        noise_rate_low=results["noise_rate_low"],
        noise_rate_high=results["noise_rate_high"],
        flagged=_flagged_rows(issues, fresh, _line_numbers(path, folder.bad_rows)),
    )


def _flagged_rows(
    issues: pa.Table, fresh: list[int] | None, lines: np.ndarray | None
) -> tuple[CheckedRow, ...]:
    is_new = np.zeros(issues.num_rows, dtype=bool)
    is_new[fresh or []] = True
    index = np.flatnonzero(issues["is_issue"].to_numpy())
    ranks = issues["rank"].to_numpy(zero_copy_only=False)[index]
    index = index[np.lexsort((ranks, ~is_new[index]))]
    return tuple(
        CheckedRow(
            id=row["id"],
            row_number=row["row_number"],
            line=None if lines is None else int(lines[row["row_number"] - 1]),
            given_label=row["given_label"],
            suggested_label=row["suggested_label"],
            p_error=row["p_error"],
            reasons=tuple(row["reasons"]),
            is_new=None if fresh is None else bool(is_new[i]),
        )
        for i, row in zip(index, issues.take(index).to_pylist(), strict=True)
    )


def _line_numbers(path: Path | None, bad_rows: str) -> np.ndarray | None:
    """Return (N,) the line on which each row starts, 1 = first; None where lines mean nothing."""
    from noisefix.tables.atomic import read_bytes
    from noisefix.tables.compression import packing_of
    from noisefix.tables.csv_source import locate_cells
    from noisefix.tables.encoding import decode_text
    from noisefix.tables.jsonl import row_spans
    from noisefix.tables.source import read_source

    if path is None:
        return None
    source = read_source(path, bad_rows=bad_rows)
    raw = read_bytes(path)
    if packing_of(raw) is not None:
        return None
    line_end, first = ord("\n"), 1
    if source.dialect is not None:
        records = locate_cells(raw, source.dialect, source.name, skip_bad=source.skips_bad)
        data, starts = records.data, records.starts[1:, 0]
        first = 1 + records.origin.lines
        line_end = ord(source.dialect.terminator[-1])
    elif source.format == "jsonl":
        data = decode_text(raw, source.name).data
        starts = np.array([start for start, _ in row_spans(data, source.bad)])
    else:
        return None
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == line_end)
    return np.asarray(np.searchsorted(breaks, starts) + first)
