"""How a model did on a test table, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, number, plural, share

if TYPE_CHECKING:
    from noisefix.evaluation.evaluate_model import ModelScores

_SHOWN_CONFUSIONS = 10
_SHOWN_CLASSES = 40


def show_model_scores(screen: Screen, scores: ModelScores) -> None:
    """Write the summary, the classes, the mix-ups and the calibration."""
    left_out = f"; {scores.without_truth:,} without one left out" if scores.without_truth else ""
    screen.line(
        f"{scores.model} on {plural(scores.scored, 'row')} of {scores.data.name} with a true "
        f"label{left_out}",
        style="bold",
    )
    n_unknown = sum(scores.unknown_labels.values())
    measures = [
        (
            "accuracy",
            f"{share(scores.accuracy)} (95 % interval "
            f"{interval(scores.accuracy_low, scores.accuracy_high)})",
        ),
        ("macro F1", number(scores.macro_f1)),
        ("mean confidence", share(scores.mean_confidence)),
        ("calibration error", number(scores.calibration_error)),
    ]
    if n_unknown:
        names = ", ".join(sorted(scores.unknown_labels)[:3])
        more = ", ..." if len(scores.unknown_labels) > 3 else ""
        measures.append(
            ("labels unknown to the model", f"{plural(n_unknown, 'row')} ({names}{more})")
        )
    screen.table((Column("measure"), Column("value", is_flexible=True)), measures)
    _show_classes(screen, scores)
    _show_confusions(screen, scores)
    show_reliability(
        screen,
        "Is the confidence what it says?",
        ("confidence", "really right"),
        [(b.low, b.high, b.rows, b.mean_confidence, b.accuracy) for b in scores.reliability],
    )


def show_reliability(
    screen: Screen,
    question: str,
    names: tuple[str, str],
    bins: list[tuple[float, float, int, float, float]],
) -> None:
    """Write what probabilities say and what is so.

    Args:
        screen: where to.
        question: the heading.
        names: what the probabilities are called, and what they are held against.
        bins: lower and upper end, rows, mean probability, share; those without rows are left out.
    """
    screen.heading(question)
    screen.table(
        (
            Column(names[0]),
            Column("rows", "right"),
            Column("mean said", "right"),
            Column(names[1], "right"),
        ),
        [
            (f"{low:.1f} to {high:.1f}", f"{rows:,}", number(said), number(found))
            for low, high, rows, said, found in bins
            if rows
        ],
    )


def _show_classes(screen: Screen, scores: ModelScores) -> None:
    shown = [c for c in scores.classes if c.support or c.predicted]
    more = ""
    if len(shown) > _SHOWN_CLASSES:
        more = f": the {_SHOWN_CLASSES} of {len(shown)} with the lowest F1"
        shown = sorted(shown, key=lambda c: c.f1)[:_SHOWN_CLASSES]
    screen.heading(f"Classes{more}")
    screen.table(
        (
            Column("label", max_width=40),
            Column("rows", "right"),
            Column("predicted", "right"),
            Column("precision", "right"),
            Column("recall", "right"),
            Column("F1", "right"),
        ),
        [
            (
                c.label,
                f"{c.support:,}",
                f"{c.predicted:,}",
                number(c.precision),
                number(c.recall),
                number(c.f1),
            )
            for c in shown
        ],
    )


def _show_confusions(screen: Screen, scores: ModelScores) -> None:
    if not scores.confusions:
        return
    screen.heading("Most frequent mix-ups")
    screen.table(
        (
            Column("true label", max_width=40),
            Column("predicted", max_width=40),
            Column("rows", "right"),
            Column("of the class", "right"),
        ),
        [
            (c.true, c.predicted, f"{c.rows:,}", share(c.share))
            for c in scores.confusions[:_SHOWN_CONFUSIONS]
        ],
    )
