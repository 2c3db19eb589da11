"""Several columns of labels: what ``detect --annotator-columns`` makes of them.

``python tests/benchmarks label_columns``. Each real set with other annotators' stored answers is
judged without them, with all, and with random subsets of one to four; beside it stand the vote,
Dawid-Skene and CROWDLAB on the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from baselines import NO_VOTE, crowdlab, dawid_skene, majority
from detection import class_ids
from relabel_columns import TRUTH_IS_THE_VOTE
from report import Headline, Table, mean, number, points
from shared_sets import MAIN_SETS, NEW_SETS, Task, load, stage_tables, train_tasks

from noisefix.detection.annotations import consensus
from noisefix.detection.joint_stage import JointParams, judge_labels, see, weigh
from noisefix.detection.voting import Answers, Heard, encode_answers, hear
from noisefix.labels import UNLABELLED
from noisefix.metrics.calibration import expected_calibration_error
from noisefix.metrics.detection import average_precision
from noisefix.probing.error_model import ErrorEstimate
from noisefix.probing.flags import flag_rows, perhaps_clean
from noisefix.probing.readings import UNKNOWN

if TYPE_CHECKING:
    import pyarrow as pa

SIZES = (1, 2, 3, 4)
N_SUBSETS = 6
N_VOTING = 3
"""Columns that vote, where there is no given label."""

_PREFIXES = ("llm_", "slm_", "annotator_", "weak_label")
_WAYS = ("majority", "dawid_skene", "crowdlab")


def answers_of(task: Task) -> dict[str, list[str]]:
    """Return (N,) cells of each column of answers; the given labels' own column is left out."""
    table = load(task.name)
    table = table[table["split"] == "train"]
    columns = {
        column: table[column].tolist() for column in table.columns if column.startswith(_PREFIXES)
    }
    return {
        column: cells
        for column, cells in columns.items()
        if any(cell and cell != given for cell, given in zip(cells, task.given, strict=True))
    }


def run(
    tasks: Iterable[Task] | None = None,
    progress: Callable[[str], None] = print,
    columns_of: Callable[[Task], dict[str, list[str]]] = answers_of,
) -> dict[str, Any]:
    """Judge every set that has columns of answers.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    names = [name for name in (*MAIN_SETS, *NEW_SETS) if name not in TRUTH_IS_THE_VOTE]
    found = []
    for task in _with_columns(names) if tasks is None else tasks:
        columns = columns_of(task)
        if columns:
            found.append(_run_task(task, columns))
            progress(f"annotators of {task.name}")
    return {"sets": found}


def _with_columns(names: Iterable[str]) -> Iterable[Task]:
    chosen = [
        name for name in names if any(str(c).startswith(_PREFIXES) for c in load(name).columns)
    ]
    return train_tasks(chosen)


def _run_task(task: Task, columns: dict[str, list[str]]) -> dict[str, Any]:
    ids = [str(row + 1) for row in range(len(task.texts))]
    table = table_of(ids, columns)
    params = JointParams()
    seen = see(stage_tables(task) | {"annotations": table}, params)
    judged = weigh(replace(seen, answers=None), None, params)
    names, given, _ = class_ids(task)
    answers = encode_answers(table, ids, names)
    index = {name: k for k, name in enumerate(seen.class_names)}
    truth = np.array(
        [NO_VOTE if t is None else index.get(t, len(index)) for t in task.truth], dtype=np.int64
    )
    known = (given >= 0) & (truth >= 0)

    def score(places: tuple[int, ...]) -> dict[str, Any]:
        part = Answers(
            tuple(answers.voters[place] for place in places),
            tuple(answers.other_answers[place] for place in places),
            answers.new_names,
        )
        nobody = np.full(len(given), UNLABELLED)
        heard, estimate = hear(part, judged.estimate, given, nobody, seen.probe, given_counts=True)
        return _scores(heard, estimate, judged.estimate, given, truth, known)

    everyone = tuple(range(len(answers.voters)))
    rng = np.random.default_rng(0)
    subsets = {}
    for size in SIZES:
        if size < len(everyone):
            all_of_them = list(combinations(everyone, size))
            chosen = rng.permutation(len(all_of_them))[:N_SUBSETS]
            subsets[str(size)] = [score(all_of_them[place]) for place in chosen]
    before = judged.estimate.true_label_probs.argmax(axis=1)
    alone = [float((v.labels == truth[v.rows])[known[v.rows]].mean()) for v in answers.voters]
    return {
        "name": task.name,
        "columns": len(everyone),
        "given": float((given == truth)[known].mean()),
        "detect": float((before == truth)[known].mean()),
        "best": max(alone),
        "all": score(everyone),
        "subsets": subsets,
        "unlabelled": _without_labels(task, columns),
        **_others(task, given, truth, known, answers, len(seen.class_names)),
    }


def _without_labels(task: Task, columns: dict[str, list[str]]) -> list[dict[str, float]]:
    """Judge columns without the given labels: all of them, and random subsets of three."""
    rng = np.random.default_rng(0)
    threes = list(combinations(columns, N_VOTING))
    chosen = [tuple(columns)] if len(columns) >= N_VOTING else []
    if len(columns) > N_VOTING:
        chosen += [threes[place] for place in rng.permutation(len(threes))[:N_SUBSETS]]
    return [_by_vote(task, {name: columns[name] for name in some}) for some in chosen]


def _by_vote(task: Task, columns: dict[str, list[str]]) -> dict[str, float]:
    ids = [str(row + 1) for row in range(len(task.texts))]
    table = table_of(ids, columns)
    vote = consensus(table, ids)
    if len(set(vote) - {None}) < 2:
        return {}
    unlabelled = replace(task, given=tuple(vote))
    tables = stage_tables(unlabelled) | {"annotations": table}
    judged = judge_labels(tables, JointParams(given_by_vote=True))
    assert judged.heard is not None
    names, given = judged.class_names, judged.given_labels
    index = {name: k for k, name in enumerate(names)}
    truth = np.array([NO_VOTE if t is None else index.get(t, len(index)) for t in task.truth])
    known = (given >= 0) & (truth >= 0)
    votes = np.column_stack(
        [[index.get(cell, NO_VOTE) for cell in cells] for cells in columns.values()]
    )
    learned = given.copy()
    learned[given >= 0] = dawid_skene(votes[given >= 0], len(names)).argmax(axis=1)
    likeliest = judged.estimate.true_label_probs.argmax(axis=1)
    vouched = judged.heard.voted.is_vouched & judged.is_issue
    found = {
        "vote": given,
        "dawid_skene": learned,
        "suggested": likeliest,
        "changed": np.where(vouched, likeliest, given),
    }
    right = {way: float((labels == truth)[known].mean()) for way, labels in found.items()}
    return {"columns": len(columns), **right}


def table_of(ids: Sequence[str], columns: dict[str, list[str]]) -> pa.Table:
    """Return answers as the joint stage reads them; empty cells are none."""
    import pyarrow as pa

    said = [
        (key, column, cell)
        for column, cells in columns.items()
        for key, cell in zip(ids, cells, strict=True)
        if cell
    ]
    return pa.table(dict(zip(("id", "annotator", "label"), zip(*said, strict=True), strict=True)))


def _scores(
    heard: Heard,
    estimate: ErrorEstimate,
    before: ErrorEstimate,
    given: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
) -> dict[str, Any]:
    is_error = (given != truth)[known]
    right = float((~is_error).mean())
    likeliest = estimate.true_label_probs.argmax(axis=1)
    is_perhaps_clean = perhaps_clean(estimate.noise_rate.low, UNKNOWN)
    flags = flag_rows(estimate.p_error, is_perhaps_clean=is_perhaps_clean)
    vouched = heard.voted.is_vouched & flags
    changed = np.where(vouched, likeliest, given)
    covered = [
        float(
            q.accuracy.low <= (v.labels == truth[v.rows])[known[v.rows]].mean() <= q.accuracy.high
        )
        for v, q in zip(heard.answers.voters, heard.quality, strict=True)
        if known[v.rows].any()
    ]
    return {
        "used": sum(one.is_used for one in heard.screened),
        "suggested": float((likeliest == truth)[known].mean()) - right,
        "changed": float((changed == truth)[known].mean()) - right,
        "vouched": float(vouched[known].mean()),
        "ap": average_precision(is_error, estimate.p_error[known]),
        "ap_before": average_precision(is_error, before.p_error[known]),
        "calibration": expected_calibration_error(is_error, estimate.p_error[known]),
        "calibration_before": expected_calibration_error(is_error, before.p_error[known]),
        "interval_holds": float(np.mean(covered)) if covered else None,
    }


def _others(
    task: Task,
    given: np.ndarray,
    truth: np.ndarray,
    known: np.ndarray,
    answers: Answers,
    n_classes: int,
) -> dict[str, float]:
    """Return the accuracy of other ways, which count the given label as one more column."""
    votes = np.column_stack([given, *(v.said(len(given)) for v in answers.voters)])
    labelled = given >= 0
    every = votes[labelled]
    combined = {
        "majority": majority(every, n_classes),
        "dawid_skene": dawid_skene(every, n_classes).argmax(axis=1),
        "crowdlab": crowdlab(every, n_classes, task.embeddings[labelled]),
    }
    found = {}
    for way, labels in combined.items():
        final = given.copy()
        final[labelled] = labels
        found[way] = float((final == truth)[known].mean())
    return found


def tables(result: dict[str, Any]) -> list[Table]:
    """Return the labels after combining all, and the changes by random subsets."""
    unlabelled = _unlabelled_table(result["sets"])
    return [
        _all_table(result["sets"]),
        _subsets_table(result["sets"]),
        *([] if unlabelled is None else [unlabelled]),
    ]


def _unlabelled_table(sets: list[dict[str, Any]]) -> Table | None:
    cases = [(one["name"], case) for one in sets for case in one.get("unlabelled", []) if case]
    if not cases:  # measured by an earlier version
        return None
    rows = []
    for words, is_of_three in (("all columns", False), (f"{N_VOTING} of them", True)):
        by_set: dict[str, list[dict[str, float]]] = {}
        for name, case in cases:
            if (case["columns"] == N_VOTING) == is_of_three:
                by_set.setdefault(name, []).append(case)
        if not by_set:
            continue
        vote = mean(mean(case["vote"] for case in some) for some in by_set.values())
        gains = [
            [[case[way] - case["vote"] for case in some] for some in by_set.values()]
            for way in ("dawid_skene", "suggested", "changed")
        ]
        n_cases = sum(map(len, by_set.values()))
        rows.append((f"{words} ({n_cases})", number(vote), *map(_mean_and_worst, gains)))
    return Table(
        "Without a label column: right labels, gain over what most annotators say (worst)",
        ("columns", "vote", "Dawid-Skene", "suggested", "after apply"),
        tuple(rows),
        "The given labels are hidden. After apply: `apply --strategy relabel`, which writes the "
        "vote, and another label only where two annotators vouch for it.",
    )


def _all_table(sets: list[dict[str, Any]]) -> Table:
    rows = [
        (
            f"{one['name']} ({one['columns']}, {one['all']['used']} used)",
            number(one["given"]),
            number(one["best"]),
            *(number(one[way]) for way in _WAYS),
            number(one["given"] + one["all"]["suggested"]),
            number(one["given"] + one["all"]["changed"]),
            f"{number(one['all']['ap_before'])} → {number(one['all']['ap'])}",
        )
        for one in sets
    ]
    gains = {way: [one[way] - one["given"] for one in sets] for way in _WAYS}
    gains |= {way: [one["all"][way] for one in sets] for way in ("suggested", "changed")}
    more = [one["all"]["ap"] - one["all"]["ap_before"] for one in sets]
    for words, take in (("mean gain, points", mean), ("worst, points", min)):
        ap = f"{take(more):+.3f}"
        rows.append((words, "", "", *(points(take(values)) for values in gains.values()), ap))
    return Table(
        "Right labels from several columns",
        (
            "set (columns)",
            "given",
            "best column",
            "majority",
            "Dawid-Skene",
            "CROWDLAB",
            "suggested",
            "after apply",
            "average precision, detect alone → with the columns",
        ),
        tuple(rows),
        "All other columns are named as annotators. Suggested: the most probable label of every "
        "row. After apply: `apply --strategy relabel`, which changes only what the annotators "
        "vouch for. Which column is the best nobody knows beforehand. Left out: sets whose true "
        f"labels are the majority of these very columns ({', '.join(TRUTH_IS_THE_VOTE)}).",
    )


def _subsets_table(sets: list[dict[str, Any]]) -> Table:
    rows = []
    for size in map(str, SIZES):
        chosen = [one["subsets"][size] for one in sets if size in one["subsets"]]
        if not chosen:
            continue

        def each(name: str, chosen: list[Any] = chosen) -> list[list[float]]:
            return [[one[name] for one in subsets] for subsets in chosen]

        rises = [[one["ap"] - one["ap_before"] for one in subsets] for subsets in chosen]
        rows.append(
            (
                f"{size} of them ({sum(map(len, chosen))} subsets)",
                *(_mean_and_worst(each(name)) for name in ("suggested", "changed")),
                f"{mean(map(np.mean, rises)):+.3f} ({min(map(min, rises)):+.3f})",
                f"{number(mean(map(np.mean, each('calibration_before'))))} → "
                f"{number(mean(map(np.mean, each('calibration'))))}",
            )
        )
    return Table(
        "Random subsets of the columns: mean over sets (worst subset)",
        (
            "columns",
            "suggested, points",
            "after apply, points",
            "average precision",
            "calibration error",
        ),
        tuple(rows),
        "Changes against the given labels, and against detect without annotators.",
    )


def _mean_and_worst(gains: list[list[float]]) -> str:
    return f"{points(mean(map(np.mean, gains)))} ({points(min(map(min, gains)))})"


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the gain with all columns, and the worst subset."""
    sets = result["sets"]
    changed = mean(one["all"]["changed"] for one in sets)
    worst = min(
        score["changed"]
        for one in sets
        for score in (one["all"], *(s for part in one["subsets"].values() for s in part))
    )
    rise = mean(one["all"]["ap"] - one["all"]["ap_before"] for one in sets)
    words = "several label columns: right labels after apply (worst subset), average precision"
    return [Headline(words, f"{points(changed)} points ({points(worst)}), {rise:+.3f}")]
