"""The table of issues, made part by part: a score, a verdict and the reasons for every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from noisefix.confident.rows import summarize_rows
from noisefix.confident.scores import normalized_margin, self_confidence
from noisefix.detection.judged import DECIMALS
from noisefix.detection.mismatched import mismatched_columns, say_mismatched
from noisefix.detection.order_facts import say_before_and_after
from noisefix.detection.ordinal_facts import say_how_far
from noisefix.detection.outside import say_outside
from noisefix.detection.reasons import Lone, ReasonInputs, Whole, explain, say_what_is_missing
from noisefix.detection.unnamed import say_unnamed, unnamed_column, unnamed_words
from noisefix.detection.voter_tables import annotators_reasons
from noisefix.labels import UNLABELLED, decode_labels
from noisefix.run.rejected import NOT_LABELS
from noisefix.run.schemas import UNHEARD_PROBS, UNNAMED, VOUCHED
from noisefix.vectors import GRAIN, blocks

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.detection.judged import Judged

_PART_ROWS = 8 * GRAIN


@dataclass(frozen=True)
class _Scores:
    """What is worked out of all N rows together."""

    suggested: np.ndarray  # (N,) class ids
    p_error: np.ndarray  # (N,) rounded, NaN = unlabelled
    confidence: np.ndarray  # (N,)
    margin: np.ndarray  # (N,)
    ranks: pa.Array  # (N,)

    def part(self, first: int, last: int) -> _Scores:
        rows = slice(first, last)
        return _Scores(
            self.suggested[rows],
            self.p_error[rows],
            self.confidence[rows],
            self.margin[rows],
            self.ranks[rows],
        )


def issue_parts(
    embeddings: pa.Table, judged: Judged, suggested: np.ndarray, n_neighbors: int
) -> Iterator[pa.Table]:
    """Yield the table in parts of some rows, each made when it is asked for.

    Args:
        embeddings: the embeddings table, for id, row_number, text and given_label.
        judged: N rows in the order of that table.
        suggested: (N,) ids of the most probable true labels.
        n_neighbors: neighbours quoted in the reasons.
    """
    given, scope, groups = judged.given_labels, judged.scope, judged.surroundings.duplicate_groups
    summary = summarize_rows(given, judged.pred_probs)
    p_error = np.round(judged.estimate.p_error, DECIMALS)
    confidence = self_confidence(given, judged.pred_probs, rows=summary)
    tier = ~scope.rows + 2 * judged.is_trusted
    scores = _Scores(
        suggested,
        p_error,
        confidence,
        normalized_margin(given, judged.pred_probs, rows=summary),
        _ranks(p_error, confidence, tier, judged.distance),
    )
    del summary
    shares = scope.narrow(judged.pred_probs.mean(axis=0, dtype=np.float64)[None])[0]
    whole = Whole.of(scope.labels(given), shares, groups)
    lone, words = Lone.of(given, groups, scope), unnamed_words(judged)
    has_ruled_out = judged.ruled_out is not None and bool(judged.ruled_out.labels)
    for first, last in blocks(len(given), _PART_ROWS):
        part, of_part = judged.part(first, last), scores.part(first, last)
        reasons = _reasons(part, whole, lone, words, of_part.suggested, n_neighbors)
        rows = embeddings.slice(first, last - first)
        yield _table(rows, part, of_part, reasons, has_ruled_out)


def _reasons(
    judged: Judged,
    whole: Whole,
    lone: Lone,
    of_unnamed: list[str],
    suggested: np.ndarray,
    n_neighbors: int,
) -> list[list[str]]:
    given, names, scope = judged.given_labels, judged.class_names, judged.scope
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
            pooled=scope.narrow(judged.pred_probs),
            surroundings=judged.surroundings,
            views=judged.views,
            names=judged.names,
            n_neighbors=n_neighbors,
        ),
        whole,
    )
    say_before_and_after(judged, reasons)
    say_unnamed(judged, of_unnamed, reasons)
    say_outside(judged, reasons)
    say_mismatched(judged, reasons)
    say_what_is_missing(names, given, lone, scope, reasons)
    out = judged.ruled_out
    for row, words in ({} if out is None else out.words).items():
        reasons[row].insert(0, words)
    say_how_far(judged, suggested, reasons)
    annotators_reasons(judged, suggested, reasons)
    return reasons


def _table(
    rows: pa.Table,
    judged: Judged,
    scores: _Scores,
    reasons: list[list[str]],
    has_ruled_out: bool,
) -> pa.Table:
    import pyarrow as pa

    predicted = decode_labels(judged.pred_probs.argmax(axis=1), judged.class_names)
    table = pa.table(
        {
            **{name: rows[name] for name in ("id", "row_number", "text", "given_label")},
            "predicted_label": pa.array(predicted, pa.string()),
            "suggested_label": pa.array(_names(judged, scores.suggested), pa.string()),
            "self_confidence": pa.array(scores.confidence, from_pandas=True),
            "normalized_margin": pa.array(scores.margin, from_pandas=True),
            "p_error": pa.array(scores.p_error, from_pandas=True),
            "is_issue": pa.array(judged.is_issue),
            "rank": scores.ranks,
            "reasons": pa.array(reasons, pa.list_(pa.string())),
            "pred_probs": _lists(judged.pred_probs),
            "true_label_probs": _lists(judged.estimate.true_label_probs),
            "duplicate_group": pa.array(judged.surroundings.duplicate_groups, pa.int64()),
            "is_trusted": pa.array(judged.is_trusted),
            "p_outside": pa.array(np.round(judged.p_outside, DECIMALS), from_pandas=True),
        }
    )
    # Columns that only some runs have.
    if judged.distance is not None:
        distance = np.round(judged.distance, DECIMALS)
        table = table.append_column("expected_distance", pa.array(distance, from_pandas=True))
    if judged.ruled_out is not None and has_ruled_out:
        cells = [judged.ruled_out.labels.get(row) for row in range(len(rows))]
        table = table.append_column(NOT_LABELS, pa.array(cells, pa.list_(pa.string())))
    if judged.unnamed:
        table = table.append_column(UNNAMED, unnamed_column(judged))
    for name, column in mismatched_columns(judged).items():
        table = table.append_column(name, column)
    if judged.heard is not None:
        table = table.append_column(VOUCHED, pa.array(judged.heard.voted.is_vouched))
        table = table.append_column(UNHEARD_PROBS, _lists(judged.heard.unheard))
    return table


def _names(judged: Judged, suggested: np.ndarray) -> list[str | None]:
    """Name the suggested labels; a person may have verified a class that no row was given."""
    is_new = judged.verified_labels >= len(judged.class_names)
    return decode_labels(np.where(is_new, judged.verified_labels, suggested), judged.verified_names)


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


def _lists(matrix: np.ndarray) -> pa.Array:
    import pyarrow as pa

    flat = np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), matrix.shape[1])
