"""Labels that people have ruled out, over a run's verdicts: the row stays open without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.errors import UsageError
from noisefix.probing.complementary import Rejections, complementary_matrix
from noisefix.run.arrays import list_matrix
from noisefix.run.decisions import NOT, PersonDecision, read_decisions
from noisefix.run.parquet import read_table, with_columns
from noisefix.run.schemas import ISSUES
from noisefix.run.standing import rejected_rows, rejections

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

_ROW = ("id", "text", "given_label")
PROBS = "true_label_probs"
NOT_LABELS = "not_labels"
"""Column of an issues table with what was ruled out in a row; there where anything was."""

NEEDED = ("id", "given_label", PROBS)
"""Columns that ``without_rejected`` reads."""

_DECIMALS = 6


def run_rejected(
    folder: RunFolder, more: Iterable[PersonDecision] = ()
) -> dict[str, frozenset[str]]:
    """Return which labels people have ruled out in undecided rows of a run, by id.

    Args:
        folder: the run folder.
        more: decisions that are not among the folder's.

    Raises:
        DataError: the decisions or the issues cannot be read.
        UsageError: see ``refuse_rejections``.
    """
    said = (*read_decisions(folder.decisions), *more)
    if not rejections(said):
        return {}
    if folder.set_reading() is not None:
        refuse_rejections(said, folder.decisions)
    rows, _ = read_table(folder.issues, ISSUES, _ROW)
    ids, texts, given = (rows[name].to_pylist() for name in _ROW)
    return {ids[row]: labels for row, labels in rejected_rows(texts, given, said).items()}


def refuse_rejections(said: Iterable[PersonDecision], path: str | Path | None) -> None:
    """Refuse decisions that say only what a row is not, where rows have several labels.

    Args:
        said: what is to be taken in.
        path: where it comes from.

    Raises:
        UsageError: there is one.
    """
    word = next((word for word in said if word.decision == NOT), None)
    if word is not None:
        raise UsageError(
            f"{path}: the decision on {word.id} is 'not', which is for rows with one label; here "
            "they have several",
            "decide which labels the row has: noisefix review",
        )


def without_rejected(
    issues: pa.Table, rejected: Mapping[str, frozenset[str]], class_names: tuple[str, ...]
) -> pa.Table:
    """Return an issues table in which labels that people ruled out have no probability left.

    A row whose given label is ruled out is flagged, and wrong with probability 1. An answer of an
    annotator that says a label that is ruled out goes to a person. Doing it twice changes nothing.
    Columns that are not there are not added.

    Args:
        issues: an issues table with id, given_label and true_label_probs, or some more columns.
        rejected: labels ruled out, by id.
        class_names: (K,) every class of the run.
    """
    if not rejected:
        return issues
    ids = issues["id"].to_pylist()
    rows = [row for row, key in enumerate(ids) if key in rejected]
    place = {name: k for k, name in enumerate(class_names)}
    pairs = [(row, place[name]) for row in rows for name in rejected[ids[row]] if name in place]
    probs = list_matrix(issues[PROBS]).astype(np.float64)
    answers = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    matrix = complementary_matrix(len(class_names), 0.0)
    Rejections(answers[:, 0], answers[:, 1], matrix).weigh(probs)
    touched = ("suggested_label", "p_error", "is_issue", "reasons", "action", PROBS)
    names = [name for name in touched if name in issues.column_names]
    columns: dict[str, list[Any]] = {name: issues[name].to_pylist() for name in names}
    for row, given in zip(rows, issues["given_label"].take(rows).to_pylist(), strict=True):
        out = rejected[ids[row]]
        for name, value in _changed(columns, row, given, out, probs[row], class_names).items():
            if name in columns:
                columns[name][row] = value
    return with_columns(issues, columns)


def _changed(
    columns: Mapping[str, list[Any]],
    row: int,
    given: str | None,
    out: frozenset[str],
    probs: np.ndarray,
    class_names: tuple[str, ...],
) -> dict[str, Any]:
    """Return what becomes of the cells of a row."""
    new: dict[str, Any] = {PROBS: probs.tolist()}
    best = class_names[int(probs.argmax())]
    suggested = columns["suggested_label"][row] if "suggested_label" in columns else None
    action = columns["action"][row] if "action" in columns else None
    if suggested in out and best not in out:
        new["suggested_label"] = best
    if given in out:
        new |= {"p_error": 1.0, "is_issue": True}
    elif given in class_names and action is None:
        new["p_error"] = round(1 - float(probs[class_names.index(given)]), _DECIMALS)
    if {"keep": given, "relabel": suggested}.get(action or "") in out:
        new["action"] = "review"
    if "reasons" in columns:
        why = reason(out)
        new["reasons"] = [why, *(line for line in columns["reasons"][row] if line != why)]
    return new


def reason(labels: Iterable[str]) -> str:
    """Return in words what people ruled out."""
    return f"a person says: not {', '.join(sorted(labels))}"
