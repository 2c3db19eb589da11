"""Does a gate let a pull request pass that corrects labels, and stop one that spoils them?

``python tests/benchmarks corrected_rows``. Each real set is judged, told who labelled; its rows are
the baseline. Then wrong labels, flagged or not, are set right, and right labels that were not
flagged are set wrong; all is judged again, and ``check --max-new-issues`` counts. A corrected row
should not be new, a spoiled one should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from detection import class_ids
from report import Headline, Table, percent
from shared_sets import MAIN_SETS, NEW_SETS, WHO, Task, part_of, stage_tables, train_tasks

from noisefix.detection.baseline import baseline_of, new_issues, row_keys
from noisefix.detection.joint_stage import STAGE, JointParams
from noisefix.labels import class_names

_DRAWS, _ROWS, _MOST_ROWS = 20, 10, 3_000
_KINDS = ("corrected", "corrected, unflagged", "spoiled")
_COUNTS = ("changed", "flagged", "new")


def run(
    tasks: Iterable[Task] | None = None,
    progress: Callable[[str], None] = print,
    n_draws: int = _DRAWS,
) -> dict[str, Any]:
    """Correct and spoil rows of every real set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for task in train_tasks([*MAIN_SETS, *NEW_SETS]) if tasks is None else tasks:
        found.append(run_task(task, n_draws))
        progress(f"corrected rows of {task.name}")
    return {"rows": _ROWS, "draws": n_draws, "most_rows": _MOST_ROWS, "sets": found}


def run_task(task: Task, n_draws: int = _DRAWS) -> dict[str, Any]:
    """Correct and spoil rows of one set.

    Returns:
        ``name``; for each kind of rows how many were changed, are flagged after it, and are new
        issues.
    """
    name = task.name
    if len(task.texts) > _MOST_ROWS:
        task = part_of(task, _MOST_ROWS)
    _, given, truth = class_ids(task)
    tables = stage_tables(task)
    params = JointParams(labelled_by=WHO.get(name, "rules"))

    def judge(labels: pa.Array) -> tuple[pa.Table, np.ndarray]:
        embeddings = tables["embeddings"]
        place = embeddings.column_names.index("given_label")
        changed = embeddings.set_column(place, "given_label", labels)
        issues = STAGE.run({**tables, "embeddings": changed}, params, seed=0).tables["issues"]
        order = np.argsort(issues["row_number"].to_numpy(), kind="stable")
        issues = issues.take(order)
        return issues, issues["is_issue"].to_numpy(zero_copy_only=False)

    before = tables["embeddings"]["given_label"].to_pylist()
    issues, flagged = judge(pa.array(before, pa.string()))
    baseline = baseline_of(issues, row_keys(issues))
    names = class_names(before)
    is_known = (given >= 0) & (truth >= 0) & np.isin(np.array(task.truth, dtype=object), names)
    pools = {
        "corrected": np.flatnonzero(is_known & flagged & (given != truth)),
        "corrected, unflagged": np.flatnonzero(is_known & ~flagged & (given != truth)),
        "spoiled": np.flatnonzero(is_known & ~flagged & (given == truth)),
    }
    counts = {kind: np.zeros(len(_COUNTS), dtype=int) for kind in _KINDS}
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        labels = list(before)
        rows = {k: rng.choice(p, min(_ROWS, len(p)), replace=False) for k, p in pools.items()}
        for row in (*rows["corrected"], *rows["corrected, unflagged"]):
            labels[row] = task.truth[row]
        for row in rows["spoiled"]:
            labels[row] = rng.choice([other for other in names if other != before[row]])
        now, is_flagged = judge(pa.array(labels, pa.string()))
        keys = row_keys(now)
        is_new = np.zeros(len(labels), dtype=bool)
        is_new[new_issues(now, keys, baseline, class_names(labels))] = True
        was_there = np.array([key in baseline.rows for key in keys])
        for kind in _KINDS:
            chosen = rows[kind]
            counts[kind] += (
                len(chosen),
                int((is_flagged & ~was_there)[chosen].sum()),
                int(is_new[chosen].sum()),
            )
    return {"name": name, **{kind: counts[kind].tolist() for kind in _KINDS}}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return which share of the changed rows is flagged, and which is a new issue."""
    rows = tuple(
        (
            scores["name"],
            *(
                cell
                for kind in _KINDS
                for changed, *found in [scores[kind]]
                for cell in (percent(count / changed) if changed else "" for count in found)
            ),
        )
        for scores in result["sets"]
    )
    return [
        Table(
            "gate: rows whose label was changed, against a baseline",
            ("set", *(f"{kind}: {what}" for kind in _KINDS for what in _COUNTS[1:])),
            rows,
            f"{result['draws']} draws a set of at most {result['most_rows']:,} rows; up to "
            f"{result['rows']} rows of each kind in a draw. Corrected: wrong labels that were "
            "flagged, or were not, set right. Spoiled: right labels that were not flagged, set to "
            "another class by chance. Of these rows: how many are flagged after it, and how many "
            "are new issues, which fail a gate.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return how often corrected and spoiled rows are new issues."""

    def shares(kind: str, place: int) -> list[float]:
        known = [scores[kind] for scores in result["sets"] if scores[kind][0]]
        return [counts[place] / counts[0] for counts in known]

    new, unflagged, spoiled = (shares(kind, 2) for kind in _KINDS)
    return [
        Headline(
            "gate: corrected rows that are new issues, flagged before / not; mean of the sets",
            f"{percent(float(np.mean(new)))} / {percent(float(np.mean(unflagged)))}",
        ),
        Headline(
            "gate: spoiled rows that are new issues, mean of the sets (least)",
            f"{percent(float(np.mean(spoiled)))} ({percent(min(spoiled))})",
        ),
    ]
