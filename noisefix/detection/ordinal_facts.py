"""What there is to say of errors where the classes have an order: how far, and how many so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.ordinal import distance_shares, with_steps

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged

_FAR = 2


@dataclass(frozen=True)
class OrdinalSummary:
    """How far labels seem to lie from the truth.

    Attributes:
        order: classes of the data, in their order.
        mean_distance: expected steps between given and true label, over the labelled rows.
        shares: estimated share of the labelled rows at 0, 1, 2, ... steps; sums to 1.
    """

    order: tuple[str, ...]
    mean_distance: float
    shares: tuple[float, ...]


def ordinal_facts(judged: Judged) -> dict[str, Any]:
    """Return the fact "ordinal" of ``OrdinalSummary`` as JSON; nothing where there is no order."""
    if judged.places is None or judged.distance is None:
        return {}
    given, places = judged.given_labels, judged.places
    probs = with_steps(judged.estimate.true_label_probs, given, places)
    shares = distance_shares(probs, given, places)
    return {
        "ordinal": {
            "order": [judged.class_names[k] for k in np.argsort(judged.places)],
            "mean_distance": float(np.nanmean(judged.distance)),
            "shares": shares.tolist(),
        }
    }


def read_ordinal(facts: dict[str, Any]) -> OrdinalSummary | None:
    """Return what ``ordinal_facts`` wrote; None where there is no order."""
    about = facts.get("ordinal")
    if about is None:
        return None
    return OrdinalSummary(tuple(about["order"]), about["mean_distance"], tuple(about["shares"]))


def say_how_far(judged: Judged, suggested: np.ndarray, reasons: list[list[str]]) -> None:
    """Say of flagged rows how many steps off they seem, from two on; fills ``reasons`` in place."""
    if judged.places is None:
        return
    given = judged.given_labels
    for row in np.flatnonzero(judged.is_issue & (given != UNLABELLED)).tolist():
        steps = int(abs(judged.places[suggested[row]] - judged.places[given[row]]))
        if steps >= _FAR:
            name = judged.class_names[suggested[row]]
            reasons[row].insert(0, f"{name} is {steps} steps away in the order of the classes")
