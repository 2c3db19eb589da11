"""What the two readings of the noise dispute, and how much of what is flagged is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.judged import DECIMALS
from noisefix.labels import UNLABELLED, decode_labels
from noisefix.probing.readings import Dispute, find_dispute

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged

_DECIDING_ROWS = 10


def flagged_wrong(judged: Judged) -> dict[str, float]:
    """Return how many of the flagged rows are wrong, with a 90 % interval."""
    flagged = np.flatnonzero(judged.is_issue)
    if not len(flagged) or judged.estimate.wrong_among is None:
        return {"flagged_wrong": 0.0, "flagged_wrong_low": 0.0, "flagged_wrong_high": 0.0}
    share, n_flagged = judged.estimate.wrong_among(flagged), len(flagged)
    return {
        "flagged_wrong": share.value * n_flagged,
        "flagged_wrong_low": share.low * n_flagged,
        "flagged_wrong_high": share.high * n_flagged,
    }


def _dispute(judged: Judged) -> Dispute:
    """Find the rows that only one reading suspects; none where the share is all but settled."""
    unsettled = judged.scope.labels(judged.given_labels) != UNLABELLED
    unsettled &= judged.verified_labels == UNLABELLED
    candidates = np.flatnonzero(unsettled & ~judged.is_trusted)
    n_suspects = max(int(judged.is_issue.sum()), _DECIDING_ROWS)
    return find_dispute(
        judged.readings.only, candidates, min(n_suspects, len(candidates)), _DECIDING_ROWS
    )


def dispute_facts(judged: Judged) -> dict[str, Any]:
    """Return how many rows each reading alone suspects, and the label that most of them have."""
    dispute = _dispute(judged)

    def commonest(rows: np.ndarray) -> str | None:
        if not len(rows):
            return None
        return judged.class_names[int(np.bincount(judged.given_labels[rows]).argmax())]

    return {
        "disputed_rows": len(dispute.as_given),
        "overused_label": commonest(dispute.as_given),
        "collapsed_into": commonest(dispute.collapsed),
    }


def deciding_rows(embeddings: pa.Table, judged: Judged, suggested: np.ndarray) -> pa.Table:
    """Return the rows whose verification would tell which reading holds."""
    import pyarrow as pa

    dispute = _dispute(judged)
    rows = dispute.deciding
    table = embeddings.select(("id", "row_number", "text", "given_label")).take(pa.array(rows))
    readings = np.where(np.isin(rows, dispute.as_given), "as_given", "collapsed")
    names = pa.array(decode_labels(suggested[rows], judged.class_names), pa.string())
    table = table.append_column("suggested_label", names)
    p_error = np.round(judged.estimate.p_error[rows], DECIMALS)
    table = table.append_column("p_error", pa.array(p_error, pa.float64()))
    return table.append_column("suspected_if", pa.array(readings.tolist(), pa.string()))
