"""The tables that the joint stage writes, made of what it has judged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.confident.joint import confident_joint
from noisefix.confident.matrices import inverse_noise_matrix, noise_matrix
from noisefix.confident.validation import row_blocks
from noisefix.detection.deciding import deciding_rows
from noisefix.detection.issues_table import issue_parts
from noisefix.detection.joint_facts import written_labels
from noisefix.detection.pairs_table import pairs_table
from noisefix.detection.voter_tables import annotators_table
from noisefix.labels import UNLABELLED, decode_labels
from noisefix.neighbors.duplicates import conflicts
from noisefix.probing.ordinal import median_labels

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged


def build(
    embeddings: pa.Table, judged: Judged, n_neighbors: int, *, in_parts: bool = False
) -> dict[str, Any]:
    """Return issues, joint, classes, pairs, duplicates, deciding and, where some are, annotators.

    Args:
        embeddings: the embeddings table, for id, row_number, text and given_label.
        judged: N rows in the order of that table.
        n_neighbors: neighbours quoted in the reasons.
        in_parts: issues come as parts, made when they are asked for.
    """
    import pyarrow as pa

    suggested, heard = _suggested(judged), judged.heard
    annotators = {} if heard is None else {"annotators": annotators_table(judged, heard)}
    issues = issue_parts(embeddings, judged, suggested, n_neighbors)
    return {
        "issues": issues if in_parts else pa.concat_tables(issues),
        "joint": _joint(judged),
        "classes": _classes(judged),
        "pairs": pairs_table(embeddings, judged, suggested),
        "duplicates": _duplicates(embeddings, judged),
        "deciding": deciding_rows(embeddings, judged, suggested),
        **annotators,
    }


def _suggested(judged: Judged) -> np.ndarray:
    """Return (N,) the most probable true label; without a verdict the given one stands."""
    probs, places = judged.estimate.true_label_probs, judged.places
    suggested = np.empty(len(probs), dtype=np.int64)
    for rows in row_blocks(*probs.shape):
        part = probs[rows]
        suggested[rows] = part.argmax(axis=1) if places is None else median_labels(part, places)
    stands = (judged.given_labels != UNLABELLED) & ~judged.scope.rows
    stands &= judged.verified_labels == UNLABELLED
    suggested[stands] = judged.given_labels[stands]
    return suggested


def _joint(judged: Judged) -> pa.Table:
    import pyarrow as pa

    judged_labels = np.where(judged.scope.rows, judged.given_labels, UNLABELLED)
    found = confident_joint(judged_labels, judged.pred_probs)
    joint, k = found.joint, len(judged.class_names)
    given, true = np.divmod(np.arange(k * k), k)
    names = pa.array(judged.class_names, pa.string())
    # Both matrices come as [.., ..] with columns that sum to 1: noise is [given, true].
    return pa.table(
        {
            "given_label": names.take(pa.array(given)),
            "true_label": names.take(pa.array(true)),
            "count": pa.array(found.counts.reshape(-1)),
            "joint": pa.array(joint.reshape(-1)),
            "noise_rate": pa.array(noise_matrix(joint).reshape(-1)),
            "inverse": pa.array(np.transpose(inverse_noise_matrix(joint)).reshape(-1)),
        }
    )


def _classes(judged: Judged) -> pa.Table:
    import pyarrow as pa

    given = judged.given_labels
    counts = np.bincount(given[given != UNLABELLED], minlength=len(judged.class_names))
    flagged = np.bincount(given[judged.is_issue], minlength=len(judged.class_names))
    rates = judged.estimate.class_noise_rates
    return pa.table(
        {
            "label": pa.array(list(judged.class_names)),
            "rows": pa.array(counts),
            "given_share": pa.array(counts / counts.sum()),
            "true_share": pa.array(judged.estimate.true_shares),
            "issues": pa.array(flagged),
            "noise_rate": pa.array([rate.value for rate in rates]),
            "noise_rate_low": pa.array([rate.low for rate in rates]),
            "noise_rate_high": pa.array([rate.high for rate in rates]),
        }
    )


def _duplicates(embeddings: pa.Table, judged: Judged) -> pa.Table:
    import pyarrow as pa

    columns = ("id", "row_number", "text", "given_label")
    groups = judged.surroundings.duplicate_groups
    chosen = np.flatnonzero(np.isin(groups, conflicts(groups, written_labels(judged))))
    chosen = chosen[np.argsort(groups[chosen], kind="stable")]
    labels = decode_labels(judged.given_labels[chosen], judged.class_names)
    keys = groups[chosen].tolist()
    said: dict[int, Counter[str]] = {}
    for key, label in zip(keys, labels, strict=True):
        if label is not None:
            said.setdefault(key, Counter())[label] += 1
    table = embeddings.select(columns).take(pa.array(chosen))
    table = table.append_column("duplicate_group", pa.array(keys, pa.int64()))
    ordered = [sorted(said[key], key=lambda label: (-said[key][label], label)) for key in keys]
    return table.append_column("group_labels", pa.array(ordered, pa.list_(pa.string())))
