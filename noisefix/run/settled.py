"""A person's word over a run's verdicts: whatever reads the issues sees it at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from noisefix.labels import set_labels
from noisefix.run.decisions import CLASS, DROP, KEEP, PersonDecision, read_decisions
from noisefix.run.parquet import read_table, with_columns
from noisefix.run.schemas import ISSUES, P_MISMATCH
from noisefix.run.standing import decided_rows, standing

if TYPE_CHECKING:
    import pyarrow as pa

    from noisefix.run.folder import RunFolder

_ROW = ("id", "text", "given_label")


def run_decisions(
    folder: RunFolder, more: Iterable[PersonDecision] = ()
) -> dict[str, PersonDecision]:
    """Return what is decided of the rows of a run, by id; "unsure" is no decision.

    Args:
        folder: the run folder.
        more: decisions that are not among the folder's.

    Raises:
        DataError: the decisions or the issues cannot be read.
    """
    said = standing((*read_decisions(folder.decisions), *more))
    if not said:
        return {}
    rows, _ = read_table(folder.issues, ISSUES, _ROW)
    ids, texts, given = (rows[name].to_pylist() for name in _ROW)
    return {ids[row]: word for row, word in decided_rows(texts, given, said).items()}


def settled(
    issues: pa.Table,
    decided: Mapping[str, PersonDecision],
    class_names: tuple[str, ...],
    *,
    several_labels: bool = False,
) -> pa.Table:
    """Return an issues table in which decided rows are as people said.

    They are trusted, not flagged and, unless to be dropped, neither outside of all classes nor
    texts that do not belong together; the suggested label is the one chosen; p_error is 0, or 1
    where another class was chosen, and null for rows to drop; the probabilities of the true label
    are certain; the reason says who decided.
    Columns that are not there are not added.

    Args:
        issues: an issues table, or some of its columns, with ids.
        decided: decisions by id, see ``run_decisions``.
        class_names: every class of the run.
        several_labels: a row may have several; its labels are one text.
    """
    if not decided:
        return issues
    known = set(class_names)
    touched = (
        "given_label",
        "suggested_label",
        "p_error",
        "is_issue",
        "reasons",
        "is_trusted",
        "p_outside",
        P_MISMATCH,
    )
    probs = "true_label_probs"
    names = [name for name in (*touched, probs) if name in issues.column_names]
    columns: dict[str, list[Any]] = {name: issues[name].to_pylist() for name in names}
    for row, key in enumerate(issues["id"].to_pylist()):
        word = decided.get(key)
        if word is None:
            continue
        given = columns["given_label"][row] if "given_label" in columns else None
        new: dict[str, Any] = {"is_issue": False, "is_trusted": True, "reasons": [reason(word)]}
        label = word.label if word.decision == CLASS else given
        if word.decision == DROP:
            new["p_error"] = None
        else:
            new |= {"suggested_label": label, "p_error": float(label != given)}
            new |= {"p_outside": 0.0, P_MISMATCH: 0.0}
            if given is None:
                new["p_error"] = None
            right = set(set_labels(label or "")) if several_labels else {label}
            if right <= known:
                new[probs] = [float(name in right) for name in class_names]
        for name, value in new.items():
            if name in columns:
                columns[name][row] = value
    return with_columns(issues, {name: columns[name] for name in names if name != "given_label"})


def reason(word: PersonDecision) -> str:
    """Return in words what a person decided."""
    who = f"{word.who} (a person)" if word.who else "a person"
    label = word.label or "none of the labels"
    said = {KEEP: "keeps it", DROP: "leaves it out", CLASS: f"says {label}"}[word.decision]
    return f"{who} {said}"
