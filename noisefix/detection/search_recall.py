"""What a stage says of the neighbours that it has missed, where it has not compared all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisefix.run.stage import NEIGHBOR_RECALL

if TYPE_CHECKING:
    from noisefix.run.stage import StageReport

LOW_RECALL = 0.95


def recall_result(recall: float) -> dict[str, Any]:
    """Return what a stage adds to its results; nothing where no neighbour is missed.

    Args:
        recall: as of ``Neighbors``.
    """
    return {} if recall == 1 else {NEIGHBOR_RECALL: round(recall, 4)}


def recall_warnings(report: StageReport) -> tuple[str, ...]:
    """Say that a stage has missed more of the neighbours than it should."""
    recall = report.results.get(NEIGHBOR_RECALL, 1.0)
    if recall >= LOW_RECALL:
        return ()
    return (
        f"{report.name}: only {recall:.1%} of the nearest rows were found, as measured on 1,000 "
        "rows: what is said of neighbours is less sure than usual",
    )
