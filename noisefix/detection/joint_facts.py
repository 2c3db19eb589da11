"""What is told of a judged data set as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.cross_check import facts_of_the_whole
from noisefix.detection.deciding import dispute_facts, flagged_wrong
from noisefix.detection.definitions import matching_facts
from noisefix.detection.mismatched import mismatched_facts
from noisefix.detection.order_facts import order_facts
from noisefix.detection.ordinal_facts import ordinal_facts
from noisefix.detection.outside import outside_facts
from noisefix.detection.search_recall import recall_result
from noisefix.detection.unnamed import unnamed_facts
from noisefix.detection.voter_tables import annotators_facts
from noisefix.detection.witness import find_witness
from noisefix.labels import UNLABELLED
from noisefix.neighbors.duplicates import conflicts

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged

_SHOWN = 5


def results(judged: Judged) -> dict[str, Any]:
    """Return the facts about the data set as a whole."""
    rate = judged.estimate.noise_rate
    groups = judged.surroundings.duplicate_groups
    disputed = np.isin(groups, conflicts(groups, written_labels(judged)))
    gain = None if judged.names is None else judged.names.gain
    annotators = annotators_facts(judged)
    witness = find_witness(
        gain,
        rate.low,
        judged.estimate.n_verified,
        n_annotators=0 if annotators is None else annotators["used"],
    )
    return {
        "rows": len(judged.given_labels),
        "labelled": int((judged.given_labels != UNLABELLED).sum()),
        "issues": int(judged.is_issue.sum()),
        "noise_rate": rate.value,
        "noise_rate_low": rate.low,
        "noise_rate_high": rate.high,
        **flagged_wrong(judged),
        **dispute_facts(judged),
        "labelled_by": judged.labelled_by,
        **facts_of_the_whole(judged),
        "trusted": int(judged.is_trusted.sum()),
        "learned_from": judged.estimate.n_verified,
        "judged": int(judged.scope.rows.sum()),
        "no_text": int((~judged.scope.written).sum()),
        **_not_compared(judged),
        "duplicate_conflicts": int((disputed & (judged.given_labels != UNLABELLED)).sum()),
        "annotators": annotators,
        **outside_facts(judged),
        **unnamed_facts(judged),
        **mismatched_facts(judged),
        **order_facts(judged),
        "name_gain": gain,
        **matching_facts(judged.names),
        "can_relabel": witness.can_relabel,
        "relabel_reason": witness.reason,
        **ordinal_facts(judged),
        **recall_result(judged.surroundings.nearest.recall),
    }


def written_labels(judged: Judged) -> np.ndarray:
    """Return (N,) the given labels of rows with a text, -1 for the others."""
    return np.where(judged.scope.written, judged.given_labels, UNLABELLED)


def _not_compared(judged: Judged) -> dict[str, Any]:
    """Name the classes of which no row gets a verdict, though some have a text."""
    written = set(written_labels(judged).tolist()) - {UNLABELLED}
    lone = sorted(written - set(judged.given_labels[judged.scope.rows].tolist()))
    return {
        "lone_classes": len(lone),
        "lone_class_names": [judged.class_names[k] for k in lone[:_SHOWN]],
    }
