"""Rows that seem to belong to no class: what is said of each, and of all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.probing.outside import OUTSIDE_FROM

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged


def say_outside(judged: Judged, reasons: list[list[str]]) -> None:
    """Say of the rows that seem to belong to no class why; fills ``reasons`` in place.

    Args:
        judged: N rows.
        reasons: (N,) lists.
    """
    for row in np.flatnonzero(judged.p_outside >= OUTSIDE_FROM).tolist():
        label = int(judged.pred_probs[row].argmax())
        reasons[row].insert(
            0,
            "outside: farther from all classes than nearly every row that belongs to one, and by "
            f"its text no class is likely, {judged.class_names[label]} most with "
            f"{judged.pred_probs[row, label]:.2f}",
        )


def outside_facts(judged: Judged) -> dict[str, Any]:
    """Return how many rows seem to belong to no class, for the results of the joint stage."""
    return {"outside": int((judged.p_outside >= OUTSIDE_FROM).sum())}
