"""What a stage says of the neighbours that it has missed, where it has not compared all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from noisefix.run.stage import NEIGHBOR_RECALL

if TYPE_CHECKING:
    from noisefix.run.stage import StageReport

LOW_RECALL = 0.95


class Measured(Protocol):
    """A search, or what rests on one."""

    @property
    def recall(self) -> float:
        """Return the share of the true neighbours found, in [0, 1]."""

    @property
    def is_exact(self) -> bool:
        """Say whether all are found for sure."""


def recall_result(search: Measured) -> dict[str, Any]:
    """Return what a stage adds to its results; nothing where the search is exact."""
    return {} if search.is_exact else {NEIGHBOR_RECALL: round(search.recall, 4)}


def recall_warnings(*reports: StageReport) -> tuple[str, ...]:
    """Say that a stage has missed more of the neighbours than it should."""
    return tuple(
        f"{report.name}: only {report.results[NEIGHBOR_RECALL]:.1%} of the nearest rows were "
        "found, as measured on 1,000 rows: what is said of neighbours is less sure than usual"
        for report in reports
        if report.results.get(NEIGHBOR_RECALL, 1.0) < LOW_RECALL
    )
