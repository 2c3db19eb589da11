"""The column of labels that a table without one gets: what its annotators come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from noisefix.cleaning.cell_edit import Edit
from noisefix.cleaning.decide import Decision

if TYPE_CHECKING:
    import pyarrow as pa


def consensus_column(prefix: str) -> str:
    """Return the column's name."""
    return f"{prefix}label"


def consensus_labels(issues: pa.Table, decisions: Sequence[Decision]) -> list[str | None]:
    """Return (N,) labels: what most annotators say, or the label that was decided on.

    Args:
        issues: (N rows) an issues table whose given labels are the annotators' vote.
        decisions: of its rows.
    """
    labels: list[str | None] = issues["given_label"].to_pylist()
    for decision in decisions:
        if decision.new_label is not None:
            labels[decision.index] = decision.new_label
    return labels


def consensus_edits(decisions: Sequence[Decision], prefix: str) -> tuple[Edit, ...]:
    """Return where the column says something else than most annotators do."""
    column = consensus_column(prefix)
    return tuple(
        Edit(decision, column, decision.new_label)
        for decision in decisions
        if decision.new_label is not None
    )
