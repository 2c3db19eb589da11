"""Do one step of a recipe, by the Python twin of its command, and say in a few facts what came."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from noisefix.errors import ServiceError
from noisefix.recipes.plan import Step

Watch = Callable[[Any], None] | None


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Attributes:
        facts: a few numbers, as JSON values.
        notes: what a person should know.
        warnings: what a person should worry about.
        failure: why not all of it was done, where what was done is kept; None: all was.
    """

    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failure: ServiceError | None = None


def do(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    """Do a step; errors are those of its command."""
    return _WORK[step.name](step, watch, stdin)


def _detect(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.detection.detect import detect

    data: Any = step.about[0] if len(step.about) == 1 else list(step.about)
    found = detect(data, step.output, options=step.options, progress=watch, stdin=stdin)
    several = found.several_labels is not None
    facts = {
        "rows": found.rows,
        "classes": len(found.classes),
        "flagged": found.n_issues,
        **({} if several else _rates(found)),
    }
    return Outcome(facts, found.notes, found.warnings)


def _rates(found: Any) -> dict[str, float]:
    return {
        "noise_rate": found.noise_rate,
        "noise_rate_low": found.noise_rate_low,
        "noise_rate_high": found.noise_rate_high,
    }


def _relabel(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.relabelling.relabel import relabel

    done = relabel(step.about[0], options=step.options, progress=watch)
    report = done.report
    facts = (
        {"asked": 0, "answered": 0, "relabelled": 0, "review": 0, "cost_usd": 0.0}
        if report is None
        else {
            "asked": report.asked,
            "answered": report.answered,
            "relabelled": report.relabelled,
            "review": report.review,
            "cost_usd": report.cost_usd,
        }
    )
    alarm = (report.alarm,) if report is not None and report.alarm else ()
    return Outcome(facts, done.notes, alarm, done.failure)


def _apply(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.cleaning.apply import apply

    done = apply(step.about[0], step.output, options=step.options)
    return Outcome(
        {
            "rows": done.rows,
            "strategy": done.strategy,
            "relabelled": done.relabelled,
            "filled": done.filled,
            "dropped": done.dropped,
        }
    )


def _train(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.classifiers.train import train

    done = train(step.about[0], cast(str, step.output), options=step.options, progress=watch)
    facts = {"method": done.method, "labelled": done.labelled, "epochs": done.epochs}
    return Outcome(facts, done.notes, failure=done.failure)


def _evaluate(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.evaluation.evaluate import EvaluateResult, evaluate

    truth, data = step.values["truth"], step.values.get("data")
    scored = evaluate(step.about[0], truth, data, options=step.options, progress=watch)
    if isinstance(scored, EvaluateResult):
        return Outcome(
            {
                "scored": scored.scored,
                "average_precision": scored.average_precision,
                "right_before": scored.repair.before,
                "right_after": scored.repair.after,
            }
        )
    facts = {
        "scored": scored.scored,
        "accuracy": scored.accuracy,
        "accuracy_low": scored.accuracy_low,
        "accuracy_high": scored.accuracy_high,
    }
    return Outcome(facts, scored.notes, scored.warnings)


def _report(step: Step, watch: Watch, stdin: BinaryIO | None) -> Outcome:
    from noisefix.reporting.report import report

    done = report(step.about[0], cast(str, step.output), options=step.options)
    return Outcome({"rows": done.rows, "flagged": done.issues})


_WORK: Mapping[str, Callable[[Step, Watch, BinaryIO | None], Outcome]] = {
    "detect": _detect,
    "relabel": _relabel,
    "apply": _apply,
    "train": _train,
    "evaluate": _evaluate,
    "report": _report,
}
