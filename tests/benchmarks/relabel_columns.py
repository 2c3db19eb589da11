"""Several columns of labels for the same rows: one label a row from all of them.

The columns are other annotators' stored answers. Beside the ways to combine them stands
``noisefix relabel``, which asks one annotator: each column, or the majority of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from baselines import NO_VOTE, crowdlab, dawid_skene, majority
from detection import class_ids
from relabel_quality import final_labels, look
from report import Table, mean, number, points
from shared_sets import Task, load

from noisefix.annotators.protocol import INVALID, Answer
from noisefix.labels import class_names, encode_labels
from noisefix.run.rows import RunRows

TRUTH_IS_THE_VOTE = ("hs_brexit_crowd", "md_offensive_crowd")
"""Their true labels are the majority of these very columns: nothing to be learned from combining
them."""

WAYS = ("majority", "dawid_skene", "crowdlab", "relabel_half", "relabel_all")
SHARE_ASKED = 0.5
N_SEEDS = 3
"""Draws of the random probe for the majority; single columns, which are many, get one."""

_PREFIXES = ("llm_", "slm_", "annotator_", "weak_label")


def votes_of(task: Task) -> dict[str, np.ndarray]:
    """Return (N,) class ids of each column of answers, ``NO_VOTE`` where there is none.

    The column that the given labels are, and answers that are no given class, are left out.
    """
    table = load(task.name)
    table = table[table["split"] == "train"]
    names = class_names(task.given)
    given = encode_labels(task.given, names)
    place = {name: k for k, name in enumerate(names)}
    found = {}
    for column in table.columns:
        if not column.startswith(_PREFIXES):
            continue
        votes = np.array([place.get(cell, NO_VOTE) for cell in table[column]])
        said = votes >= 0
        if said.any() and (votes != given)[said].any():
            found[column] = votes
    return found


def measure(task: Task, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the label accuracy after asking each column, and after combining all.

    Args:
        task: the set.
        columns: ``votes_of`` it.
    """
    rows = look(task)
    names, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)

    def accuracy(labels: np.ndarray) -> float:
        return float((labels == truth)[known].mean())

    found: dict[str, Any] = {"given": accuracy(given), "columns": len(columns)}
    found["alone"] = {name: accuracy(votes) for name, votes in columns.items()}
    found["relabelled"] = {
        name: accuracy_after(rows, votes, truth, known, SHARE_ASKED, n_seeds=1)
        for name, votes in columns.items()
    }
    if len(columns) < 2 or task.name in TRUTH_IS_THE_VOTE:
        return found
    votes = np.column_stack([given, *columns.values()])
    labelled = given >= 0
    every, n_classes = votes[labelled], len(names)
    combined = {
        "majority": majority(every, n_classes),
        "dawid_skene": dawid_skene(every, n_classes).argmax(axis=1),
        "crowdlab": crowdlab(every, n_classes, task.embeddings[labelled]),
    }
    for way, labels in combined.items():
        final = given.copy()
        final[labelled] = labels
        found[way] = accuracy(final)
    others = majority(votes[:, 1:], n_classes)
    for way, share in (("relabel_half", SHARE_ASKED), ("relabel_all", 1.0)):
        found[way] = accuracy_after(rows, others, truth, known, share)
    return found


def accuracy_after(
    rows: RunRows,
    votes: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
    share: float,
    *,
    n_seeds: int = N_SEEDS,
) -> float:
    """Return the label accuracy after relabel with these answers, mean over draws of the probe."""
    stored = [
        Answer(key, rows.class_names[vote], is_label=True) if vote >= 0 else Answer(key, INVALID)
        for key, vote in zip(rows.ids, votes.tolist(), strict=True)
    ]
    n_most = int(share * int((rows.given_labels >= 0).sum()))
    unused = np.empty(0, dtype=np.int64)  # the order that other ways than ours would ask in
    found = []
    for seed in range(n_seeds if share < 1 else 1):
        labels, _ = final_labels("noisefix", rows, stored, n_most, unused, seed)
        found.append(float((labels == truth)[known].mean()))
    return float(np.mean(found))


def tables(sets: list[dict[str, Any]]) -> list[Table]:
    """Return one row for each set with several columns, and the mean gains.

    Args:
        sets: results with "name" and "columns" (None or that of ``measure``).
    """
    chosen = [s for s in sets if s["columns"] and "majority" in s["columns"]]
    if not chosen:
        return []
    rows = []
    for one in chosen:
        found = one["columns"]
        best = max(found["alone"].values())
        rows.append(
            (
                f"{one['name']} ({found['columns']})",
                number(found["given"]),
                number(best),
                *(number(found[way]) for way in WAYS),
            )
        )
    gains = {way: [s["columns"][way] - s["columns"]["given"] for s in chosen] for way in WAYS}
    for words, take in (("mean gain, points", mean), ("worst, points", min)):
        rows.append((words, "", "", *(points(take(gains[way])) for way in WAYS)))
    return [
        Table(
            "Label accuracy from several columns",
            (
                "set (columns beside the given labels)",
                "given",
                "best column",
                "majority",
                "Dawid-Skene",
                "CROWDLAB",
                "relabel, majority, half asked",
                "relabel, majority, all asked",
            ),
            tuple(rows),
            "Majority, Dawid-Skene and CROWDLAB count the given label as one more column. relabel "
            "weighs the majority of the other columns as one annotator. Which column is the best "
            "nobody knows beforehand. Left out: sets whose true labels are the majority of these "
            f"very columns ({', '.join(TRUTH_IS_THE_VOTE)}).",
        )
    ]
