"""What becomes of rows with several labels: the same strategies, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisefix.cleaning.decide import MIN_PROBABILITY, ApplyParams, Decision
from noisefix.errors import UsageError
from noisefix.labels import ordered_set
from noisefix.run.parquet import read_table
from noisefix.run.schemas import LABEL_ISSUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from noisefix.cleaning.options import ApplyOptions
    from noisefix.run.folder import RunFolder
    from noisefix.tables.label_sets import LabelSets

_COLUMNS = ("id", "label", "given", "p_error", "reasons")


def check_set_options(options: ApplyOptions) -> None:
    """Refuse what ``apply`` cannot do where rows have several labels.

    Raises:
        UsageError: such an option is given.
    """
    if options.drop_mismatched:
        raise UsageError(
            "--drop-mismatched is for runs with one label a row that compared two columns",
            "leave it out",
        )
    if options.drop_outside:
        raise UsageError(
            "--drop-outside is for runs with one label a row",
            "leave it out: a row that belongs to no class has none of the labels",
        )
    if options.format == "xlsx":
        raise UsageError(
            "--format xlsx is for runs with one label a row: its list to choose from gives one",
            "take --review-csv, --format csv, label-studio or argilla",
        )


def decide_sets(
    folder: RunFolder,
    issues: pa.Table,
    class_names: Sequence[str],
    sets: LabelSets,
    params: ApplyParams,
) -> list[Decision]:
    """Decide what becomes of the rows, in the order of the table.

    flag and drop go by row. relabel adds and takes away single labels of flagged rows, if
    ``min_probability`` is given (nothing but the labels themselves vouches for a change), where a
    change is that probable, and more probable than the label as it is by ``min_margin``.
    ``fill_unlabelled`` gives rows without labels those that are that probable.

    Args:
        folder: the run, with label_issues.parquet.
        issues: its issues, in the order of the input.
        class_names: (L,) names in the order of ``true_label_probs``.
        sets: the labels of the input, N rows.
        params: strategy and thresholds.

    Raises:
        DataError: label_issues.parquet is missing or broken.
    """
    rows = issues.drop_columns(["true_label_probs"]).to_pylist()
    flagged = np.flatnonzero(issues["is_issue"].to_numpy().astype(bool)).tolist()
    found: list[Decision] = []
    if params.strategy in ("flag", "drop"):
        found += [_decision(index, rows[index], params.strategy) for index in flagged]
    elif params.strategy == "relabel" and params.min_probability is not None:
        changes = _sure_changes(folder, params)
        for index in flagged:
            mine = changes.get(rows[index]["id"], [])
            if mine:
                found.append(_changed(index, rows[index], "relabel", sets, mine))
    if params.fill_unlabelled:
        least = MIN_PROBABILITY if params.min_probability is None else params.min_probability
        for index in np.flatnonzero(~sets.labelled).tolist():
            probs = issues["true_label_probs"][index].as_py()
            more = [
                {"label": name, "given": False, "reasons": []}
                for name, p in zip(class_names, probs, strict=True)
                if p >= least
            ]
            if more:
                found.append(_changed(index, rows[index], "fill", sets, more))
    return sorted(found, key=lambda decision: decision.row_number)


def _sure_changes(folder: RunFolder, params: ApplyParams) -> dict[str, list[dict[str, Any]]]:
    """Return by id the labels to add and to take away."""
    table, _ = read_table(folder.label_issues, LABEL_ISSUES, _COLUMNS)
    least = max(params.min_probability or 0.0, (1 + params.min_margin) / 2)
    changes: dict[str, list[dict[str, Any]]] = {}
    for change in table.filter(table["p_error"].to_numpy() >= least).to_pylist():
        changes.setdefault(change["id"], []).append(change)
    return changes


def _changed(
    index: int, row: dict[str, Any], action: str, sets: LabelSets, changes: list[dict[str, Any]]
) -> Decision:
    labels = {sets.names[k] for k in np.flatnonzero(sets.given[index])}
    labels ^= {change["label"] for change in changes}
    reasons = tuple(why for change in changes for why in change["reasons"])
    return _decision(index, row, action, ordered_set(labels, sets.names), reasons)


def _decision(
    index: int,
    row: dict[str, Any],
    action: str,
    new_label: str | None = None,
    reasons: tuple[str, ...] | None = None,
) -> Decision:
    return Decision(
        index=index,
        id=row["id"],
        row_number=row["row_number"],
        action=action,
        given_label=row["given_label"],
        new_label=new_label,
        suggested_label=row["suggested_label"],
        reasons=tuple(row["reasons"]) if reasons is None else reasons,
        p_error=row["p_error"],
    )
