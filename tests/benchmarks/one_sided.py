"""What it is worth to say which class rows get where nobody looked, and HOC's count of the errors.

``python tests/benchmarks one_sided``. For each real set the class that most errors were given is
taken from the truth: on some nearly all errors are in it, on others not, and there the user would
be wrong. The clean film reviews get errors of that kind: a quarter of the positives made negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from detection import class_ids
from report import Headline, Table, mean, number, percent
from shared_sets import MAIN_SETS, NEW_SETS, WHO, Task, stage_tables, train_task, train_tasks

from noisefix.detection.cross_check import facts_of_the_whole
from noisefix.detection.joint_stage import JointParams, judge_labels
from noisefix.detection.judged import Judged
from noisefix.metrics.detection import average_precision

_MADE_SHARE = 0.25
_NEARLY_ALL = 0.85


def real_tasks() -> Iterator[Task]:
    """Yield the labels of the real sets, and reviews of which a quarter of one class was missed."""
    yield from train_tasks([*MAIN_SETS, *NEW_SETS])
    clean = train_task("clean_sst2")
    missed = np.random.default_rng(0).random(len(clean.given)) < _MADE_SHARE
    given = tuple(
        "negative" if label == "positive" and is_missed else label
        for label, is_missed in zip(clean.given, missed, strict=True)
    )
    yield replace(clean, name="clean_sst2, positives missed", given=given)


def score(judged: Judged, given: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score ranking, flags and noise rate on the rows whose truth is known."""
    known = (given >= 0) & (truth >= 0)
    wrong, flags = (given != truth)[known], judged.is_issue[known]
    return {
        "average_precision": average_precision(wrong, judged.estimate.p_error[known]),
        "f1": 2 * float((flags & wrong).sum()) / max(float(flags.sum() + wrong.sum()), 1.0),
        "noise_rate": judged.estimate.noise_rate.value,
    }


def run_task(task: Task) -> dict[str, Any]:
    """Judge a set with and without the class, told who labelled and not."""
    names, given, truth = class_ids(task)
    tables = stage_tables(task)
    known = (given >= 0) & (truth >= 0)
    wrong = known & (given != truth)
    label = int(np.bincount(given[wrong], minlength=len(names)).argmax())
    outcome: dict[str, Any] = {
        "name": task.name,
        "errors_in_class": float((given[wrong] == label).mean()),
        "true_rate": float(wrong.sum() / known.sum()),
    }
    for told, who in (("told", WHO.get(task.name, "rules")), ("unknown", "unknown")):
        plain = judge_labels(tables, JointParams(labelled_by=who))
        params = JointParams(labelled_by=who, unverified_class=names[label])
        outcome[f"{told}_before"] = score(plain, given, truth)
        outcome[f"{told}_after"] = score(judge_labels(tables, params), given, truth)
        outcome["hoc"] = facts_of_the_whole(plain)["hoc"]["noise_rate"]
    return outcome


def run(
    tasks: Iterable[Task] | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Name the class of most errors of every real set.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for task in real_tasks() if tasks is None else tasks:
        found.append(run_task(task))
        progress(f"the class of most errors of {task.name}")
    return {"sets": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return ranking and flags before and after, and the two counts of the errors."""
    return [_ranking(result), _counts(result)]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the mean gain where nearly all errors are in one class."""
    fits = [s for s in result["sets"] if s["errors_in_class"] >= _NEARLY_ALL]
    if not fits:
        return []
    before, after = (
        number(mean(s[f"unknown_{when}"]["average_precision"] for s in fits))
        for when in ("before", "after")
    )
    words = "Average precision where the class that nobody looked at is said, and true"
    return [Headline(words, f"{before} to {after} ({len(fits)} sets)")]


def _ranking(result: dict[str, Any]) -> Table:
    def change(scores: dict[str, Any], told: str, measure: str) -> str:
        before, after = (scores[f"{told}_{when}"][measure] for when in ("before", "after"))
        return f"{number(before)} to {number(after)}"

    measures = [(told, m) for told in ("told", "unknown") for m in ("average_precision", "f1")]
    ordered = sorted(result["sets"], key=lambda s: -s["errors_in_class"])
    return Table(
        "--unverified-class: the class that most errors were given",
        (
            "set",
            "errors in it",
            "average precision, told who labelled",
            "F1 of the flags",
            "average precision, not told",
            "F1 of the flags, not told",
        ),
        tuple(
            (s["name"], percent(s["errors_in_class"], 0), *(change(s, *m) for m in measures))
            for s in ordered
        ),
        "The class is taken from the truth: where few errors are in it, nobody would say so.",
    )


def _counts(result: dict[str, Any]) -> Table:
    counted = [s for s in result["sets"] if s["hoc"] is not None]

    def error(value: Callable[[dict[str, Any]], float]) -> str:
        return number(mean(abs(value(s) - s["true_rate"]) for s in counted))

    ways: tuple[tuple[str, Callable[[dict[str, Any]], float]], ...] = (
        ("HOC", lambda s: s["hoc"]),
        ("p_error, told who labelled", lambda s: s["told_before"]["noise_rate"]),
        ("p_error, not told", lambda s: s["unknown_before"]["noise_rate"]),
    )
    return Table(
        "Two ways of counting the wrong labels",
        ("way", "sets", "error of the noise rate"),
        tuple((name, str(len(counted)), error(value)) for name, value in ways),
        "Sets in which the labels of near rows hardly agree are left out.",
    )
