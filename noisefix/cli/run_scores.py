"""How a run did where the truth is known, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.model_scores import show_reliability
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, number, percent, plural, share

if TYPE_CHECKING:
    from noisefix.evaluation.evaluate import EvaluateResult


def show_run_scores(screen: Screen, result: EvaluateResult) -> None:
    """Write the summary, the calibration of p_error and the classes."""
    left_out = (
        f"; {result.without_truth:,} without a truth left out" if result.without_truth else ""
    )
    screen.line(
        f"{plural(result.scored, 'labelled row')} with a truth, {result.errors:,} of them wrong"
        f"{left_out}",
        style="bold",
    )
    flags, noise, repair = result.flags, result.noise_rate, result.repair
    covered = "holds the true rate" if noise.is_covered else "misses the true rate"
    measures = [
        ("average precision", number(result.average_precision)),
        ("area under ROC", number(result.area_under_roc)),
        *((f"precision at {k}", number(value)) for k, value in sorted(result.precision_at.items())),
        (
            "flags: precision",
            f"{number(flags.precision)} ({flags.true_positives} of {flags.flagged})",
        ),
        ("flags: recall", f"{number(flags.recall)} ({flags.true_positives} of {flags.errors})"),
        ("flags: F1", number(flags.f1)),
        ("p_error: calibration error", number(result.calibration_error)),
        ("noise rate, estimated", f"{percent(noise.estimated)}"),
        ("noise rate, 90 % interval", f"{interval(noise.low, noise.high)}, {covered}"),
        ("noise rate, true", percent(noise.true)),
        ("labels right before", share(repair.before)),
        (
            "labels right after apply (relabel)",
            f"{share(repair.after)} ({repair.changed} changed: {repair.improved} improved, "
            f"{repair.spoiled} spoiled)",
        ),
        ("suggested labels right", share(repair.suggested)),
    ]
    if result.unlabelled:
        measures.append(
            (f"suggestions right on {result.unlabelled} unlabelled rows", share(result.filled))
        )
    screen.table((Column("measure"), Column("value", is_flexible=True)), measures)
    show_reliability(
        screen,
        "Is p_error what it says?",
        ("p_error", "really wrong"),
        [(b.low, b.high, b.rows, b.mean_probability, b.error_rate) for b in result.reliability],
    )
    _show_classes(screen, result)


def _show_classes(screen: Screen, result: EvaluateResult) -> None:
    screen.heading("Classes")
    screen.table(
        (
            Column("label", max_width=40),
            Column("given", "right"),
            Column("true", "right"),
            Column("wrong", "right"),
            Column("flag precision", "right"),
            Column("flag recall", "right"),
        ),
        [
            (
                c.label,
                f"{c.given_rows:,}",
                f"{c.true_rows:,}",
                share(c.given_wrong),
                number(c.flag_precision),
                number(c.flag_recall),
            )
            for c in result.classes
        ],
    )
