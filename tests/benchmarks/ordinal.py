"""What it is worth to say that the classes have an order: rows ranked by how far off they seem.

``python tests/benchmarks ordinal``. Three-point scales with their real errors, and with made ones:
a fifth of the true labels moved, most of them by one step. ``--ordinal`` is held against p_error
and the most probable class, from the very same probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from detection import all_names, class_ids
from report import Headline, Table, mean, number
from shared_sets import WHO, Task, stage_tables, train_task

from noisefix.detection.joint_stage import JointParams, see, weigh
from noisefix.metrics.detection import average_precision
from noisefix.probing.ordinal import median_labels

SCALES = {
    "fpb_llm": ("negative", "neutral", "positive"),
    "fomc_llm": ("dovish", "neutral", "hawkish"),
    "css2_wiki_politeness": ("impolite", "neutral", "polite"),
    "css_ibc_llm": ("liberal", "neutral", "conservative"),
}
_SEEDS = (0, 1, 2)
_MADE_RATE = 0.2
_ONE_STEP = 0.7
_FAR = 2


def ordered_tasks() -> Iterator[Task]:
    """Yield the scales with their real labels, and with made noise three times over."""
    for name in SCALES:
        task = train_task(name)
        yield task
        for seed in _SEEDS:
            yield with_steps(task, SCALES[name], seed)


def with_steps(task: Task, order: tuple[str, ...], seed: int) -> Task:
    """Return the true labels, a fifth of them moved by a step or more."""
    rng = np.random.default_rng(seed)
    given: list[str | None] = []
    for label in task.truth:
        if label is None or rng.random() >= _MADE_RATE:
            given.append(label)
            continue
        steps = [abs(order.index(label) - place) for place in range(len(order))]
        weights = np.array([0 if s == 0 else _ONE_STEP if s == 1 else 1 - _ONE_STEP for s in steps])
        given.append(order[rng.choice(len(order), p=weights / weights.sum())])
    return replace(task, name=f"{task.name}, made {seed}", kind="made", given=tuple(given))


def run_task(task: Task) -> dict[str, Any]:
    """Judge a scale, and rank its rows by p_error and by expected distance."""
    order = SCALES[task.source]
    names, given, truth = class_ids(task)
    who = WHO[task.source] if task.kind == "main" else "unknown"
    seen = see(stage_tables(task), JointParams(labelled_by=who))
    plain = weigh(seen, None, JointParams(labelled_by=who))
    judged = weigh(seen, None, JointParams(labelled_by=who, ordinal=",".join(order)))
    places = np.array([order.index(name) for name in all_names(task)])
    known = (given >= 0) & (truth >= 0)
    steps = np.abs(places[given] - places[truth])[known]
    outcome: dict[str, Any] = {
        "name": task.name,
        "made": task.kind == "made",
        "errors": int((steps > 0).sum()),
        "far_errors": int((steps >= _FAR).sum()),
    }
    suggested = {
        "p_error": plain.estimate.true_label_probs.argmax(axis=1),
        "distance": median_labels(plain.estimate.true_label_probs, places[: len(names)]),
    }
    scores = {"p_error": plain.estimate.p_error, "distance": judged.distance}
    for way, score in scores.items():
        assert score is not None
        order_of_rows = np.argsort(-score[known], kind="stable")[: outcome["errors"]]
        left = np.abs(places[suggested[way]] - places[truth])[known]
        outcome[way] = {
            "all": average_precision(steps > 0, score[known]),
            "far": average_precision(steps >= _FAR, score[known]),
            "found": float(steps[order_of_rows].sum() / steps.sum()),
            "distance_left": float(left.mean()),
        }
    outcome["distance_before"] = float(steps.mean())
    return outcome


def run(
    tasks: Iterable[Task] | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Rank every scale both ways.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    found = []
    for task in ordered_tasks() if tasks is None else tasks:
        found.append(run_task(task))
        progress(f"the order of {task.name}")
    return {"sets": found}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return ranking and suggestions with the order and without, made sets as means."""
    rows = [_row(s["name"], [s]) for s in result["sets"] if not s["made"]]
    for name in SCALES:
        made = [s for s in result["sets"] if s["made"] and s["name"].startswith(f"{name},")]
        if made:
            rows.append(_row(f"{name}, made errors ({len(made)} seeds)", made))
    return [
        Table(
            "--ordinal: p_error and the likeliest class, to expected distance and the median class",
            (
                "scale",
                "average precision, errors of two steps",
                "average precision, all errors",
                "share of all steps in the first rows",
                "mean distance of the suggestion",
            ),
            tuple(rows),
            "The first rows are as many as there are errors.",
        )
    ]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return the mean gain of the ranking for errors of two steps."""
    before, after = (
        number(mean(s[way]["far"] for s in result["sets"])) for way in ("p_error", "distance")
    )
    words = "Average precision for errors of two steps where the order of classes is said"
    return [Headline(words, f"{before} to {after}")]


def _row(name: str, sets: list[dict[str, Any]]) -> tuple[str, ...]:
    measures = ("far", "all", "found", "distance_left")
    return (
        name,
        *(
            f"{number(mean(s['p_error'][m] for s in sets))} to "
            f"{number(mean(s['distance'][m] for s in sets))}"
            for m in measures
        ),
    )
