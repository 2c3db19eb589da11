"""Gates: limits that a data set must keep, judged on numbers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisefix.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Gates:
    """The limits; None is no gate.

    Attributes:
        max_noise_rate: highest estimated share of wrong labels, in [0, 1].
        max_issues: most flagged rows.
        max_new_issues: most flagged rows that the baseline does not flag.
    """

    max_noise_rate: float | None = None
    max_issues: int | None = None
    max_new_issues: int | None = None

    def __post_init__(self) -> None:
        if self.max_noise_rate is not None and not 0 <= self.max_noise_rate <= 1:
            raise UsageError(
                f"the noise rate's limit is {self.max_noise_rate}",
                "it is a share: 0.05 means that 5 % of the labels may be wrong",
            )
        for name in ("max_issues", "max_new_issues"):
            limit = getattr(self, name)
            if limit is not None and limit < 0:
                raise UsageError(f"{name} is {limit}", "a number of rows cannot be negative")

    def __bool__(self) -> bool:
        return (self.max_noise_rate, self.max_issues, self.max_new_issues) != (None, None, None)


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict: the number measured, its limit, and the sentence that says so."""

    name: str
    value: float
    limit: float
    passed: bool
    message: str


def judge(
    gates: Gates, *, noise_rate: float, issues: int, new_issues: int | None
) -> tuple[GateResult, ...]:
    """Hold the numbers against the gates; a number equal to its limit passes.

    Args:
        gates: the limits.
        noise_rate: estimated share of wrong labels, in [0, 1].
        issues: flagged rows.
        new_issues: flagged rows that the baseline does not flag; None without a baseline.
    """
    results = []
    if gates.max_noise_rate is not None:
        limit = gates.max_noise_rate
        results.append(
            _result(
                "max-noise-rate",
                noise_rate,
                limit,
                f"estimated noise rate {100 * noise_rate:.2f} %, limit {100 * limit:.2f} %",
            )
        )
    if gates.max_issues is not None:
        count = gates.max_issues
        results.append(_result("max-issues", issues, count, f"{_rows(issues)}, limit {count}"))
    if gates.max_new_issues is not None:
        if new_issues is None:
            raise UsageError(
                "--max-new-issues needs something to compare with",
                "name the issues.parquet of an earlier run with --baseline",
            )
        count = gates.max_new_issues
        results.append(
            _result(
                "max-new-issues",
                new_issues,
                count,
                f"{_rows(new_issues)} that the baseline does not flag, limit {count}",
            )
        )
    return tuple(results)


def new_issues(current: pa.Table, baseline: pa.Table) -> list[int]:
    """Return the positions of flagged rows that the baseline does not flag, in table order.

    A flagged row is known when the baseline flags a row with its id, text and given label, or one
    with its text and given label under another id (rows were inserted above, or ids renumbered).
    Each flagged row of the baseline accounts for one row: two more copies of it are two new issues.

    Args:
        current: issues table with id, text, given_label and is_issue.
        baseline: the same of an earlier run, maybe of another version of the data.
    """
    known = Counter(_contents(baseline))
    known_ids = set(_ids_and_contents(baseline))
    unmatched = []
    for index, key in zip(_flagged(current), _ids_and_contents(current), strict=True):
        if key in known_ids:
            known[key[1:]] -= 1
        else:
            unmatched.append((index, key[1:]))
    fresh = []
    for index, content in unmatched:
        if known[content] > 0:
            known[content] -= 1
        else:
            fresh.append(index)
    return fresh


def _flagged(table: pa.Table) -> list[int]:
    return [i for i, flag in enumerate(table["is_issue"].to_pylist()) if flag]


def _ids_and_contents(table: pa.Table) -> Sequence[tuple[str | None, ...]]:
    rows = table.select(["id", "text", "given_label"]).filter(table["is_issue"])
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _contents(table: pa.Table) -> Sequence[tuple[str | None, ...]]:
    return [key[1:] for key in _ids_and_contents(table)]


def _rows(count: int) -> str:
    return "1 row is flagged" if count == 1 else f"{count} rows are flagged"


def _result(name: str, value: float, limit: float, message: str) -> GateResult:
    return GateResult(name, value, limit, value <= limit, message)
