"""The tables of rows with several labels, made of what was judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.detection.judged import DECIMALS
from noisefix.detection.search_recall import recall_result
from noisefix.labels import set_text
from noisefix.neighbors.duplicates import conflicts
from noisefix.probability import Interval
from noisefix.probing.whole import judge_whole

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.probing.label_sets import LabelViews
    from noisefix.probing.views import Surroundings

KEEP, ADD, REMOVE = "keep", "add", "remove"
"""What label_issues.parquet suggests."""

_LISTED = 0.1
"""A label that a row does not have is listed from this probability on that it should."""

_SHOWN = 5
_NO_WITNESS = "nothing but the labels themselves vouches for a change; an annotator can"


@dataclass(frozen=True, eq=False)
class JudgedSets:
    """All that the tables are made of; N rows, L labels."""

    names: tuple[str, ...]
    given: np.ndarray  # (N, L) bool
    labelled: np.ndarray  # (N,) bool
    written: np.ndarray  # (N,) bool
    views: LabelViews
    surroundings: Surroundings
    p_error: np.ndarray  # (N, L) NaN = no verdict
    bounds: tuple[np.ndarray, np.ndarray]  # (N, L) each, ends of the 90 % interval
    p_row: np.ndarray  # (N,) any label wrong; NaN = no verdict
    row_bounds: tuple[np.ndarray, np.ndarray]  # (N,) each
    is_issue: np.ndarray  # (N,) bool
    labelled_by: str
    one_sided: float | None
    decided: np.ndarray  # (N,) bool: a person has said what is right
    learned: np.ndarray  # (N, L) bool: as given, or as decided

    @property
    def suspicious(self) -> np.ndarray:
        """(N, L) bool: of flagged rows the labels that seem wrong, the most suspicious at least."""
        p = np.where(np.isnan(self.p_error), -1.0, self.p_error)
        worst = p == p.max(axis=1, keepdims=True)
        found: np.ndarray = self.is_issue[:, None] & ((p >= 0.5) | (worst & (p >= 0)))
        return found

    @property
    def suggested(self) -> np.ndarray:
        """(N, L) bool: the labels that seem right; those of unlabelled rows from the text alone."""
        flipped = np.nan_to_num(self.p_error, nan=0.0) >= 0.5
        unlabelled = self.views.stacked >= 0.5
        found = np.where(self.labelled[:, None], self.given ^ flipped, unlabelled)
        return np.asarray(np.where(self.decided[:, None], self.learned, found))


def build(embeddings: pa.Table, judged: JudgedSets, n_neighbors: int) -> dict[str, pa.Table]:
    """Return issues, classes and label_issues.

    Args:
        embeddings: the embeddings table, for id, row_number, text and given_label.
        judged: N rows in the order of that table.
        n_neighbors: neighbours quoted in the reasons.
    """
    said = _Said(judged, n_neighbors)
    return {
        "issues": _issues(embeddings, judged, said),
        "classes": _classes(judged),
        "label_issues": _label_issues(embeddings, judged, said),
    }


def results(judged: JudgedSets) -> dict[str, Any]:
    """Return the facts about the data set as a whole; a row counts as wrong if a label is."""
    labelled = max(int(judged.labelled.sum()), 1)
    seen = ~np.isnan(judged.p_row)
    rates = [_mean(p[seen]) for p in (judged.p_row, *judged.row_bounds)]
    rate, low, high = rates[0], min(rates), max(rates)
    n_issues, flagged = int(judged.is_issue.sum()), judged.is_issue
    found, given = judged.suspicious, judged.given
    silent = [k for k in range(len(judged.names)) if not judged.views.judged[:, k].any()]
    groups = judged.surroundings.duplicate_groups
    _, patterns = np.unique(given, axis=0, return_inverse=True)
    told = np.where(judged.labelled & judged.written, patterns.reshape(-1), -1)
    return {
        "rows": len(judged.labelled),
        "labelled": int(judged.labelled.sum()),
        "issues": n_issues,
        "noise_rate": rate,
        "noise_rate_low": low,
        "noise_rate_high": high,
        "flagged_wrong": float(judged.p_row[flagged].sum()),
        "flagged_wrong_low": float(judged.row_bounds[0][flagged].sum()),
        "flagged_wrong_high": float(judged.row_bounds[1][flagged].sum()),
        "labelled_by": judged.labelled_by,
        "verdict": judge_whole(Interval(rate, low, high), n_issues / labelled),
        **recall_result(judged.surroundings.nearest.recall),
        "trusted": int(judged.decided.sum()),
        "learned_from": 0,
        "judged": int(seen.sum()),
        "no_text": int((~judged.written).sum()),
        "lone_classes": len(silent),
        "lone_class_names": [judged.names[k] for k in silent[:_SHOWN]],
        "duplicate_conflicts": int((np.isin(groups, conflicts(groups, told)) & (told >= 0)).sum()),
        "order": None,
        "can_relabel": False,
        "relabel_reason": _NO_WITNESS,
        "several_labels": {
            "labels_a_row": _mean(given[judged.labelled].sum(axis=1)),
            "seem_wrong": int((found & given).sum()),
            "seem_missing": int((found & ~given).sum()),
            "expected_wrong": float(np.nansum(np.where(given, judged.p_error, 0))),
            "expected_missing": float(np.nansum(np.where(given, 0, judged.p_error))),
            "one_sided": judged.one_sided,
        },
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


class _Said:
    """Reasons for single labels, in words."""

    def __init__(self, judged: JudgedSets, n_neighbors: int) -> None:
        self._judged = judged
        self._nearest = judged.surroundings.nearest.indices[:, :n_neighbors]

    def of(self, row: int, k: int) -> list[str]:
        """Return why the row should (not) have a label."""
        judged, name = self._judged, self._judged.names[k]
        views = judged.views
        near = self._nearest[row]
        near = near[near >= 0]
        n_have = int(judged.given[near, k].sum())
        reasons = [
            f"a classifier trained on other rows gives {name} {views.probe[row, k]:.2f}",
            f"the words alone give {name} {views.words[row, k]:.2f}",
        ]
        if len(near):
            verb = "has" if n_have == 1 else "have"
            reasons.insert(0, f"{n_have or 'none'} of {len(near)} nearest rows {verb} {name}")
        return reasons


def _issues(embeddings: pa.Table, judged: JudgedSets, said: _Said) -> pa.Table:
    import pyarrow as pa

    stacked = judged.views.stacked.astype(np.float64)
    at_given = np.where(judged.given, stacked, 1 - stacked)
    least = np.where(judged.labelled, at_given.min(axis=1), np.nan)
    rate = _mean(judged.p_row[~np.isnan(judged.p_row)])
    # Nothing can be said of rows without a text: they are as probably wrong as the average row.
    p_row = np.where(judged.labelled & np.isnan(judged.p_row), round(rate, DECIMALS), judged.p_row)
    probs = np.where(
        judged.labelled[:, None],
        np.where(judged.given, 1 - judged.p_error, judged.p_error),
        stacked,
    )
    probs = np.where(np.isnan(probs), np.where(judged.given, 1.0, 0.0), probs)
    return pa.table(
        {
            **{name: embeddings[name] for name in ("id", "row_number", "text", "given_label")},
            "predicted_label": _texts(stacked >= 0.5, judged.names),
            "suggested_label": _texts(judged.suggested, judged.names),
            "self_confidence": pa.array(least, from_pandas=True),
            "normalized_margin": pa.array(least, from_pandas=True),
            "p_error": pa.array(p_row, from_pandas=True),
            "is_issue": pa.array(judged.is_issue),
            "rank": _ranks(p_row, least, np.isnan(judged.p_row)),
            "reasons": pa.array(_row_reasons(judged, said), pa.list_(pa.string())),
            "pred_probs": _lists(stacked),
            "true_label_probs": _lists(probs),
            "duplicate_group": pa.array(judged.surroundings.duplicate_groups, pa.int64()),
            "is_trusted": pa.array(judged.decided),
        }
    )


def _row_reasons(judged: JudgedSets, said: _Said) -> list[list[str]]:
    suspicious = judged.suspicious
    order = np.argsort(-np.nan_to_num(judged.p_error), axis=1, kind="stable")
    reasons: list[list[str]] = [[] for _ in range(len(judged.labelled))]
    for row in np.flatnonzero(judged.is_issue).tolist():
        for k in order[row][suspicious[row, order[row]]].tolist():
            what = "should perhaps go" if judged.given[row, k] else "is perhaps missing"
            reasons[row].append(f"{judged.names[k]} {what} ({judged.p_error[row, k]:.2f})")
            reasons[row] += said.of(row, k)
    for row in np.flatnonzero(~judged.written).tolist():
        reasons[row] = ["there is no text to judge a label by"]
    return reasons


def _ranks(p_row: np.ndarray, scores: np.ndarray, silent: np.ndarray) -> pa.Array:
    import pyarrow as pa

    rows = np.flatnonzero(~np.isnan(p_row))
    order = np.lexsort((rows, np.round(scores[rows], DECIMALS), -p_row[rows], silent[rows]))
    ranks = np.zeros(len(p_row), dtype=np.int64)
    ranks[rows[order]] = np.arange(1, len(rows) + 1)
    return pa.array(ranks, mask=np.isnan(p_row))


def _texts(sets: np.ndarray, names: tuple[str, ...]) -> pa.Array:
    import pyarrow as pa

    return pa.array([set_text([names[k] for k in np.flatnonzero(row)]) for row in sets])


def _lists(matrix: np.ndarray) -> pa.Array:
    import pyarrow as pa

    flat = np.ascontiguousarray(matrix, dtype=np.float32).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), matrix.shape[1])


def _classes(judged: JudgedSets) -> pa.Table:
    """Return one row a label; ``missing`` is how many rows are expected to lack it."""
    import pyarrow as pa

    given, n_labelled = judged.given, max(int(judged.labelled.sum()), 1)
    rows = given.sum(axis=0)
    rates = []
    for p in (judged.p_error, *judged.bounds):
        wrong = np.nansum(np.where(given, p, 0), axis=0)
        rates.append(np.where(rows > 0, wrong / np.maximum(rows, 1), np.nan))
    missing = np.nansum(np.where(given, 0, judged.p_error), axis=0)
    wrong = np.nansum(np.where(given, judged.p_error, 0), axis=0)
    return pa.table(
        {
            "label": pa.array(list(judged.names)),
            "rows": pa.array(rows),
            "given_share": pa.array(rows / n_labelled),
            "true_share": pa.array((rows - wrong + missing) / n_labelled),
            "issues": pa.array((judged.suspicious & given).sum(axis=0)),
            "noise_rate": pa.array(np.nan_to_num(rates[0])),
            "noise_rate_low": pa.array(np.nan_to_num(np.minimum(rates[0], rates[1]))),
            "noise_rate_high": pa.array(np.nan_to_num(np.maximum(rates[0], rates[2]))),
            "missing": pa.array(missing),
        }
    )


def _label_issues(embeddings: pa.Table, judged: JudgedSets, said: _Said) -> pa.Table:
    """Return the labels that rows have, and those that they may lack, most suspicious first."""
    import pyarrow as pa

    p = np.round(judged.p_error, DECIMALS)
    listed = ~np.isnan(p) & (judged.given | (p >= _LISTED))
    rows, labels = np.nonzero(listed)
    order = np.lexsort((labels, rows, -p[rows, labels]))
    rows, labels = rows[order], labels[order]
    given, p_listed = judged.given[rows, labels], p[rows, labels]
    suspicious = judged.suspicious[rows, labels]
    change = np.where(given, REMOVE, ADD)
    reasons = [
        said.of(row, k) if p_one >= _LISTED else []
        for row, k, p_one in zip(rows.tolist(), labels.tolist(), p_listed.tolist(), strict=True)
    ]
    names = pa.array(judged.names, pa.string())
    return pa.table(
        {
            **{name: embeddings[name].take(pa.array(rows)) for name in ("id", "row_number")},
            "label": names.take(pa.array(labels)),
            "given": pa.array(given),
            "p_error": pa.array(p_listed),
            "suggestion": pa.array(np.where(p_listed >= 0.5, change, KEEP).tolist(), pa.string()),
            "is_issue": pa.array(suspicious),
            "reasons": pa.array(reasons, pa.list_(pa.string())),
        }
    )
