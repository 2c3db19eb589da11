"""What a marked sample says: shares with intervals that hold at few rows too.

Each stratum has a confidence distribution of how many of its rows are wrong: exact for a sample
without replacement (hypergeometric). A share of several strata is the sum of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LEVEL = 0.9
"""Share of the intervals that hold, over many samples."""

_GRID = 2_000
_DRAWS = 4_001


@dataclass(frozen=True)
class Stratum:
    """One stratum as far as it is marked.

    Attributes:
        rows: all its rows.
        marked: those drawn that a person has marked.
        wrong: those of them that were given a wrong label.
        is_flagged: its rows are flagged.
        tie: a number in [0, 1], drawn once with the sample: intervals of counts hold too often
            unless chance decides at their ends.
    """

    rows: int
    marked: int
    wrong: int
    is_flagged: bool = False
    tie: float = 0.5


@dataclass(frozen=True)
class Share:
    """A share with the ends of its 90 % interval.

    Attributes:
        value: the Horvitz-Thompson estimate.
        low, high: the ends.
        rows: the rows that it is a share of.
        marked: how many of them were marked; ``wrong`` of these.
    """

    value: float
    low: float
    high: float
    rows: int
    marked: int
    wrong: int

    @property
    def width(self) -> float:
        """From one end to the other."""
        return self.high - self.low


def wrong_share(strata: Sequence[Stratum]) -> Share | None:
    """Estimate which share of the rows of some strata is wrong; None where none was marked.

    The estimate is the sum of every stratum's rows times its share in the sample. Where a stratum
    was not marked at all, its rows count as those marked that are flagged like it, else as all.

    Args:
        strata: no row is in two of them.

    Source of the intervals: the confidence distributions of Stevens 1950, Fiducial limits of the
    parameter of a discontinuous distribution, Biometrika 37; where none or all of the rows marked
    are wrong, with half of the chance of what was seen (mid-P, Lancaster 1961, Significance tests
    in discrete distributions, Journal of the American Statistical Association 56), for chance would
    now and then end the interval at nothing there.
    """
    there = [stratum for stratum in strata if stratum.rows]
    rows, marked = sum(s.rows for s in there), sum(s.marked for s in there)
    if not marked:
        return None
    value = sum(s.rows * _observed(s, there) for s in there) / rows
    low = _quantile(_summed(there, is_high=False), (1 - LEVEL) / 2) / rows
    high = _quantile(_summed(there, is_high=True), (1 + LEVEL) / 2) / rows
    wrong = sum(s.wrong for s in there)
    return Share(value, min(low, value), max(high, value), rows, marked, wrong)


def found_share(strata: Sequence[Stratum]) -> Share | None:
    """Estimate which share of the wrong labels is flagged (recall); None where none was seen.

    Args:
        strata: all of them.
    """
    there = [stratum for stratum in strata if stratum.rows]
    if not any(s.wrong for s in there):
        return None
    flagged = np.array([s.is_flagged for s in there])
    expected = np.array([s.rows * _observed(s, there) for s in there])
    ends = []
    for is_high, quantile in ((False, (1 - LEVEL) / 2), (True, (1 + LEVEL) / 2)):
        drawn = np.zeros((2, _DRAWS))
        for s, few, many in zip(
            there, _wrong_rows(there, is_high=False), _wrong_rows(there, is_high=True), strict=True
        ):
            drawn[int(s.is_flagged)] += many if s.is_flagged == is_high else few
        found: np.ndarray = drawn[1] / np.maximum(drawn.sum(axis=0), 1e-9)
        ends.append(_quantile(found, quantile))
    value = float(expected[flagged].sum() / expected.sum())
    marked, wrong = sum(s.marked for s in there), sum(s.wrong for s in there)
    return Share(value, min(ends[0], value), max(ends[1], value), wrong, marked, wrong)


def width_after(strata: Sequence[Stratum], more: Sequence[int]) -> float:
    """Return about how wide the interval of the wrong share will be after further rows.

    Args:
        strata: as marked.
        more: how many further rows will be marked of each.
    """
    now = wrong_share(strata)
    if now is None:
        return 1.0
    before, after = (
        sum(_variance(s, min(s.marked + extra, s.rows)) for s, extra in zip(strata, n, strict=True))
        for n in ([0] * len(strata), more)
    )
    return now.width * float(np.sqrt(after / before)) if before > 0 else 0.0


def _variance(stratum: Stratum, marked: int) -> float:
    """Return the variance of the estimated number of wrong rows; shares are kept off 0 and 1."""
    if not stratum.rows or marked >= stratum.rows:
        return 0.0
    share = (stratum.wrong + 0.5) / (stratum.marked + 1)
    left = 1 - marked / stratum.rows
    return stratum.rows**2 * share * (1 - share) * left / max(marked, 0.5)


def _observed(stratum: Stratum, others: Sequence[Stratum]) -> float:
    if stratum.marked:
        return stratum.wrong / stratum.marked
    alike = [s for s in others if s.is_flagged == stratum.is_flagged and s.marked]
    alike = alike or [s for s in others if s.marked]
    return sum(s.wrong for s in alike) / sum(s.marked for s in alike)


def _wrong_rows(strata: Sequence[Stratum], is_high: bool) -> list[np.ndarray]:
    """Return draws of the number of wrong rows of each stratum, for one end of an interval."""
    middle = (np.arange(_DRAWS) + 0.5) / _DRAWS
    return [
        _draws_of(stratum, is_high, np.random.default_rng(place).permutation(middle))
        for place, stratum in enumerate(strata)
    ]


def _summed(strata: Sequence[Stratum], is_high: bool) -> np.ndarray:
    total: np.ndarray = np.sum(_wrong_rows(strata, is_high), axis=0)
    return total


def _draws_of(stratum: Stratum, is_high: bool, quantiles: np.ndarray) -> np.ndarray:
    """Return the confidence distribution's quantiles: numbers of wrong rows."""
    numbers, above, equal = _tails(stratum.rows, stratum.marked, stratum.wrong)
    tie = stratum.tie
    if not stratum.marked:
        tie = float(not is_high)  # nothing is known: all of it, or none
    elif stratum.wrong in (0, stratum.marked):
        tie = 0.5
    found: np.ndarray = np.interp(quantiles, above + tie * equal, numbers)
    return found


@lru_cache(maxsize=4_096)
def _tails(rows: int, marked: int, wrong: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return numbers of wrong rows that are possible, and for each what the sample would show.

    Returns:
        (G,) numbers, rising; (G,) P(more than ``wrong`` in the sample); (G,) P(just as many).
    """
    from scipy.special import gammaln

    least, most = wrong, rows - marked + wrong
    numbers = np.unique(np.linspace(least, most, min(most - least + 1, _GRID)).round())

    def ways(n: np.ndarray | float, k: float) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            log: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        found: np.ndarray = np.where((k < 0) | (np.asarray(n) < k), -np.inf, log)
        return found

    def chance(hits: int) -> np.ndarray:
        log = ways(numbers, hits) + ways(rows - numbers, marked - hits) - ways(rows, marked)
        chances: np.ndarray = np.exp(log)
        return chances

    equal = chance(wrong)
    above = sum((chance(hits) for hits in range(wrong + 1, marked + 1)), np.zeros(len(numbers)))
    return numbers, above, equal


def _quantile(values: np.ndarray, quantile: float) -> float:
    return float(np.quantile(values, quantile))
