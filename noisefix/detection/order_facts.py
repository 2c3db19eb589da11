"""What the rows before and after say of a label, in words; and of all rows together."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probing.group_rates import group_rates
from noisefix.probing.hidden_chain import NO_PLACE

if TYPE_CHECKING:
    from noisefix.detection.judged import Judged

_TELLING_RATIO = 1.5
"""Less than this the rows before and after are not worth quoting for."""

_MOST_GROUPS = 100


def say_before_and_after(judged: Judged, reasons: list[list[str]]) -> None:
    """Say which label the rows before and after suggest; fills ``reasons`` in place.

    Compared are the given label and the likeliest other one, as in all reasons.

    Args:
        judged: N rows.
        reasons: (N,) lists.
    """
    chain = judged.chain
    if chain is None or not chain.is_used:
        return
    names = [judged.class_names[k] for k in judged.scope.classes]
    given = judged.scope.labels(judged.given_labels)
    probs = judged.scope.narrow(judged.estimate.true_label_probs)
    for row in np.flatnonzero((given != UNLABELLED) & chain.log_ratio.any(axis=1)).tolist():
        label, others = int(given[row]), probs[row].copy()
        others[label] = -1
        other = int(others.argmax())
        ratio = float(np.exp(chain.log_ratio[row, other] - chain.log_ratio[row, label]))
        first, second = (other, label) if ratio >= 1 else (label, other)
        ratio = max(ratio, 1 / ratio)
        if ratio >= _TELLING_RATIO:
            reasons[row].append(
                f"the rows before and after suggest {names[first]}: there it is {ratio:.1f} x as "
                f"likely against {names[second]} as in the average row"
            )


def order_facts(judged: Judged) -> dict[str, Any]:
    """Return whether the order of the rows was used, and the groups, for the stage's results."""
    chain, sequences = judged.chain, judged.sequences
    if chain is None or sequences is None:
        return {"order": None}
    p_error = np.where(judged.given_labels == UNLABELLED, np.nan, judged.estimate.p_error)
    given = judged.given_labels[judged.given_labels != UNLABELLED]
    shares = np.bincount(given) / len(given)
    entropy = -float((shares * np.log(np.maximum(shares, 1e-12))).sum())
    return {
        "order": {
            "is_used": chain.is_used,
            "explains": max(chain.gain, 0.0) / max(entropy, 1e-12),
            "gain": chain.gain,
            "gain_error": chain.gain_error,
            "text_gain": chain.text_gain,
            "text_gain_error": chain.text_gain_error,
            "rows": chain.n_rows,
            "refused": chain.refused,
            "unplaced": int((sequences.places == NO_PLACE).sum()),
            "groups": [asdict(rate) for rate in group_rates(p_error, sequences, _MOST_GROUPS)],
        }
    }
