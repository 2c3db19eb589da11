"""``check``: hold tables, or runs that exist already, against gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from noisefix.detection.baseline import (
    Baseline,
    baseline_of,
    check_baseline_output,
    new_issues,
    read_baseline,
    row_keys,
    write_baseline,
)
from noisefix.detection.check_options import CheckOptions
from noisefix.detection.check_result import CheckResult, flagged_rows
from noisefix.detection.detect import detect
from noisefix.detection.gates import Gates, NoiseRate, judge
from noisefix.detection.heard import check_heard
from noisefix.detection.leaks import check_compared, judge_leaks
from noisefix.detection.mismatch_gate import (
    check_pairs_named,
    judge_mismatched,
    of_both_columns,
)
from noisefix.detection.options import DetectOptions, SeveralLabels
from noisefix.detection.settled_rate import settled_rate
from noisefix.errors import UsageError
from noisefix.options import takes
from noisefix.run.files import is_run_folder
from noisefix.run.folder import refuse_label_reading
from noisefix.run.schemas import ISSUES

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.decisions import PersonDecision
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
_NO_RATE = NoiseRate(0.0, 0.0, 0.0)

Progress = Callable[[Any], None]


@takes(CheckOptions)
def check(
    data: str | Path,
    output: str | Path | None = None,
    *,
    options: CheckOptions,
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> CheckResult:
    """Check a data set against gates; at least one must be given, or a baseline to write.

    Args:
        data: a table (detected first), or a run folder: what people have decided there and what
            ``relabel`` found out counts.
        output: run folder to keep when ``data`` is a table, so that the next check skips what has
            not changed; None: a temporary one.
        options: what was chosen; its fields may be named one by one instead.
        progress: called as the stages go on.
        stdin: where "-" reads from.

    Raises:
        UsageError: no gate, or a gate that cannot be judged.
        DataError: the data, the run or the baseline cannot be read.
    """
    return check_all((data,), output, options=options, progress=progress, stdin=stdin)[0]


def check_all(
    data: Sequence[str | Path],
    output: str | Path | None = None,
    *,
    options: CheckOptions,
    progress: Progress | None = None,
    stdin: BinaryIO | None = None,
) -> tuple[CheckResult, ...]:
    """Check several data sets, each on its own, against the same gates and baseline.

    Args and errors as for ``check``; one run folder cannot be kept for several tables.
    """
    gates = _verified(data, output, options)
    baseline = options.baseline
    known = None if baseline is None else read_baseline(baseline, of_both_columns(options))
    results, rows = [], Baseline()
    for one in data:
        if is_run_folder(one):
            result, found = _of_run(one, known, gates, options)
        else:
            result, found = _of_table(one, output, known, gates, options, progress, stdin)
        results.append(result)
        rows |= found
    if options.write_baseline is not None:
        write_baseline(rows, options.write_baseline)
    return tuple(results)


def _verified(
    data: Sequence[str | Path], output: str | Path | None, options: CheckOptions
) -> Gates:
    """Refuse what cannot work before the long work, and return the gates."""
    from noisefix.run.files import TABLE_NAMES
    from noisefix.run.outputs import check_run_outputs

    baseline, run_data, written = options.baseline, options.run_data, options.write_baseline
    if output is not None:
        check_run_outputs(output, TABLE_NAMES, (baseline, options.against))
    gates = Gates(options.max_noise_rate, options.max_issues, options.max_new_issues)
    others = (options.max_leaks, options.max_mismatched)
    if not gates and written is None and others == (None, None):
        raise UsageError(
            "no gate is set, so nothing can fail",
            "set --max-noise-rate, --max-issues, --max-new-issues, --max-leaks or --max-mismatched",
        )
    if baseline is None:
        new_gate = Gates(max_new_issues=options.max_new_issues)
        judge(new_gate, noise_rate=_NO_RATE, issues=0, new_issues=None)  # says what is missing
    for one in data:
        check_compared(one, options.against, options.max_leaks)
        check_pairs_named(one, options)
    if len(data) > 1:
        for option, value in (("-o", output), ("--data", run_data)):
            if value is not None:
                raise UsageError(
                    f"{option} {value}: is for one table or run, and {len(data)} are given",
                    f"leave {option} out, or check them one by one",
                )
    if run_data is not None and not is_run_folder(data[0]):
        raise UsageError(
            f"--data {run_data}: is for a run folder, and {data[0]} is none", "leave --data out"
        )
    if written is not None:
        read = (
            *data,
            baseline,
            run_data,
            output,
            options.labels,
            options.label_map,
            options.decisions,
            options.annotations,
            options.against,
        )
        check_baseline_output(written, read)
    return gates


def _of_run(
    run: str | Path, known: Baseline | None, gates: Gates, options: CheckOptions
) -> tuple[CheckResult, Baseline]:
    from noisefix.run.decisions import read_named
    from noisefix.run.folder import RunFolder

    refuse_label_reading(Path(run), options)
    refuse_label_reading(Path(run), options, SeveralLabels)
    said = () if options.decisions is None else read_named(Path(options.decisions))
    folder = RunFolder.open(run, options.run_data, several_labels=True)
    check_heard(folder, options)
    return _result(folder, known, gates, options, said)


def _of_table(
    data: str | Path,
    output: str | Path | None,
    known: Baseline | None,
    gates: Gates,
    options: CheckOptions,
    progress: Progress | None,
    stdin: BinaryIO | None,
) -> tuple[CheckResult, Baseline]:
    from noisefix.run.folder import RunFolder
    from noisefix.tables.leftovers import scratch_folder

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
        opened = RunFolder.open(found.run, several_labels=True)
        result, rows = _result(opened, known, gates, options, ())
        notes = found.notes
        if output is None:  # nothing is said of a folder that is gone by then
            notes = tuple(note for note in notes if str(folder) not in note)
        run = result.run if output is not None else None
        return replace(result, run=run, notes=notes, warnings=found.warnings), rows


def _result(
    folder: RunFolder,
    baseline: Baseline | None,
    gates: Gates,
    options: CheckOptions,
    said: Sequence[PersonDecision],
) -> tuple[CheckResult, Baseline]:
    from noisefix.run.settled import run_decisions
    from noisefix.tables.line_numbers import line_numbers

    issues, class_names, rate, n_settled = _judged_rows(folder, said)
    rate = rate if folder.set_reading() is None else replace(rate, of="rows")
    keys = row_keys(issues)
    fresh = None if baseline is None else new_issues(issues, keys, baseline, class_names)
    n_issues = int(issues["is_issue"].to_numpy().sum())
    n_new = None if fresh is None else len(fresh)
    verdicts = judge(gates, noise_rate=rate, issues=n_issues, new_issues=n_new)
    about = folder.read()["input"]
    is_file = about.get("path", "") is not None and folder.input_state() == "same"
    path = folder.input.files()[0] if is_file else None
    lines = None if path is None else line_numbers(folder.input.source(), path)
    leaks = None if options.max_leaks is None else judge_leaks(folder, options.max_leaks, lines)
    pairs = None
    if options.max_mismatched is not None:
        decided = run_decisions(folder, said)
        pairs = judge_mismatched(
            folder, options.max_mismatched, baseline=baseline, decided=decided, lines=lines
        )
    verdicts = (*verdicts, *(judged.gate for judged in (leaks, pairs) if judged is not None))
    result = CheckResult(
        passed=all(gate.passed for gate in verdicts),
        gates=verdicts,
        input_name=about["name"],
        input_path=path,
        run=folder.path,
        rows=issues.num_rows,
        issues=n_issues,
        new_issues=n_new,
        noise_rate=rate.estimate,
        noise_rate_low=rate.low,
        noise_rate_high=rate.high,
        flagged=flagged_rows(issues, keys, fresh, lines),
        settled=n_settled,
        leaks=() if leaks is None else leaks.rows,
        other_name="" if leaks is None else leaks.other_name,
        mismatches=() if pairs is None else pairs.rows,
    )
    return result, baseline_of(issues, keys)


def _judged_rows(
    folder: RunFolder, said: Sequence[PersonDecision]
) -> tuple[pa.Table, tuple[str, ...], NoiseRate, int]:
    """Return the issues as they stand now, classes, noise rate, and how many rows are settled."""
    import pyarrow.compute as pc

    from noisefix.run.answers import read_verdicts
    from noisefix.run.parquet import read_table, with_columns
    from noisefix.run.settled import run_decisions

    before, provenance = read_table(folder.issues, ISSUES, _COLUMNS)
    issues, _ = read_verdicts(folder, _COLUMNS, said)
    flags = pc.and_(issues["is_issue"], pc.is_valid(issues["given_label"]))
    issues = with_columns(issues, {"is_issue": flags.to_pylist()})
    facts = provenance.results
    rate = NoiseRate(facts["noise_rate"], facts["noise_rate_low"], facts["noise_rate_high"])
    decided = run_decisions(folder, said)
    is_known = np.array([key in decided for key in issues["id"].to_pylist()], dtype=bool)
    is_answered = is_known.copy()
    if "action" in issues.column_names:
        is_answered |= ~np.asarray(issues["action"].is_null())
    if not is_answered.any():
        return issues, provenance.class_names, rate, 0
    p_before, p_after = (
        table["p_error"].to_numpy(zero_copy_only=False) for table in (before, issues)
    )
    rate = settled_rate(rate, p_before, p_after, is_known)
    return issues, provenance.class_names, rate, int(is_answered.sum())
