"""What is said of a run's labels at one moment: by its tables, or by a server that judges anew.

A row's labels are a set of classes here, of one class where a row has one label: everything else
on the page goes by these sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.labels import UNLABELLED, set_labels
from noisefix.probability import mean_half_width
from noisefix.run.arrays import column_array, list_matrix, take_rows

if TYPE_CHECKING:
    import pyarrow as pa

NO_CLASS = UNLABELLED
_DOUBTED = 0.5
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
        sets: classes that a row has or may have; given and suggested labels count them. Where a
            row has one label, they are the classes one by one.
        given_labels: (N,) places in ``sets``, -1 = unlabelled.
        suggested_labels: (N,) places in ``sets``.
        p_error: (N,) in [0, 1]; NaN for rows without a label.
        is_issue: (N,) bool.
        is_trusted: (N,) bool.
        order: rows with a rank, the most suspicious first.
        facts: what the joint stage says of the whole.
        classes: columns of the classes table, K rows.
        pairs: columns of the pairs table.
        doubts: (N, K) probability that the row has the class wrongly, or lacks it; None where rows
            have one label.
    """

    class_names: tuple[str, ...]
    sets: tuple[tuple[int, ...], ...]
    given_labels: np.ndarray
    suggested_labels: np.ndarray
    p_error: np.ndarray
    is_issue: np.ndarray
    is_trusted: np.ndarray
    order: np.ndarray
    facts: dict[str, Any]
    classes: dict[str, list[Any]]
    pairs: dict[str, list[Any]]
    doubts: np.ndarray | None = None

    @property
    def has_several_labels(self) -> bool:
        """A row may have several labels."""
        return self.doubts is not None

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
    *,
    several_labels: bool = False,
) -> Judgement:
    """Return what tables say.

    Args:
        issues: an issues table with ``ISSUE_COLUMNS``, people's decisions above it.
        class_names: the run's classes.
        facts: what the joint stage says of the whole.
        classes: the classes table; None: it is made of the issues.
        pairs: the pairs table; None: nothing is known of expected rows.
        several_labels: a row may have several; ``set_labels`` reads them.
    """
    texts = [issues[name].to_pylist() for name in ("given_label", "suggested_label")]
    parts: dict[str, tuple[str, ...]] = {
        text: set_labels(text) if several_labels else (text,)
        for text in dict.fromkeys([*texts[0], *texts[1]])
        if text is not None
    }
    known = tuple(class_names)
    names = known + tuple(sorted({name for x in parts.values() for name in x} - set(known)))
    if not several_labels:
        parts = {name: (name,) for name in names}
    place = {name: k for k, name in enumerate(names)}
    sets = tuple(tuple(sorted(place[name] for name in x)) for x in parts.values())
    given, suggested = (_ids(column, tuple(parts)) for column in texts)
    p_error = column_array(issues["p_error"]).astype(np.float64)
    members = membership(sets, len(names))
    doubts = _doubts(issues, given, members) if several_labels else None
    ranks = column_array(issues["rank"]).astype(np.float64)
    flagged = column_array(issues["is_issue"])
    return Judgement(
        class_names=names,
        sets=sets,
        given_labels=given,
        suggested_labels=suggested,
        p_error=p_error,
        is_issue=flagged,
        is_trusted=column_array(issues["is_trusted"]),
        order=np.argsort(ranks, kind="stable")[: int((~np.isnan(ranks)).sum())],
        facts=facts | {"noise_rate": facts.get("noise_rate", _mean(p_error))},
        classes=_class_columns(names, classes, given, members, p_error, flagged, doubts),
        pairs={} if pairs is None else pairs.to_pydict(),
        doubts=doubts,
    )


def membership(sets: Sequence[Sequence[int]], n_classes: int) -> np.ndarray:
    """Return (S + 1, K) bool: which classes each set holds; the last row is of no set."""
    members = np.zeros((len(sets) + 1, n_classes), dtype=bool)
    for k, classes in enumerate(sets):
        members[k, list(classes)] = True
    return members


def suspicious(doubts: np.ndarray, is_issue: np.ndarray) -> np.ndarray:
    """Return (N, K) bool: of flagged rows the doubted labels, the most doubted one at least."""
    worst = (doubts == doubts.max(axis=1, keepdims=True)) & (doubts > 0)
    found: np.ndarray = is_issue[:, None] & ((doubts >= _DOUBTED) | worst)
    return found


def _doubts(issues: pa.Table, given: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return (N, K) probability that a label is wrongly there or missing; 0 where none is given."""
    probs = list_matrix(issues["true_label_probs"]).astype(np.float32)
    probs = np.pad(probs, ((0, 0), (0, members.shape[1] - probs.shape[1])))
    doubts: np.ndarray = np.where(members[given], 1 - probs, probs)
    doubts[given == NO_CLASS] = 0
    return doubts


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
    members: np.ndarray,
    p_error: np.ndarray,
    flagged: np.ndarray,
    doubts: np.ndarray | None,
) -> dict[str, list[Any]]:
    """Return the classes table in the order of the names; who is not in it has no rows.

    Where rows have several labels, ``issues`` are the rows with the label that seems wrong,
    ``lacking`` those that seem to lack it, and ``missing`` how many are expected to lack it.
    """
    known = {} if table is None else {row["label"]: row for row in table.to_pylist()}
    named = None if doubts is None else suspicious(doubts, flagged)
    found = []
    for k, name in enumerate(names):
        has = members[given, k]
        mine = (p_error if doubts is None else doubts[:, k])[has]
        rate, half = _mean(mine), mean_half_width(np.nan_to_num(mine))
        share = len(mine) / max(len(given), 1)
        own = {
            "label": name,
            "rows": len(mine),
            "given_share": share,
            "true_share": share,
            "noise_rate": rate,
            "noise_rate_low": max(rate - half, 0.0),
            "noise_rate_high": min(rate + half, 1.0),
        }
        now = {"issues": int((flagged if named is None else named[:, k])[has].sum())}
        if doubts is not None and named is not None:
            own["missing"] = float(doubts[~has, k].sum())
            now["lacking"] = int(named[~has, k].sum())
        found.append(known.get(name, own) | now)
    return {key: [row[key] for row in found] for key in (found[0] if found else {})}


def probabilities_of(issues: pa.Table, rows: np.ndarray) -> np.ndarray:
    """Return (R, K) P(true label | everything known) of some rows."""
    return list_matrix(take_rows(issues.select(["true_label_probs"]), rows)["true_label_probs"])
