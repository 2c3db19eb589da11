"""What ``check`` returns: the verdict of every gate, and the rows behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noisefix.detection.gates import LEAKS, MISMATCHED, NEW_ISSUES, NOT_OF_LABELS, GateResult
from noisefix.detection.leaks import LeakedRow
from noisefix.detection.mismatch_gate import MismatchedCheck
from noisefix.documents import made_of

if TYPE_CHECKING:
    import pyarrow as pa


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
        is_new: its text or its label is not in the baseline; None without a baseline.
        key: stands for text and label, as in a baseline; the same wherever the row goes.
    """

    id: str
    row_number: int
    line: int | None
    given_label: str
    suggested_label: str
    p_error: float
    reasons: tuple[str, ...]
    is_new: bool | None
    key: str = ""


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
        new_issues: those whose text or label is not in the baseline; None without a baseline.
        noise_rate: estimated share of wrong labels.
        noise_rate_low: lower end of its 90 % interval.
        noise_rate_high: upper end.
        flagged: the flagged rows, new ones first, then most suspicious first.
        settled: rows that a person has decided or an annotator has answered.
        leaks: the rows of the other file with a text of this one, where they are limited.
        other_name: that file.
        mismatches: the rows whose two texts do not belong together, where they are limited.
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
    settled: int = 0
    leaks: tuple[LeakedRow, ...] = ()
    other_name: str = ""
    mismatches: tuple[MismatchedCheck, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def labels_pass(self) -> bool:
        """No gate is broken that the labels are held against."""
        return all(gate.passed or gate.name in NOT_OF_LABELS for gate in self.gates)

    @property
    def blamed(self) -> tuple[CheckedRow, ...]:
        """The labels to look at.

        With a baseline only new ones, unless another gate for labels fails; none where no gate is
        for labels.
        """
        if self.gates and all(gate.name in NOT_OF_LABELS for gate in self.gates):
            return ()
        others_fail = any(
            not gate.passed and gate.name not in {NEW_ISSUES, *NOT_OF_LABELS} for gate in self.gates
        )
        if self.new_issues is None or others_fail:
            return self.flagged
        return tuple(row for row in self.flagged if row.is_new)

    @property
    def leaked(self) -> tuple[LeakedRow, ...]:
        """The leaks to look at: all of them, where there are more than may be."""
        return self.leaks if self._fails(LEAKS) else ()

    @property
    def mismatched(self) -> tuple[MismatchedCheck, ...]:
        """The pairs of texts to look at: all of them, where there are more than may be."""
        return self.mismatches if self._fails(MISMATCHED) else ()

    def _fails(self, name: str) -> bool:
        return any(not gate.passed and gate.name == name for gate in self.gates)


def flagged_rows(
    issues: pa.Table, keys: Sequence[str], fresh: list[int] | None, lines: np.ndarray | None
) -> tuple[CheckedRow, ...]:
    """Return the flagged rows, new ones first, then most suspicious first.

    Args:
        issues: (N rows) issues table.
        keys: (N,) keys of its rows.
        fresh: positions of the new ones; None without a baseline.
        lines: (N,) line of each row; None where there is none.
    """
    is_new = np.zeros(issues.num_rows, dtype=bool)
    is_new[fresh or []] = True
    index = np.flatnonzero(issues["is_issue"].to_numpy())
    p_error = np.nan_to_num(issues["p_error"].to_numpy(zero_copy_only=False), nan=-1.0)[index]
    ranks = issues["rank"].to_numpy(zero_copy_only=False)[index]
    index = index[np.lexsort((ranks, -p_error, ~is_new[index]))]
    return tuple(
        made_of(
            CheckedRow,
            row,
            line=None if lines is None else int(lines[row["row_number"] - 1]),
            reasons=tuple(row["reasons"]),
            is_new=None if fresh is None else bool(is_new[i]),
            key=keys[i],
        )
        for i, row in zip(index.tolist(), issues.take(index).to_pylist(), strict=True)
    )
