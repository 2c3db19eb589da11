"""The tables that the joint stage writes, made of what it has judged."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.confident.joint import confident_joint
from noisefix.confident.matrices import inverse_noise_matrix, noise_matrix
from noisefix.confident.scores import normalized_margin, self_confidence
from noisefix.detection.cross_check import facts_of_the_whole
from noisefix.detection.deciding import deciding_rows, dispute_facts, flagged_wrong
from noisefix.detection.judged import DECIMALS
from noisefix.detection.order_facts import order_facts, say_before_and_after
from noisefix.detection.ordinal_facts import ordinal_facts, say_how_far
from noisefix.detection.outside import outside_facts, say_outside
from noisefix.detection.reasons import ReasonInputs, explain, say_what_is_missing
from noisefix.detection.unnamed import say_unnamed, unnamed_column, unnamed_facts
from noisefix.detection.voter_tables import (
    annotators_facts,
    annotators_reasons,
    annotators_table,
)
from noisefix.detection.witness import find_witness
from noisefix.labels import UNLABELLED, decode_labels
from noisefix.neighbors.duplicates import conflicts
from noisefix.neighbors.search import nearest
from noisefix.probing.ordinal import median_labels
from noisefix.run.rejected import NOT_LABELS
from noisefix.run.schemas import UNHEARD_PROBS, UNNAMED, VOUCHED

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged

_MOST_PAIRS = 20
_LEAST_ROWS_OF_A_PAIR = 0.5
_SHOWN = 5


def build(embeddings: pa.Table, judged: Judged, n_neighbors: int) -> dict[str, pa.Table]:
    """Return issues, joint, classes, pairs, duplicates, deciding and, where some are, annotators.

    Args:
        embeddings: the embeddings table, for id, row_number, text and given_label.
        judged: N rows in the order of that table.
        n_neighbors: neighbours quoted in the reasons.
    """
    suggested, heard = _suggested(judged), judged.heard
    annotators = {} if heard is None else {"annotators": annotators_table(judged, heard)}
    return {
        "issues": _issues(embeddings, judged, suggested, n_neighbors),
        "joint": _joint(judged),
        "classes": _classes(judged),
        "pairs": _pairs(embeddings, judged, suggested),
        "duplicates": _duplicates(embeddings, judged),
        "deciding": deciding_rows(embeddings, judged, suggested),
        **annotators,
    }


def results(judged: Judged) -> dict[str, Any]:
    """Return the facts about the data set as a whole."""
    rate = judged.estimate.noise_rate
    groups = judged.surroundings.duplicate_groups
    disputed = np.isin(groups, conflicts(groups, _written_labels(judged)))
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
        **order_facts(judged),
        "name_gain": gain,
        "can_relabel": witness.can_relabel,
        "relabel_reason": witness.reason,
        **ordinal_facts(judged),
    }


def _suggested(judged: Judged) -> np.ndarray:
    """Return (N,) the most probable true label; without a verdict the given one stands."""
    probs = judged.estimate.true_label_probs
    suggested: np.ndarray = (
        probs.argmax(axis=1) if judged.places is None else median_labels(probs, judged.places)
    )
    stands = (judged.given_labels != UNLABELLED) & ~judged.scope.rows
    stands &= judged.verified_labels == UNLABELLED
    suggested[stands] = judged.given_labels[stands]
    return suggested


def _suggested_names(judged: Judged, suggested: np.ndarray) -> list[str | None]:
    """Name the suggested labels; a person may have verified a class that no row was given."""
    is_new = judged.verified_labels >= len(judged.class_names)
    return decode_labels(np.where(is_new, judged.verified_labels, suggested), judged.verified_names)


def _written_labels(judged: Judged) -> np.ndarray:
    return np.where(judged.scope.written, judged.given_labels, UNLABELLED)


def _not_compared(judged: Judged) -> dict[str, Any]:
    """Name the classes of which no row gets a verdict, though some have a text."""
    written = set(_written_labels(judged).tolist()) - {UNLABELLED}
    lone = sorted(written - set(judged.given_labels[judged.scope.rows].tolist()))
    return {
        "lone_classes": len(lone),
        "lone_class_names": [judged.class_names[k] for k in lone[:_SHOWN]],
    }


def _issues(
    embeddings: pa.Table,
    judged: Judged,
    suggested: np.ndarray,
    n_neighbors: int,
) -> pa.Table:
    import pyarrow as pa

    given, probs = judged.given_labels, judged.pred_probs
    names, scope = judged.class_names, judged.scope
    p_error = np.round(judged.estimate.p_error, DECIMALS)
    scores = self_confidence(given, probs)
    seen, likely = scope.labels(given), scope.narrow(judged.estimate.true_label_probs)
    order = scope.order(len(judged.verified_names))
    reasons = explain(
        ReasonInputs(
            class_names=[names[k] for k in scope.classes],
            verified_names=[judged.verified_names[k] for k in order],
            given_labels=seen,
            other_label=_best_other(likely, seen),
            verified_labels=np.where(
                judged.verified_labels < 0,
                UNLABELLED,
                np.argsort(order)[judged.verified_labels],
            ),
            is_issue=judged.is_issue,
            true_label_probs=likely,
            pooled=scope.narrow(probs),
            surroundings=judged.surroundings,
            views=judged.views,
            names=judged.names,
            n_neighbors=n_neighbors,
        )
    )
    say_before_and_after(judged, reasons)
    say_unnamed(judged, reasons)
    say_outside(judged, reasons)
    say_what_is_missing(names, given, judged.surroundings.duplicate_groups, scope, reasons)
    out = judged.ruled_out
    for row, words in ({} if out is None else out.words).items():
        reasons[row].insert(0, words)
    say_how_far(judged, suggested, reasons)
    annotators_reasons(judged, suggested, reasons)
    table = pa.table(
        {
            **{name: embeddings[name] for name in ("id", "row_number", "text", "given_label")},
            "predicted_label": pa.array(decode_labels(probs.argmax(axis=1), names)),
            "suggested_label": pa.array(_suggested_names(judged, suggested)),
            "self_confidence": pa.array(scores, from_pandas=True),
            "normalized_margin": pa.array(normalized_margin(given, probs), from_pandas=True),
            "p_error": pa.array(p_error, from_pandas=True),
            "is_issue": pa.array(judged.is_issue),
            "rank": _ranks(p_error, scores, ~scope.rows + 2 * judged.is_trusted, judged.distance),
            "reasons": pa.array(reasons, pa.list_(pa.string())),
            "pred_probs": _rows(probs),
            "true_label_probs": _rows(judged.estimate.true_label_probs),
            "duplicate_group": pa.array(judged.surroundings.duplicate_groups, pa.int64()),
            "is_trusted": pa.array(judged.is_trusted),
            "p_outside": pa.array(np.round(judged.p_outside, DECIMALS), from_pandas=True),
        }
    )
    for name, column in _added(judged).items():
        table = table.append_column(name, column)
    return table


def _added(judged: Judged) -> dict[str, pa.Array]:
    """Return the columns that only some runs have."""
    import pyarrow as pa

    columns = {}
    if judged.distance is not None:
        distance = np.round(judged.distance, DECIMALS)
        columns["expected_distance"] = pa.array(distance, from_pandas=True)
    if judged.ruled_out is not None and judged.ruled_out.labels:
        cells = [judged.ruled_out.labels.get(row) for row in range(len(judged.given_labels))]
        columns[NOT_LABELS] = pa.array(cells, pa.list_(pa.string()))
    if judged.unnamed:
        columns[UNNAMED] = unnamed_column(judged)
    if judged.heard is not None:
        columns[VOUCHED] = pa.array(judged.heard.voted.is_vouched)
        columns[UNHEARD_PROBS] = _rows(judged.heard.unheard)
    return columns


def _ranks(
    p_error: np.ndarray, scores: np.ndarray, tier: np.ndarray, distance: np.ndarray | None
) -> pa.Array:
    """Rank by tier (no verdict, then trusted last), p_error, self-confidence, then row order.

    Where classes have an order, the expected distance comes before p_error.
    """
    import pyarrow as pa

    labelled = np.flatnonzero(~np.isnan(p_error))
    keys = [labelled, np.round(scores[labelled], DECIMALS), -p_error[labelled]]
    if distance is not None:
        keys.append(-np.round(distance[labelled], DECIMALS))
    order = np.lexsort((*keys, tier[labelled]))
    ranks = np.zeros(len(p_error), dtype=np.int64)
    ranks[labelled[order]] = np.arange(1, len(labelled) + 1)
    return pa.array(ranks, mask=np.isnan(p_error))


def _best_other(probs: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return (N,) the most probable label that is not the given one."""
    others = probs.copy()
    labelled = np.flatnonzero(given != UNLABELLED)
    others[labelled, given[labelled]] = -1
    best: np.ndarray = others.argmax(axis=1)
    return best


def _rows(matrix: np.ndarray) -> pa.Array:
    import pyarrow as pa

    flat = np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), matrix.shape[1])


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


def _pairs(embeddings: pa.Table, judged: Judged, suggested: np.ndarray) -> pa.Table:
    import pyarrow as pa

    given, k = np.where(judged.scope.rows, judged.given_labels, UNLABELLED), len(judged.class_names)
    expected = np.zeros((k, k))
    for label in range(k):
        members = given == label
        expected[label] = judged.estimate.true_label_probs[members].sum(axis=0, dtype=np.float64)
    np.fill_diagonal(expected, 0)
    flagged = np.zeros((k, k), dtype=np.int64)
    np.add.at(flagged, (given[judged.is_issue], suggested[judged.is_issue]), 1)
    order = np.argsort(-np.round(expected, DECIMALS), axis=None, kind="stable")[:_MOST_PAIRS]
    rows: list[dict[str, Any]] = []
    for cell in order.tolist():
        first, second = divmod(cell, k)
        if expected[first, second] < _LEAST_ROWS_OF_A_PAIR:
            break
        rows.append(
            {
                "given_label": judged.class_names[first],
                "suggested_label": judged.class_names[second],
                "expected_rows": float(expected[first, second]),
                "issues": int(flagged[first, second]),
                **_example(embeddings, judged, first, second),
            }
        )
    from noisefix.run.schemas import PAIRS

    return pa.Table.from_pylist(rows, schema=PAIRS.arrow())


def _example(embeddings: pa.Table, judged: Judged, first: int, second: int) -> dict[str, Any]:
    """Take the row given ``first`` that most looks like ``second``, and its nearest of those."""
    rows = judged.scope.rows
    mine = np.flatnonzero(rows & (judged.given_labels == first) & ~judged.is_trusted)
    theirs = np.flatnonzero(rows & (judged.given_labels == second))
    empty = dict.fromkeys(
        ("example_id", "example_text", "nearest_id", "nearest_text", "similarity")
    )
    if not len(mine) or not len(theirs):
        return empty
    likeness = np.round(judged.estimate.true_label_probs[mine, second], DECIMALS)
    row = mine[likeness.argmax()]
    query = slice(row, row + 1)
    groups = judged.surroundings.duplicate_groups
    found = nearest(
        judged.embeddings[query],
        judged.embeddings[theirs],
        1,
        query_groups=groups[query],
        base_groups=groups[theirs],
        device="cpu",
    )
    example = {"example_id": embeddings["id"][row].as_py(), "example_text": _text(embeddings, row)}
    if found.indices[0, 0] < 0:
        return empty | example
    near = theirs[found.indices[0, 0]]
    return example | {
        "nearest_id": embeddings["id"][near].as_py(),
        "nearest_text": _text(embeddings, near),
        "similarity": float(found.similarities[0, 0]),
    }


def _text(embeddings: pa.Table, row: int) -> str | None:
    text: str | None = embeddings["text"][row].as_py()
    return text


def _duplicates(embeddings: pa.Table, judged: Judged) -> pa.Table:
    import pyarrow as pa

    columns = ("id", "row_number", "text", "given_label")
    groups = judged.surroundings.duplicate_groups
    chosen = np.flatnonzero(np.isin(groups, conflicts(groups, _written_labels(judged))))
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
