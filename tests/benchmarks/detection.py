"""How well wrong labels are found, on real noise: noisefix beside the plain script.

``python tests/benchmarks detection``. Both sides get the same embeddings, and of every
set only the texts and the given labels; the true labels score what comes out. Seeds change the
folds. Sets, splits and the panel: ``shared_sets.py`` and ``panel.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import plain_script
from panel import panel_tasks
from report import Headline, Table, least, mean, number, percent, points
from shared_sets import Task, stage_tables, train_tasks

from noisefix.evaluation import (
    accuracy,
    area_under_roc,
    average_precision,
    expected_calibration_error,
    flag_scores,
)

Result = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What one side says of N rows; class ids as in the task's sorted given labels."""

    p_error: np.ndarray  # (N,)
    is_issue: np.ndarray  # (N,) bool
    repaired: np.ndarray  # (N,) ids after relabelling
    noise_rate: float
    interval: tuple[float, float] | None = None


def class_ids(task: Task) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return class names, given ids (-1 = unlabelled) and true ids (-1 = not known).

    True classes that were never given have ids from K up.
    """
    from noisefix.labels import UNLABELLED, class_names, encode_labels

    names = class_names(task.given)
    others = sorted({label for label in task.truth if label is not None} - set(names))
    given = encode_labels(task.given, names)
    truth = encode_labels(task.truth, (*names, *others))
    assert UNLABELLED == -1
    return names, given, truth


def noisefix_verdict(task: Task, seed: int) -> Verdict:
    """Judge by the joint stage, and repair as ``apply --strategy relabel`` does."""
    from noisefix.labels import encode_labels
    from noisefix.stages.apply import ApplyParams, decide
    from noisefix.stages.joint import JointParams, run

    output = run(stage_tables(task), JointParams(), seed=seed)
    issues, names = output.tables["issues"], output.class_names
    labels = list(task.given)
    has_witness = output.results["can_relabel"]
    for decision in decide(issues, names, ApplyParams("relabel"), has_witness=has_witness):
        labels[decision.index] = decision.new_label
    low, high = output.results["noise_rate_low"], output.results["noise_rate_high"]
    return Verdict(
        issues["p_error"].to_numpy(),
        issues["is_issue"].to_numpy().astype(bool),
        encode_labels(labels, names),
        output.results["noise_rate"],
        (low, high),
    )


def plain_verdict(task: Task, seed: int) -> Verdict:
    """Judge by the plain script; a flagged row gets the most probable class."""
    _, given, _ = class_ids(task)
    found = plain_script.judge(task.embeddings, given, seed)
    return Verdict(
        1 - found.self_confidence,
        found.is_issue,
        np.where(found.is_issue, found.pred_probs.argmax(axis=1), given),
        found.noise_rate,
    )


SIDES: dict[str, Callable[[Task, int], Verdict]] = {
    "noisefix": noisefix_verdict,
    "plain": plain_verdict,
}


def score(task: Task, verdict: Verdict) -> dict[str, float]:
    """Hold a verdict against the rows whose truth is known."""
    _, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    is_error = (given != truth)[known]
    p_error, true_rate = np.clip(verdict.p_error[known], 0, 1), float(is_error.mean())
    flags = flag_scores(is_error, verdict.is_issue[known])
    before = accuracy(given[known], truth[known])
    after = accuracy(verdict.repaired[known], truth[known])
    scores = {
        "average_precision": average_precision(is_error, p_error),
        "area_under_roc": area_under_roc(is_error, p_error),
        "calibration_error": expected_calibration_error(is_error, p_error),
        "noise_rate": verdict.noise_rate,
        "noise_rate_error": abs(verdict.noise_rate - true_rate),
        "flag_precision": flags.precision,
        "flag_recall": flags.recall,
        "flag_f1": flags.f1 if flags.errors else np.nan,
        "accuracy_after": after,
        "accuracy_gain": after - before,
    }
    if verdict.interval is not None:
        low, high = verdict.interval
        scores |= {"low": low, "high": high, "covered": float(low <= true_rate <= high)}
    return scores


def run_task(task: Task, n_seeds: int) -> Result:
    """Return facts of a task, and each side's mean and spread over the seeds."""
    names, given, truth = class_ids(task)
    known = (given >= 0) & (truth >= 0)
    outcome: Result = {
        "name": task.name,
        "kind": task.kind,
        "is_fitted": task.is_fitted,
        "rows": len(given),
        "scored": int(known.sum()),
        "classes": len(names),
        "noise_rate": float((given != truth)[known].mean()),
    }
    for side, judge in SIDES.items():
        runs = [score(task, judge(task, seed)) for seed in range(n_seeds)]
        values = {name: np.array([run[name] for run in runs]) for name in runs[0]}
        outcome[side] = {name: float(v.mean()) for name, v in values.items()}
        if n_seeds > 1:
            outcome[f"{side}_spread"] = {name: float(v.std()) for name, v in values.items()}
    return outcome


def run(
    n_seeds: int = 3, tasks: Iterable[Task] | None = None, progress: Callable[[str], None] = print
) -> Result:
    """Score both sides on every task.

    Args:
        n_seeds: seeds of the sets; the panel's tasks, which are many, get one.
        tasks: other tasks than the sets and the panel.
        progress: told of each task as it is done.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    jobs = [(task, n_seeds) for task in tasks] if tasks is not None else _jobs(n_seeds)
    outcomes = []
    for task, seeds in jobs:
        outcome = run_task(task, seeds)
        ours, plain = outcome["noisefix"], outcome["plain"]
        progress(
            f"{task.name}: average precision {number(ours['average_precision'])}, "
            f"plain {number(plain['average_precision'])}"
        )
        outcomes.append(outcome)
    return {"seeds": n_seeds, "tasks": outcomes}


def _jobs(n_seeds: int) -> Iterable[tuple[Task, int]]:
    yield from ((task, n_seeds) for task in train_tasks())
    yield from ((task, 1) for task in panel_tasks())


GROUPS: dict[str, Callable[[Result], bool]] = {
    "13 real sets": lambda task: task["kind"] == "main",
    "panel, fitted on: annotators": lambda task: task["kind"] == "answers" and task["is_fitted"],
    "panel, fitted on: noise put in": lambda task: task["kind"] == "made" and task["is_fitted"],
    "panel, not fitted on: annotators": lambda t: t["kind"] == "answers" and not t["is_fitted"],
    "panel, not fitted on: noise put in": lambda t: t["kind"] == "made" and not t["is_fitted"],
}


def summary(tasks: list[Result]) -> dict[str, float]:
    """Return means over tasks, and the worst differences."""
    both = [(task["noisefix"], task["plain"]) for task in tasks]
    lead = [ours["average_precision"] - plain["average_precision"] for ours, plain in both]
    outcome = {"tasks": float(len(tasks)), "worst_lead": least(lead)}
    for side, column in (("noisefix", 0), ("plain", 1)):
        for name in ("average_precision", "calibration_error", "noise_rate_error", "accuracy_gain"):
            outcome[f"{side}_{name}"] = mean(pair[column][name] for pair in both)
        outcome[f"{side}_worst_gain"] = least(pair[column]["accuracy_gain"] for pair in both)
    outcome["covered"] = mean(ours["covered"] for ours, _ in both)
    return outcome


def tables(result: Result) -> list[Table]:
    """Return the sets one by one, and the panel in groups."""
    tasks = result["tasks"]
    sets = [task for task in tasks if task["kind"] in ("main", "clean")]
    return [_finding(sets, result["seeds"]), _noise_rates(sets), _repair(sets), _groups(tasks)]


def headlines(result: Result) -> list[Headline]:
    """Return what was asked of detection, calibration, noise rate and repair."""
    main = [task for task in result["tasks"] if task["kind"] == "main"]
    sets = [task for task in result["tasks"] if task["kind"] in ("main", "clean")]
    if not main:
        return []
    s = summary(main)
    gain = mean(task["noisefix"]["accuracy_gain"] for task in main)
    worst = least(task["noisefix"]["accuracy_gain"] for task in sets)
    return [
        Headline(
            "wrong labels found: average precision, mean of 13 real sets (plain script "
            f"{number(s['plain_average_precision'])})",
            number(s["noisefix_average_precision"]),
            "at least .50",
            s["noisefix_average_precision"] >= 0.5,
        ),
        Headline(
            "the same, smallest lead over the plain script on a set",
            number(s["worst_lead"]),
            "at least -.05",
            s["worst_lead"] >= -0.05,
        ),
        Headline(
            f"calibration error of p_error (plain {number(s['plain_calibration_error'])})",
            number(s["noisefix_calibration_error"]),
            "at most .10",
            s["noisefix_calibration_error"] <= 0.1,
        ),
        Headline(
            f"error of the noise rate (plain {number(s['plain_noise_rate_error'])})",
            number(s["noisefix_noise_rate_error"]),
            "at most .09",
            s["noisefix_noise_rate_error"] <= 0.09,
        ),
        Headline("its 90 % interval holds the true rate", percent(s["covered"], 0)),
        Headline(
            "apply --strategy relabel, points of label accuracy gained, mean of 13 sets (plain "
            f"{points(s['plain_accuracy_gain'])})",
            points(gain),
            "at least +0.20",
            gain >= 0.002,
        ),
        Headline(
            "the same on the worst of 16 sets, the clean ones included",
            points(worst),
            "at least -0.20",
            worst >= -0.002,
        ),
    ]


def _finding(sets: list[Result], n_seeds: int) -> Table:
    def row(name: str, ours: dict[str, float], plain: dict[str, float]) -> tuple[str, ...]:
        cells = [name]
        for measure in ("average_precision", "area_under_roc", "flag_f1", "calibration_error"):
            cells += [number(ours[measure]), number(plain[measure])]
        return tuple(cells)

    main = [task for task in sets if task["kind"] == "main"]
    sides = (
        {
            side: {name: mean(task[side][name] for task in main) for name in main[0][side]}
            for side in SIDES
        }
        if main
        else {}
    )
    rows = [row(task["name"], task["noisefix"], task["plain"]) for task in sets]
    if main:
        rows.insert(len(main), row(f"mean of {len(main)}", sides["noisefix"], sides["plain"]))
    spread = mean(task.get("noisefix_spread", {}).get("average_precision") for task in main)
    return Table(
        "Finding wrong labels: noisefix / plain script",
        (
            "set",
            "average precision",
            "plain",
            "AUROC",
            "plain",
            "F1 of flags",
            "plain",
            "calibration error",
            "plain",
        ),
        tuple(rows),
        f"Means over {n_seeds} seeds of the folds, between which noisefix's average precision "
        f"moves by {number(spread)} (standard deviation, mean of the sets). Nothing is wrong in "
        "the clean sets, so that there is nothing to find.",
    )


_COVERED = {0.0: "no", 1.0: "yes"}


def _noise_rates(sets: list[Result]) -> Table:
    rows = []
    for task in sets:
        ours, plain = task["noisefix"], task["plain"]
        rows.append(
            (
                task["name"],
                f"{task['rows']:,}",
                percent(task["noise_rate"]),
                percent(ours["noise_rate"]),
                f"{percent(ours['low'], 0)} to {percent(ours['high'], 0)}",
                "-" if task["kind"] == "clean" else _COVERED.get(ours["covered"], "at times"),
                percent(plain["noise_rate"]),
            )
        )
    return Table(
        "Noise rate: true, estimated, and by the plain script (1 - trace of the joint)",
        ("set", "rows", "true", "noisefix", "90 % interval", "covers", "plain"),
        tuple(rows),
        "The clean sets are clean by assumption: their own few errors count as none, and no "
        "interval that begins above 0 holds 0.",
    )


def _repair(sets: list[Result]) -> Table:
    return Table(
        "Label accuracy after repair without an annotator",
        ("set", "given", "apply --strategy relabel", "points", "plain: argmax where flagged"),
        tuple(
            (
                task["name"],
                percent(1 - task["noise_rate"]),
                percent(task["noisefix"]["accuracy_after"], 2),
                points(task["noisefix"]["accuracy_gain"]),
                points(task["plain"]["accuracy_gain"]),
            )
            for task in sets
        ),
    )


def _groups(tasks: list[Result]) -> Table:
    rows = []
    for name, belongs in GROUPS.items():
        chosen = [task for task in tasks if belongs(task)]
        if not chosen:
            continue
        s = summary(chosen)

        def pair(measure: str, show: Callable[[float], str], s: dict[str, float] = s) -> str:
            return f"{show(s[f'noisefix_{measure}'])} / {show(s[f'plain_{measure}'])}"

        rows.append(
            (
                name,
                f"{len(chosen)}",
                pair("average_precision", number),
                number(s["worst_lead"]),
                pair("calibration_error", number),
                pair("noise_rate_error", number),
                percent(s["covered"], 0),
                pair("accuracy_gain", points),
                pair("worst_gain", points),
            )
        )
    return Table(
        "Summary: noisefix / plain script",
        (
            "group",
            "tasks",
            "average precision",
            "worst lead",
            "calibration error",
            "noise-rate error",
            "covered",
            "repair, points",
            "worst repair",
        ),
        tuple(rows),
        "Worst lead: the smallest difference in average precision to the plain script on any task.",
    )
