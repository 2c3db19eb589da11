"""Gates: limits that a data set must keep, judged on numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from noisefix.errors import UsageError

NOISE_RATE, ISSUES, NEW_ISSUES = "max-noise-rate", "max-issues", "max-new-issues"
LEAKS, MISMATCHED = "max-leaks", "max-mismatched"
NOT_OF_LABELS = frozenset({LEAKS, MISMATCHED})
"""Gates that blame no label."""


@dataclass(frozen=True)
class Gates:
    """The limits; None is no gate.

    Attributes:
        max_noise_rate: highest share of wrong labels that may be certain, in [0, 1].
        max_issues: most flagged rows.
        max_new_issues: most flagged rows that the baseline does not hold.
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
class NoiseRate:
    """Estimated share of wrong labels, with the ends of its 90 % interval; all in [0, 1].

    Where a row may have several labels it is the share ``of`` rows with a wrong or missing one.
    """

    estimate: float
    low: float
    high: float
    of: str = "labels"


@dataclass(frozen=True)
class GateResult:
    """One gate's verdict: the number measured, its limit, and the sentence that says so."""

    name: str
    value: float
    limit: float
    passed: bool
    message: str


def judge(
    gates: Gates, *, noise_rate: NoiseRate, issues: int, new_issues: int | None
) -> tuple[GateResult, ...]:
    """Hold the numbers against the gates; a number equal to its limit passes.

    Of the noise rate, the lower end of the interval is held against the limit: a gate fails only
    where the limit is broken for all that is known, so that few rows pass though little is known.

    Args:
        gates: the limits.
        noise_rate: the share of wrong labels.
        issues: flagged rows.
        new_issues: flagged rows that the baseline does not hold; None without a baseline.

    Raises:
        UsageError: new issues are limited, and there is no baseline.
    """
    results = []
    if gates.max_noise_rate is not None:
        results.append(_noise_rate(noise_rate, gates.max_noise_rate))
    if gates.max_issues is not None:
        count = gates.max_issues
        results.append(_result(ISSUES, issues, count, f"{_rows(issues)}, limit {count}"))
    if gates.max_new_issues is not None:
        if new_issues is None:
            raise UsageError(
                "--max-new-issues needs something to compare with",
                "name what --write-baseline wrote, or the issues.parquet of an earlier run, with "
                "--baseline",
            )
        count = gates.max_new_issues
        words = f"{_rows(new_issues)} whose text or label is not in the baseline, limit {count}"
        results.append(_result(NEW_ISSUES, new_issues, count, words))
    return tuple(results)


def _noise_rate(rate: NoiseRate, limit: float) -> GateResult:
    return _result(
        NOISE_RATE,
        rate.low,
        limit,
        f"at least {_percent(rate.low)} of the {rate.of} look wrong (estimate "
        f"{_percent(rate.estimate)}, 90 % interval {_percent(rate.low).removesuffix(' %')} to "
        f"{_percent(rate.high)}), limit "
        f"{_percent(limit)}",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _rows(count: int) -> str:
    return "1 row is flagged" if count == 1 else f"{count} rows are flagged"


def _result(name: str, value: float, limit: float, message: str) -> GateResult:
    return GateResult(name, value, limit, value <= limit, message)
