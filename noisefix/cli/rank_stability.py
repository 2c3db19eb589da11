"""Whether corrected labels change which model wins, on the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from noisefix.cli.columns import Column
from noisefix.cli.terminal import Screen
from noisefix.cli.wording import interval, plural, share

if TYPE_CHECKING:
    from noisefix.evaluation.rank_results import Pair, RankStability
    from noisefix.probability import Interval

_SHOWN_PAIRS = 15
_NAME = Column("model", max_width=40, is_flexible=True)


def show_rank_stability(screen: Screen, found: RankStability) -> None:
    """Write the verdict, the models, what becomes of them with more errors, and the pairs."""
    out = "".join(f"; left out: {rows:,} ({why})" for why, rows in found.left_out.items())
    screen.line(
        f"{plural(len(found.models), 'model')} on {plural(found.rows, 'row')}; right labels: "
        f"{found.source}{out}",
        style="bold",
    )
    screen.line(opening(found))
    about = "about " if found.is_posterior else ""
    screen.line(
        f"Wrong given labels: {about}{found.wrong:,.0f} ({share(found.error_share)}). Kendall's "
        f"tau of the two rankings: {_tau(found.tau)}. Intervals are 90 %."
    )
    _show_models(screen, found)
    _show_sweep(screen, found)
    _show_pairs(screen, found)


def opening(found: RankStability) -> str:
    """Say in a sentence which model wins, and how likely that is to change."""
    given, corrected = (" and ".join(best) for best in (found.best_given, found.best_corrected))
    if len(found.models) == 1:
        return "One model alone: there is no ranking to change."
    sure = f"the best model changes with probability {found.p_winner_changes:.2f}"
    if found.best_given == found.best_corrected:
        return f"{given}: best by given and by corrected labels; {sure}."
    return f"{given}: best by given labels; {corrected}: best by corrected ones; {sure}."


def _tau(tau: float) -> str:
    return "-" if math.isnan(tau) else f"{tau:.2f}"


def _with_interval(found: Interval) -> str:
    if math.isnan(found.value):
        return "-"
    if math.isnan(found.low):
        return share(found.value)
    return f"{share(found.value)} ({interval(found.low, found.high)})"


def _show_models(screen: Screen, found: RankStability) -> None:
    screen.heading("Models")
    has_expected = not found.is_posterior and all(m.expected is not None for m in found.models)
    columns = [
        _NAME,
        Column("given labels", "right"),
        Column("rank", "right"),
        Column("corrected", "right"),
        Column("rank", "right"),
        Column("best with probability", "right"),
    ]
    if has_expected:
        columns.append(Column("estimated", "right"))
    screen.table(
        columns,
        [
            (
                m.name,
                share(m.given.value),
                str(m.given_rank),
                _with_interval(m.corrected),
                str(m.corrected_rank),
                f"{m.p_best_corrected:.2f}",
                *([_with_interval(m.expected)] if has_expected and m.expected else []),
            )
            for m in found.models
        ],
    )
    screen.heading("On the rows whose given label is wrong")
    screen.table(
        (
            _NAME,
            Column("says the right label", "right"),
            Column("repeats the wrong one", "right"),
            Column("on all other rows", "right"),
        ),
        [
            (
                m.name,
                _with_interval(m.on_wrong),
                _with_interval(m.memorised),
                share(m.on_right.value),
            )
            for m in found.models
        ],
    )


def _show_sweep(screen: Screen, found: RankStability) -> None:
    if len(found.sweep) < 2:
        return
    screen.heading("If more of the labels were wrong: accuracy on corrected labels")
    shown = found.sweep[:: 2 if len(found.sweep) > 6 else 1]
    screen.table(
        (_NAME, *(Column(f"{share(point.error_share)} wrong", "right") for point in shown)),
        [
            (m.name, *(share(point.accuracies[place].value) for point in shown))
            for place, m in enumerate(found.models)
        ],
    )


def _show_pairs(screen: Screen, found: RankStability) -> None:
    if not found.pairs:
        return
    shown = found.pairs[:_SHOWN_PAIRS]
    cut = f": {len(shown)} of {len(found.pairs)}" if len(shown) < len(found.pairs) else ""
    screen.heading(f"Which order may flip{cut}")
    screen.table(
        (
            Column("better by given labels", max_width=40, is_flexible=True),
            Column("than", max_width=40, is_flexible=True),
            Column("ahead: given", "right"),
            Column("corrected", "right"),
            Column("order flips", "right"),
            Column("equal where", "right"),
        ),
        [
            (
                pair.one,
                pair.other,
                _lead(pair.lead_given),
                _lead(pair.lead_corrected),
                f"{pair.p_flip:.2f}",
                _equal_where(pair),
            )
            for pair in shown
        ],
    )


def _lead(found: Interval) -> str:
    low, high = (100 * end for end in (found.low, found.high))
    return f"{100 * found.value:+.1f} ({low:+.1f} to {high:+.1f})"


def _equal_where(pair: Pair) -> str:
    if pair.crosses_at is None:
        return "-"
    return f"{share(pair.crosses_at.value)} wrong"
