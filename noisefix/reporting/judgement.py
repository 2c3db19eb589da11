"""What is said of a run's labels at one moment: by its tables, or by a server that judges anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED
from noisefix.probability import mean_half_width
from noisefix.run.arrays import column_array, list_matrix, take_rows

if TYPE_CHECKING:
    import pyarrow as pa

NO_CLASS = UNLABELLED
ISSUE_COLUMNS = (
    "id",
    "text",
    "given_label",
    "suggested_label",
    "p_error",
    "is_issue",
    "rank",
    "reasons",
    "true_label_probs",
    "duplicate_group",
    "is_trusted",
)


@dataclass(frozen=True, eq=False)
class Judgement:
    """N rows, K classes.

    Attributes:
        class_names: (K,) the run's classes, then those that only a person or an annotator named.
        given_labels: (N,) class ids, -1 = unlabelled.
        suggested_labels: (N,) class ids.
        p_error: (N,) in [0, 1]; NaN for rows without a label.
        is_issue: (N,) bool.
        is_trusted: (N,) bool.
        order: rows with a rank, the most suspicious first.
        facts: what the joint stage says of the whole.
        classes: columns of the classes table, K rows.
        pairs: columns of the pairs table.
    """

    class_names: tuple[str, ...]
    given_labels: np.ndarray
    suggested_labels: np.ndarray
    p_error: np.ndarray
    is_issue: np.ndarray
    is_trusted: np.ndarray
    order: np.ndarray
    facts: dict[str, Any]
    classes: dict[str, list[Any]]
    pairs: dict[str, list[Any]]

    @property
    def n_labelled(self) -> int:
        """Rows with a label."""
        return int((self.given_labels != UNLABELLED).sum())


def judgement(
    issues: pa.Table,
    class_names: Iterable[str],
    facts: dict[str, Any],
    classes: pa.Table | None = None,
    pairs: pa.Table | None = None,
) -> Judgement:
    """Return what tables say.

    Args:
        issues: an issues table with ``ISSUE_COLUMNS``, people's decisions above it.
        class_names: the run's classes.
        facts: what the joint stage says of the whole.
        classes: the classes table; None: it is made of the issues.
        pairs: the pairs table; None: nothing is known of expected rows.
    """
    suggested = issues["suggested_label"].to_pylist()
    known = tuple(class_names)
    names = known + tuple(sorted({s for s in suggested if s is not None} - set(known)))
    p_error = column_array(issues["p_error"]).astype(np.float64)
    given = _ids(issues["given_label"].to_pylist(), names)
    ranks = column_array(issues["rank"]).astype(np.float64)
    flagged = column_array(issues["is_issue"])
    return Judgement(
        class_names=names,
        given_labels=given,
        suggested_labels=_ids(suggested, names),
        p_error=p_error,
        is_issue=flagged,
        is_trusted=column_array(issues["is_trusted"]),
        order=np.argsort(ranks, kind="stable")[: int((~np.isnan(ranks)).sum())],
        facts=facts | {"noise_rate": facts.get("noise_rate", _mean(p_error))},
        classes=_class_columns(names, classes, given, p_error, flagged),
        pairs={} if pairs is None else pairs.to_pydict(),
    )


def _ids(labels: list[str | None], names: tuple[str, ...]) -> np.ndarray:
    place: dict[str | None, int] = {name: k for k, name in enumerate(names)}
    return np.array([place.get(label, NO_CLASS) for label in labels], dtype=np.int64)


def _mean(p_error: np.ndarray) -> float:
    known = p_error[~np.isnan(p_error)]
    return float(known.mean()) if len(known) else 0.0


def _class_columns(
    names: tuple[str, ...],
    table: pa.Table | None,
    given: np.ndarray,
    p_error: np.ndarray,
    flagged: np.ndarray,
) -> dict[str, list[Any]]:
    """Return the classes table in the order of the names; who is not in it has no rows."""
    rows = [] if table is None else table.to_pylist()
    known = {row["label"]: row for row in rows}
    found = []
    for k, name in enumerate(names):
        mine = p_error[given == k]
        rate, half = _mean(mine), mean_half_width(np.nan_to_num(mine))
        share = len(mine) / max(len(given), 1)
        own = {
            "label": name,
            "rows": len(mine),
            "given_share": share,
            "true_share": share,
            "issues": int(flagged[given == k].sum()),
            "noise_rate": rate,
            "noise_rate_low": max(rate - half, 0.0),
            "noise_rate_high": min(rate + half, 1.0),
        }
        found.append(known.get(name, own) | {"issues": own["issues"]})
    return {key: [row[key] for row in found] for key in (found[0] if found else {})}


def probabilities_of(issues: pa.Table, rows: np.ndarray) -> np.ndarray:
    """Return (R, K) P(true label | everything known) of some rows."""
    return list_matrix(take_rows(issues.select(["true_label_probs"]), rows)["true_label_probs"])
