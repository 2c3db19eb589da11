"""Refit the weights of the hypotheses, and say what they are worth unseen, judged alone.

``python tests/benchmarks error_model``. Three sets of coefficients are scored: those shipped, those
fitted to all tasks that take part in fits, and, for each task, those fitted without any task of its
texts (leave one source out). Only the last says what to expect of other data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np
from detection import class_ids
from error_model_fit import Evidence, Spreads, fit, measure_spreads
from panel import panel_tasks
from report import Headline, Table, least, mean, number, percent
from shared_sets import MAIN_SETS, Task, embed, part_of, train_tasks

from noisefix.evaluation import average_precision, expected_calibration_error
from noisefix.probing.error_model import ERROR_MODEL, ErrorModel, estimate_errors
from noisefix.probing.hypotheses import HYPOTHESES

CLEAN = "clean sets"
PART_ROWS = (120, 300)
GROUPS: dict[str, Callable[[Evidence], bool]] = {
    "13 real sets": lambda e: e.kind == "main",
    "panel, fitted on: annotators": lambda e: e.kind == "answers" and e.is_fitted,
    "panel, fitted on: noise put in": lambda e: e.kind == "made" and e.is_fitted,
    "panel, not fitted on": lambda e: not e.is_fitted and e.kind != "part",
    "120 rows of each": lambda e: e.name.endswith(", 120 rows"),
    "300 rows of each": lambda e: e.name.endswith(", 300 rows"),
    CLEAN: lambda e: e.kind == "clean",
}


def gather(task: Task, seed: int = 0) -> Evidence:
    """Look at a task as the joint stage does, up to the hypotheses."""
    from noisefix.probing.hypotheses import Evidence as Looked
    from noisefix.probing.hypotheses import judge
    from noisefix.probing.label_names import name_view, readable_name
    from noisefix.probing.latent_classes import fit_latent_classes
    from noisefix.probing.views import look, look_around

    names, given, truth = class_ids(task)
    around = look_around(task.embeddings, task.texts, given)
    views = look(task.embeddings, task.texts, given, len(names), around, seed=seed)
    words = embed([readable_name(name) for name in names], "names")
    named = name_view(task.embeddings, words, given)
    latent = fit_latent_classes(task.embeddings, given, len(names))
    hypotheses = judge(Looked(views.pooled, given, latent, named), np.array(ERROR_MODEL.weights))
    return Evidence(
        task.name,
        task.kind,
        task.source,
        task.is_fitted,
        hypotheses,
        given,
        named.gain,
        (given >= 0) & (truth >= 0),
        given != truth,
        1 - views.probe[np.arange(len(given)), given],
    )


def score(evidence: Evidence, model: ErrorModel) -> dict[str, float]:
    """Score what a model makes of the evidence."""
    estimate = estimate_errors(
        evidence.hypotheses, evidence.given, name_gain=evidence.gain, model=model
    )
    known, rate = evidence.known, estimate.noise_rate
    is_error, p_error = evidence.is_error[known], estimate.p_error[known]
    true_rate = float(is_error.mean())
    return {
        "average_precision": average_precision(is_error, p_error),
        "lead": average_precision(is_error, p_error)
        - average_precision(is_error, evidence.plain[known]),
        "calibration_error": expected_calibration_error(is_error, p_error),
        "noise_rate": rate.value,
        "noise_rate_error": abs(rate.value - true_rate),
        "covered": float(rate.low <= true_rate <= rate.high),
        "interval_width": rate.high - rate.low,
    }


def fit_without_each_source(data: list[Evidence]) -> dict[str, ErrorModel]:
    """Return for each source the model fitted to the tasks of all other sources."""
    fitted = [e for e in data if e.is_fitted]
    return {
        source: fit([e for e in fitted if e.source != source])
        for source in sorted({e.source for e in data})
    }


def run(
    tasks: Iterable[Task] | None = None, progress: Callable[[str], None] = print
) -> dict[str, Any]:
    """Look at every task, refit, and score.

    Raises:
        SharedDataAbsentError: the sets are not there.
    """
    data = []
    parts = (part_of(task, n) for task in train_tasks(MAIN_SETS) for n in PART_ROWS)
    for task in chain(train_tasks(), panel_tasks(), parts) if tasks is None else tasks:
        data.append(gather(task))
        progress(f"looked at {task.name}")
    refitted = fit([e for e in data if e.is_fitted])
    unseen = fit_without_each_source(data)
    ways: dict[str, Callable[[Evidence], ErrorModel]] = {
        "shipped": lambda e: ERROR_MODEL,
        "refitted": lambda e: refitted,
        "left_out": lambda e: unseen[e.source],
    }
    scores = {way: {e.name: score(e, choose(e)) for e in data} for way, choose in ways.items()}
    spreads = {
        name: asdict(_spreads([e for e in data if belongs(e)], unseen))
        for name, belongs in GROUPS.items()
        if name != CLEAN and any(belongs(e) for e in data)
    }
    return {
        "shipped": asdict(ERROR_MODEL),
        "refitted": asdict(refitted),
        "spreads": spreads,
        "groups": {name: [e.name for e in data if belongs(e)] for name, belongs in GROUPS.items()},
        "noise_rates": {e.name: float(e.errors.mean()) for e in data},
        "scores": scores,
    }


def _spreads(data: list[Evidence], models: dict[str, ErrorModel]) -> Spreads:
    return measure_spreads(data, models)


WAYS = {
    "shipped": "constants as shipped",
    "refitted": "refitted to the same tasks now",
    "left_out": "fitted without the task's source",
}


def tables(result: dict[str, Any]) -> list[Table]:
    """Return what the constants are worth, and the constants."""
    return [_worth(result), _constants(result), _spread_table(result)]


def headlines(result: dict[str, Any]) -> list[Headline]:
    """Return what the 13 real sets give where the constants were fitted without them."""
    names = result["groups"]["13 real sets"]
    scores = [result["scores"]["left_out"][name] for name in names]
    if not scores:
        return []
    found = " / ".join(
        number(mean(s[measure] for s in scores))
        for measure in ("average_precision", "calibration_error", "noise_rate_error")
    )
    return [
        Headline(
            "average precision / calibration error / noise-rate error with constants that were "
            "fitted without the set",
            found,
        )
    ]


def _worth(result: dict[str, Any]) -> Table:
    rows = []
    for group, names in result["groups"].items():
        for way, words in WAYS.items():
            scores = [result["scores"][way][name] for name in names]
            if not scores:
                continue
            rows.append(
                (
                    f"{group}: {words}",
                    f"{len(names)}",
                    number(mean(s["average_precision"] for s in scores)),
                    number(least(s["lead"] for s in scores)),
                    number(mean(s["calibration_error"] for s in scores)),
                    number(mean(s["noise_rate_error"] for s in scores)),
                    "-" if group == CLEAN else percent(mean(s["covered"] for s in scores), 0),
                    number(mean(s["interval_width"] for s in scores), 2),
                )
            )
    return Table(
        "What the constants of p_error are worth, where they were fitted and elsewhere",
        (
            "tasks: constants",
            "tasks",
            "average precision",
            "worst lead",
            "calibration error",
            "noise-rate error",
            "covered",
            "width of interval",
        ),
        tuple(rows),
        "A source is a set of texts: sets and annotators that share their texts are left out "
        "together. Worst lead: the smallest difference in average precision to the probe's "
        "self-confidence on any task.",
    )


def _constants(result: dict[str, Any]) -> Table:
    def row(name: str, constants: dict[str, Any]) -> tuple[str, ...]:
        values = (
            *constants["weights"],
            *(constants[n] for n in ("intercept", "name_gain")),
        )
        return (name, *(number(value) for value in values))

    return Table(
        "The constants",
        ("", *HYPOTHESES, "intercept", "name_gain"),
        (row("shipped", result["shipped"]), row("refitted", result["refitted"])),
    )


def _spread_table(result: dict[str, Any]) -> Table:
    shipped = result["shipped"]
    rows = [("shipped", shipped["intercept_sd"], shipped["weights_sd"], shipped["class_sd"])]
    rows += [
        (name, s["intercept"], s["weights"], s["class_intercept"])
        for name, s in result["spreads"].items()
    ]
    return Table(
        "How much the constants differ from one data set to another",
        ("", "intercept", *HYPOTHESES, "classes"),
        tuple(
            (name, number(intercept), *(number(w) for w in weights), number(classes))
            for name, intercept, weights, classes in rows
        ),
    )
